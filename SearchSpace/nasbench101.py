"""The search space of NAS-Bench-101 (Ying et al., ICML 2019): 423,624 cells of up to 7 vertices and 9 edges.

A cell is written vertex by vertex, each as an operation and its sources. The input is vertex 0 and the output comes
last: `conv3x3-bn-relu~0|maxpool3x3~0,1|output~0,1,2`. The benchmark's JSON form can be read as well:
`{"matrix": [[0, 1, …], …], "ops": ["input", "conv3x3-bn-relu", …, "output"]}`. Vertices that are not on a path from
the input to the output are removed. `network` turns a cell into the benchmark's network, and `cell_of` turns it back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from random import Random
from typing import Any

from PlainNet import BlockSpec, Structure
from PlainNet.blocks.nasbench101 import (
    EDGES,
    KERNELS,
    OPERATIONS,
    OUTPUT,
    VERTICES,
    Edge,
    edges_of,
    matrix_of,
    passed,
    vertex_channels,
)
from SearchSpace.base import SPACES, SearchSpaceError
from SearchSpace.decisions import Decision, DecisionSpace, check_choices
from SearchSpace.graphs import Graph, one_hot

MAX_EDGES = 9
CHANNELS = 128
STACKS = 3
CELLS_A_STACK = 3

DECISIONS = (
    *(Decision(f"edge_{i}_to_{j}", ("absent", "present")) for i, j in EDGES),
    *(Decision(f"operation_{vertex}", OPERATIONS) for vertex in range(1, OUTPUT)),
)
"""The 21 edges, then the operations of the five vertices between input and output."""

_VERTEX = re.compile(r"([a-z0-9-]+)~([0-9]+(?:,[0-9]+)*)")
_MAX_TEXT = 2_000


@dataclass(frozen=True)
class Cell101:
    """A cell. Vertex 0 is the input, and vertex `len(operations) + 1` is the output.

    operations: the operations of the vertices between input and output, at most 5.
    edges: sorted pairs (from, to) with from < to, at most 9.

    Every vertex is on a path from the input to the output; use `pruned` to make a cell from any graph. Raises
    SearchSpaceError if a condition is not met.
    """

    operations: tuple[str, ...]
    edges: tuple[Edge, ...]

    def __post_init__(self) -> None:
        if any(not 0 <= i < j <= self.output for i, j in self.edges) or list(self.edges) != sorted(set(self.edges)):
            raise SearchSpaceError(f"edges are {str(self.edges)[:80]}, expected sorted pairs (from, to) with from < to")
        if len(self.operations) > VERTICES - 2:
            raise SearchSpaceError(f"the cell has {len(self.operations) + 2} vertices, expected at most {VERTICES}")
        if len(self.edges) > MAX_EDGES:
            raise SearchSpaceError(f"the cell has {len(self.edges)} edges, expected at most {MAX_EDGES}")
        for operation in self.operations:
            if operation not in OPERATIONS:
                raise SearchSpaceError(
                    f"unknown operation {str(operation)[:80]!r}, expected one of {', '.join(OPERATIONS)}"
                )
        if passed(self.edges, self.output) != list(range(self.output + 1)):
            raise SearchSpaceError(
                f"{self} has vertices that are not on a path from the input to the output: use pruned()"
            )

    @property
    def output(self) -> int:
        """The number of the output vertex."""
        return len(self.operations) + 1

    @classmethod
    def parse(cls, text: str) -> Cell101:
        """Read a cell, in the notation or in the benchmark's JSON form. Raises SearchSpaceError for any other text."""
        if len(text) > _MAX_TEXT:
            raise SearchSpaceError(f"the cell has {len(text)} characters, more than {_MAX_TEXT}")
        if text.lstrip().startswith("{"):
            return _of_json(text)
        found = [_read_vertex(part, number) for number, part in enumerate(text.strip().split("|"), start=1)]
        *operations, last = [operation for operation, _ in found]
        if last != "output":
            raise SearchSpaceError(f"the last vertex is {last!r}, expected output~ followed by its sources")
        return pruned(operations, [(i, number) for number, (_, sources) in enumerate(found, start=1) for i in sources])

    def __str__(self) -> str:
        return "|".join(
            f"{operation}~{','.join(str(i) for i, j in self.edges if j == number)}"
            for number, operation in enumerate((*self.operations, "output"), start=1)
        )


