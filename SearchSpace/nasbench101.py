"""NAS-Bench-101 (Ying et al., ICML 2019): cells of up to seven vertices and nine edges, 423,624 different ones.

A cell is written vertex by vertex as operation and sources, the input being vertex 0 and the output the last:
`conv3x3-bn-relu~0|maxpool3x3~0,1|output~0,1,2`. The benchmark's own form is read too, as JSON:
`{"matrix": [[0, 1, …], …], "ops": ["input", "conv3x3-bn-relu", …, "output"]}`. Vertices that no path from the input to
the output passes are left out when a cell is made. `network(cell)` is the benchmark's network, `cell_of` the way back.
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
from PlainNet.blocks.nasbench101 import EDGES, OPERATIONS, OUTPUT, VERTICES, Edge, edges_of, matrix_of, passed
from SearchSpace.base import SPACES, SearchSpaceError
from SearchSpace.decisions import Decision, DecisionSpace, check_choices

MAX_EDGES = 9
CHANNELS = 128
STACKS = 3
CELLS_A_STACK = 3

DECISIONS = (
    *(Decision(f"edge_{i}_to_{j}", ("absent", "present")) for i, j in EDGES),
    *(Decision(f"operation_{vertex}", OPERATIONS) for vertex in range(1, OUTPUT)),
)
"""Each of the 21 edges, then the operations of the five vertices between input and output."""

_VERTEX = re.compile(r"([a-z0-9-]+)~([0-9]+(?:,[0-9]+)*)")
_MAX_TEXT = 2_000


@dataclass(frozen=True)
class Cell101:
    """operations: those of the vertices between input and output; edges: (from, to), in order.

    Vertex 0 is the input, `len(operations) + 1` the output; all are on paths between the two. `pruned` makes one of any
    graph. Raises SearchSpaceError.
    """

    operations: tuple[str, ...]
    edges: tuple[Edge, ...]

    def __post_init__(self) -> None:
        if any(not 0 <= i < j <= self.output for i, j in self.edges) or list(self.edges) != sorted(set(self.edges)):
            raise SearchSpaceError(f"edges {str(self.edges)[:80]} are not in order, expected (from, to) with from < to")
        if len(self.operations) > VERTICES - 2:
            raise SearchSpaceError(f"the cell has {len(self.operations) + 2} vertices, expected at most {VERTICES}")
        if len(self.edges) > MAX_EDGES:
            raise SearchSpaceError(f"the cell has {len(self.edges)} edges, expected at most {MAX_EDGES}")
        for operation in self.operations:
            if operation not in OPERATIONS:
                raise SearchSpaceError(f"operation {str(operation)[:80]!r}, expected one of {', '.join(OPERATIONS)}")
        if passed(self.edges, self.output) != list(range(self.output + 1)):
            raise SearchSpaceError(
                f"{self} has vertices that are on no path from the input to the output: use pruned()"
            )

    @property
    def output(self) -> int:
        return len(self.operations) + 1

    @classmethod
    def parse(cls, text: str) -> Cell101:
        """Read the notation or the benchmark's form as JSON; raises SearchSpaceError saying what was expected where."""
        if len(text) > _MAX_TEXT:
            raise SearchSpaceError(f"the cell has {len(text)} characters, more than {_MAX_TEXT}")
        if text.lstrip().startswith("{"):
            return _of_json(text)
        found = [_read_vertex(part, number) for number, part in enumerate(text.strip().split("|"), start=1)]
        *operations, last = [operation for operation, _ in found]
        if last != "output":
            raise SearchSpaceError(f"the last vertex is {last!r}, expected output~ and its sources")
        return pruned(operations, [(i, number) for number, (_, sources) in enumerate(found, start=1) for i in sources])

    def __str__(self) -> str:
        return "|".join(
            f"{operation}~{','.join(str(i) for i, j in self.edges if j == number)}"
            for number, operation in enumerate((*self.operations, "output"), start=1)
        )


def pruned(operations: Sequence[str], edges: Collection[Edge]) -> Cell101:
    """The cell of a graph, without the vertices that no path from input to output passes. Raises SearchSpaceError."""
    vertices = passed(edges, len(operations) + 1)
    if not vertices:
        raise SearchSpaceError("no path leads from the input to the output: add an edge")
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
            raise SearchSpaceError(f"vertex {number} has source {i}, expected numbers below {number}")
    return match[1], sources


def _of_json(text: str) -> Cell101:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SearchSpaceError(f"no JSON: {error}, in {text[:80]!r}") from None
    # The names of ModelSpec's arguments, and those of the benchmark's answers.
    matrix = found.get("matrix", found.get("module_adjacency"))
    operations = found.get("ops", found.get("module_operations"))
    if (
        not isinstance(operations, list)
        or len(operations) < 2
        or (operations[0], operations[-1]) != ("input", "output")
    ):
        raise SearchSpaceError(f"ops is {str(operations)[:80]!r}, expected a list from input to output")
    return pruned(operations[1:-1], _edges_of_rows(matrix, len(operations)))