def pruned(operations: Sequence[str], edges: Collection[Edge]) -> Cell101:
    """Return the cell of a graph, without the vertices that are not on a path from the input to the output.

    operations: those of the vertices between input and output. edges: pairs (from, to). Raises SearchSpaceError if no
    path leads from the input to the output, or if the cell has too many vertices or edges.
    """
    vertices = passed(edges, len(operations) + 1)
    if not vertices:
        raise SearchSpaceError("no path leads from the input to the output: add edges")
    places = {vertex: place for place, vertex in enumerate(vertices)}
    kept = {(places[i], places[j]) for i, j in edges if i in places and j in places}
    return Cell101(tuple(operations[vertex - 1] for vertex in vertices[1:-1]), tuple(sorted(kept)))


def _read_vertex(text: str, number: int) -> tuple[str, list[int]]:
    match = _VERTEX.fullmatch(text.strip())
    if match is None or match[1] not in (*OPERATIONS, "output"):
        raise SearchSpaceError(
            f"vertex {number} is {text[:80]!r}, expected one of {', '.join(OPERATIONS)}, output, then ~ and its sources"
        )
    sources = [int(i) for i in match[2].split(",")]
    for i in sources:
        if i >= number:
            raise SearchSpaceError(f"vertex {number} has source {i}, expected numbers less than {number}")
    return match[1], sources


def _of_json(text: str) -> Cell101:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SearchSpaceError(f"{text[:80]!r} is not valid JSON: {error}") from None
    # The names of the arguments of ModelSpec, and the names in the benchmark's results.
    matrix = found.get("matrix", found.get("module_adjacency"))
    operations = found.get("ops", found.get("module_operations"))
    if (
        not isinstance(operations, list)
        or len(operations) < 2
        or (operations[0], operations[-1]) != ("input", "output")
    ):
        raise SearchSpaceError(
            f"ops is {str(operations)[:80]!r}, expected a list that starts with input and ends with output"
        )
    return pruned(operations[1:-1], _edges_of_rows(matrix, len(operations)))


def _edges_of_rows(matrix: Any, vertices: int) -> list[Edge]:
    if not isinstance(matrix, list) or len(matrix) != vertices:
        raise SearchSpaceError(f"matrix is {str(matrix)[:80]!r}, expected {vertices} rows, one for each entry of ops")
    edges = []
    for i, row in enumerate(matrix):
        if not isinstance(row, list) or len(row) != vertices or any(bit not in (0, 1) for bit in row):
            raise SearchSpaceError(f"row {i} of matrix is {str(row)[:80]!r}, expected {vertices} zeros and ones")
        if any(row[: i + 1]):
            raise SearchSpaceError(
                f"row {i} of matrix has a 1 on or before the diagonal, expected edges to later vertices only"
            )
        edges += [(i, j) for j, bit in enumerate(row) if bit]
    return edges


# -- networks --------------------------------------------------------------------------------


def network(cell: Cell101, channels: int = CHANNELS, cells: int = CELLS_A_STACK) -> Structure:
    """Return the benchmark's network: stem, then three stacks of `cells` cells with max pooling in between."""
    blocks = [BlockSpec("ConvKX", (3, channels, 3, 1)), BlockSpec("BN", (channels,)), BlockSpec("RELU", (channels,))]
    before = channels
    for stack in range(STACKS):
        if stack:
            blocks.append(BlockSpec("MaxPool", (before, 2, 2)))
        for _ in range(cells):
            blocks.append(_block(cell, before, channels << stack))
            before = channels << stack
    return Structure.of(blocks)


def _block(cell: Cell101, in_channels: int, out_channels: int) -> BlockSpec:
    """The block of a cell. Its output is always vertex 6; unused vertices come right before it, without edges."""
    edges = [(i, OUTPUT if j == cell.output else j) for i, j in cell.edges]
    operations = [OPERATIONS.index(operation) for operation in cell.operations]
    operations += (VERTICES - 2 - len(operations)) * [0]
    return BlockSpec("NB101Cell", (in_channels, out_channels, matrix_of(edges), *operations))


def cell_of(structure: Structure) -> Cell101:
    """Return the cell of a structure that `network` made. Raises SearchSpaceError for any other structure."""
    for spec in structure.blocks:
        if spec.kind == "NB101Cell" and len(spec.args) == VERTICES + 1:
            _, _, matrix, *operations = spec.args
            if 0 <= matrix < 1 << VERTICES * (VERTICES - 1) // 2 and set(operations) <= set(range(len(OPERATIONS))):
                cell = pruned([OPERATIONS[i] for i in operations], edges_of(matrix))
                if network(cell) == structure:
                    return cell
            break
    raise SearchSpaceError(f"{str(structure)[:120]} is not a network of NAS-Bench-101")


def parameters(cell: Cell101, num_classes: int = 10) -> int:
    """Return the number of parameters of the network of a cell, in microseconds: that of `PlainNet.cost`.

    It is used for whole tables; a test holds it equal to the cost. Convolutions have no bias, batch-norms have two
    parameters a channel.
    """

    def convolution(kernel: int, before: int, after: int) -> int:
        return kernel**2 * before * after + 2 * after

    total = convolution(3, 3, CHANNELS) + ((CHANNELS << STACKS - 1) + 1) * num_classes
    before = CHANNELS
    for stack in range(STACKS):
        after = CHANNELS << stack
        widths = vertex_channels(cell.edges, cell.output, after)
        projected = [after if j == cell.output else widths[j] for i, j in cell.edges if i == 0]
        inside = sum(
            convolution(KERNELS[operation], widths[vertex], widths[vertex])
            for vertex, operation in enumerate(cell.operations, start=1)
            if operation in KERNELS
        )
        for entering in (before, *(CELLS_A_STACK - 1) * (after,)):
            total += inside + sum(convolution(1, entering, width) for width in projected)
        before = after
    return total


@lru_cache(maxsize=1 << 16)
def canonical(cell: Cell101) -> str:
    """Return a name that is equal for cells that differ only in the order of their vertices.

    It is the smallest of these cells, in the notation. The classes are those of the benchmark: the cells of a class
    compute the same function of their weights. The only exception are cells whose output channels cannot be divided
    evenly among vertices; there, the order decides which vertices get one channel more.
    """
    inner = range(1, cell.output)
    found = []
    for order in permutations(inner):
        places = {0: 0, cell.output: cell.output, **{vertex: place for place, vertex in enumerate(order, start=1)}}
        edges = [(places[i], places[j]) for i, j in cell.edges]
        if all(i < j for i, j in edges):
            found.append((tuple(sorted(edges)), tuple(cell.operations[vertex - 1] for vertex in order)))
    edges_, operations = min(found)
    return str(Cell101(operations, edges_))


# -- the space -------------------------------------------------------------------------------