def _edges_of_rows(matrix: Any, vertices: int) -> list[Edge]:
    if not isinstance(matrix, list) or len(matrix) != vertices:
        raise SearchSpaceError(f"matrix is {str(matrix)[:80]!r}, expected {vertices} rows, one for each of ops")
    edges = []
    for i, row in enumerate(matrix):
        if not isinstance(row, list) or len(row) != vertices or any(bit not in (0, 1) for bit in row):
            raise SearchSpaceError(f"row {i} of matrix is {str(row)[:80]!r}, expected {vertices} zeros and ones")
        if any(row[: i + 1]):
            raise SearchSpaceError(
                f"row {i} of matrix has a 1 up to its diagonal, expected edges to later vertices only"
            )
        edges += [(i, j) for j, bit in enumerate(row) if bit]
    return edges


# -- networks --------------------------------------------------------------------------------


def network(cell: Cell101, channels: int = CHANNELS, cells: int = CELLS_A_STACK) -> Structure:
    """The benchmark's network: stem, three stacks of `cells` cells with max-pooling between them."""
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
    """The cell as a block, whose output is always vertex 6: vertices that are missing stand before it, unconnected."""
    edges = [(i, OUTPUT if j == cell.output else j) for i, j in cell.edges]
    operations = [OPERATIONS.index(operation) for operation in cell.operations]
    operations += (VERTICES - 2 - len(operations)) * [0]
    return BlockSpec("NB101Cell", (in_channels, out_channels, matrix_of(edges), *operations))


def cell_of(structure: Structure) -> Cell101:
    """The cell of a network that `network` made. Raises SearchSpaceError for any other structure."""
    for spec in structure.blocks:
        if spec.kind == "NB101Cell" and len(spec.args) == VERTICES + 1:
            _, _, matrix, *operations = spec.args
            if 0 <= matrix < 1 << VERTICES * (VERTICES - 1) // 2 and set(operations) <= set(range(len(OPERATIONS))):
                cell = pruned([OPERATIONS[i] for i in operations], edges_of(matrix))
                if network(cell) == structure:
                    return cell
            break
    raise SearchSpaceError(f"{str(structure)[:120]} is no network of NAS-Bench-101")


@lru_cache(maxsize=1 << 16)
def canonical(cell: Cell101) -> str:
    """The notation of the least of all cells that differ in the order of vertices only.

    These are the benchmark's classes: cells of one class compute the same function of their weights, but for the
    channel more that some vertices have where the output's channels cannot be shared out evenly.
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

    A mutation gives a vertex another operation, adds or removes an edge, or adds a vertex on a new path; what is then
    on no path from the input to the output is removed.
    """

    start: Cell101
    name: str = "nasbench101"

    def initial(self) -> Structure:
        return network(self.start)

    def sample(self, rng: Random) -> Structure:
        """As the benchmark samples: a matrix and operations drawn uniformly, until there is a cell in them."""
        while True:
            operations = [rng.choice(OPERATIONS) for _ in range(VERTICES - 2)]
            try:
                return network(pruned(operations, edges_of(rng.getrandbits(VERTICES * (VERTICES - 1) // 2))))
            except SearchSpaceError:
                continue

    def mutate(self, structure: Structure, rng: Random, changes: int = 1) -> Structure:
        cell = cell_of(structure)
        for _ in range(changes):
            cell = _mutated(cell, rng)
        return network(cell)

    def contains(self, structure: Structure) -> bool:
        try:
            cell_of(structure)
        except SearchSpaceError:
            return False
        return True

    def decisions(self) -> tuple[Decision, ...]:
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

    def read(self, text: str) -> Structure:
        return network(Cell101.parse(text))

    def write(self, structure: Structure) -> str:
        return str(cell_of(structure))

    def canonical(self, structure: Structure) -> str:
        return canonical(cell_of(structure))


def _mutated(cell: Cell101, rng: Random) -> Cell101:
    """Another cell, one step away."""
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
    """A vertex before one that there is, with one edge to it and one from it."""
    new = rng.randint(1, cell.output)
    edges = [(i + (i >= new), j + (j >= new)) for i, j in cell.edges]
    edges += [(rng.randrange(new), new), (new, rng.randint(new + 1, cell.output + 1))]
    operations = [*cell.operations[: new - 1], rng.choice(OPERATIONS), *cell.operations[new - 1 :]]
    return pruned(operations, edges)


def nasbench101(initial: Structure | None = None) -> NASBench101:
    """Starts from two 3×3 convolutions with a link around them, or from the cell of `initial`."""
    residual = Cell101(("conv3x3-bn-relu", "conv3x3-bn-relu"), ((0, 1), (0, 3), (1, 2), (2, 3)))
    return NASBench101(residual if initial is None else cell_of(initial))


SPACES.add("nasbench101", nasbench101)