@dataclass(frozen=True)
class NASBench101(DecisionSpace):
    """The space as networks, for a search.

    A mutation changes the operation of a vertex, adds or removes an edge, or adds a vertex on a new path. Vertices that
    are no longer on a path from the input to the output are removed.
    """

    start: Cell101
    name: str = "nasbench101"

    def initial(self) -> Structure:
        """Return the structure that a search starts from."""
        return network(self.start)

    def sample(self, rng: Random) -> Structure:
        """Return a network as the benchmark samples: draw a matrix and operations uniformly until they make a cell."""
        while True:
            operations = [rng.choice(OPERATIONS) for _ in range(VERTICES - 2)]
            try:
                return network(pruned(operations, edges_of(rng.getrandbits(VERTICES * (VERTICES - 1) // 2))))
            except SearchSpaceError:
                continue

    def mutate(self, structure: Structure, rng: Random, changes: int = 1) -> Structure:
        """Return the network after `changes` random changes, each to a different cell."""
        cell = cell_of(structure)
        for _ in range(changes):
            cell = _mutated(cell, rng)
        return network(cell)

    def contains(self, structure: Structure) -> bool:
        """Return whether `structure` is in the space."""
        try:
            cell_of(structure)
        except SearchSpaceError:
            return False
        return True

    def decisions(self) -> tuple[Decision, ...]:
        """Return the decisions of the space, in the order of `choices`."""
        return DECISIONS

    def encode(self, structure: Structure) -> tuple[int, ...]:
        """Return 21 edges as 0 or 1, then 5 operations. Raises SearchSpaceError if `structure` is not in the space.

        Unused vertices come right before the output. They have the first operation and an edge from the input, so that
        one more edge, to the output, puts the first of them to use.
        """
        cell = cell_of(structure)
        unused = range(cell.output, OUTPUT)
        edges = {(i, OUTPUT if j == cell.output else j) for i, j in cell.edges} | {(0, vertex) for vertex in unused}
        operations = [OPERATIONS.index(operation) for operation in cell.operations] + len(unused) * [0]
        return (*(int(edge in edges) for edge in EDGES), *operations)

    def decode(self, choices: Sequence[int]) -> Structure:
        """Return the network of 21 edges and 5 operations, without the vertices that are on no path to the output.

        Raises SearchSpaceError if the choices are not valid options, if no path leads from the input to the output, or
        if more than 9 edges are on such paths.
        """
        check_choices(DECISIONS, choices)
        edges = [edge for edge, present in zip(EDGES, choices, strict=False) if present]
        return network(pruned([OPERATIONS[i] for i in choices[len(EDGES) :]], edges))

    def graph(self, structure: Structure) -> Graph:
        """Return the cell as a graph: one feature for each operation, one for the input and one for the output.

        Raises SearchSpaceError if `structure` is not in the space.
        """
        cell, kinds = cell_of(structure), len(OPERATIONS)
        places = (kinds, *(OPERATIONS.index(operation) for operation in cell.operations), kinds + 1)
        return Graph(tuple(one_hot(place, kinds + 2) for place in places), cell.edges)

    def read(self, text: str) -> Structure:
        """Return the network of an architecture in the notation. Raises SearchSpaceError if the text is not one."""
        return network(Cell101.parse(text))

    def write(self, structure: Structure) -> str:
        """Return the architecture of a network in the notation. Raises SearchSpaceError if it is not in the space."""
        return str(cell_of(structure))

    def canonical(self, structure: Structure) -> str:
        """Return a name that is equal for networks known to compute the same function of their weights."""
        return canonical(cell_of(structure))


def _mutated(cell: Cell101, rng: Random) -> Cell101:
    """A different cell that is one step away."""
    while True:
        step = rng.choice((_change_operation, _change_edge, _add_vertex))
        try:
            found = step(cell, rng)
        except SearchSpaceError:  # disconnected, or too large
            continue
        if found != cell:
            return found


def _change_operation(cell: Cell101, rng: Random) -> Cell101:
    if not cell.operations:
        return cell
    operations = list(cell.operations)
    operations[rng.randrange(len(operations))] = rng.choice(OPERATIONS)
    return Cell101(tuple(operations), cell.edges)


def _change_edge(cell: Cell101, rng: Random) -> Cell101:
    i, j = sorted(rng.sample(range(cell.output + 1), 2))
    return pruned(cell.operations, set(cell.edges) ^ {(i, j)})


def _add_vertex(cell: Cell101, rng: Random) -> Cell101:
    """Add a vertex before an existing one, with one edge to it and one edge from it."""
    new = rng.randint(1, cell.output)
    edges = [(i + (i >= new), j + (j >= new)) for i, j in cell.edges]
    edges += [(rng.randrange(new), new), (new, rng.randint(new + 1, cell.output + 1))]
    operations = [*cell.operations[: new - 1], rng.choice(OPERATIONS), *cell.operations[new - 1 :]]
    return pruned(operations, edges)


def nasbench101(initial: Structure | None = None) -> NASBench101:
    """Return the space. It starts from the cell of `initial`, or from two 3×3 convolutions with a shortcut."""
    residual = Cell101(("conv3x3-bn-relu", "conv3x3-bn-relu"), ((0, 1), (0, 3), (1, 2), (2, 3)))
    return NASBench101(residual if initial is None else cell_of(initial))


SPACES.add("nasbench101", nasbench101)
