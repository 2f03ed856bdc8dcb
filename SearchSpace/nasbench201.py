"""The search space of NAS-Bench-201 (Dong and Yang, ICLR 2020): 15,625 cells, with one of 5 operations on 6 edges.

A cell is written `|nor_conv_3x3~0|+|none~0|skip_connect~1|+|…|`: nodes are separated by `+`, and each node lists its
edges as `operation~source`. `network` turns a cell into the benchmark's network, which is an ordinary structure, and
`cell_of` turns it back. `canonical` returns one name for all cells that compute the same function.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import permutations, product
from random import Random
from typing import NamedTuple, TypeAlias

from PlainNet import BlockSpec, Structure, ops
from PlainNet.blocks.nasbench201 import EDGES, OPERATIONS
from PlainNet.cost import op_cost
from PlainNet.ops import OpGraph
from PlainNet.sizes import sides
from SearchSpace.base import SPACES, SearchSpaceError
from SearchSpace.decisions import Decision, DecisionSpace, check_choices
from SearchSpace.graphs import Graph, Link, one_hot

CHANNELS = 16
CELLS_A_STAGE = 5
STAGES = 3

DECISIONS = tuple(Decision(f"edge_{source}_to_{to}", OPERATIONS) for to, source in EDGES)
"""One decision per edge: 5⁶ = 15,625 cells, each with 24 neighbours."""

CONVOLUTIONS = ("nor_conv_1x1", "nor_conv_3x3")

_EDGE = re.compile(r"([a-z0-9_]+)~([0-9])")


@dataclass(frozen=True)
class Cell201:
    """A cell: the operation on each edge, as an index into `OPERATIONS`, in the order of `EDGES`."""

    edges: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Cell201:
        """Read a cell in the form `|nor_conv_3x3~0|+|…|+|…|`. Raises SearchSpaceError if the text has another form."""
        nodes = text.strip().split("+")
        if len(nodes) != 3:
            raise SearchSpaceError(f"{text[:120]!r} has {len(nodes)} nodes, expected 3 separated by +")
        found = []
        for number, node in enumerate(nodes, start=1):
            parts = node.strip().split("|")
            if len(parts) != number + 2 or parts[0] or parts[-1]:
                raise SearchSpaceError(
                    f"node {number} is {node[:80]!r}, expected {number} edges between bars: |op~0|…|"
                )
            found += [_read_edge(part, source) for source, part in enumerate(parts[1:-1])]
        return cls(tuple(found))

    def __str__(self) -> str:
        return "+".join(
            "".join(f"|{OPERATIONS[e]}~{j}" for (to, j), e in zip(EDGES, self.edges, strict=True) if to == i) + "|"
            for i in (1, 2, 3)
        )


def _read_edge(text: str, source: int) -> int:
    match = _EDGE.fullmatch(text.strip())
    if match is None or match[1] not in OPERATIONS or int(match[2]) != source:
        raise SearchSpaceError(f"edge {text[:80]!r}: expected one of {', '.join(OPERATIONS)}, then ~{source}")
    return OPERATIONS.index(match[1])


def all_cells() -> Iterator[Cell201]:
    """Yield all 15,625 cells."""
    return (Cell201(edges) for edges in product(range(len(OPERATIONS)), repeat=len(EDGES)))


@lru_cache(maxsize=1 << 14)  # a search of a table meets all cells again and again
def network(cell: Cell201, channels: int = CHANNELS, cells: int = CELLS_A_STAGE) -> Structure:
    """Return the benchmark's network: stem, three stages of `cells` cells with reductions in between, BN and ReLU."""
    blocks = [BlockSpec("ConvKX", (3, channels, 3, 1)), BlockSpec("BN", (channels,))]
    width = channels
    for stage in range(STAGES):
        if stage:
            blocks.append(BlockSpec("NB201Reduction", (width, 2 * width)))
            width *= 2
        blocks += cells * [BlockSpec("NB201Cell", (width, *cell.edges))]
    return Structure((*blocks, BlockSpec("BN", (width,)), BlockSpec("RELU", (width,))))


def cell_of(structure: Structure) -> Cell201:
    """Return the cell of a structure that `network` made. Raises SearchSpaceError for any other structure."""
    for spec in structure.blocks:
        if spec.kind == "NB201Cell":
            cell = Cell201(spec.args[1:])
            if network(cell) == structure:
                return cell
    raise SearchSpaceError(f"{str(structure)[:120]} is not a network of NAS-Bench-201")


@cache
def canonical(cell: Cell201) -> str:
    """Return a name that is equal for cells that compute the same function of their weights.

    `skip_connect` is the identity and `none` is zero. The terms of a sum have no order, and edges without an input or
    without a way to the output are ignored. One convolution that is used twice differs from two convolutions. This
    gives 5,260 classes; the paper has 6,466, because it keeps zeros as terms. A batch-norm whose input is zero could
    learn a shift; this is ignored.
    """
    nodes: list[_Sum] = [("x",)]
    for node in (1, 2, 3):
        terms: list[_Term] = []
        for edge, (to, source) in enumerate(EDGES):
            operation = OPERATIONS[cell.edges[edge]]
            if to != node or operation == "none" or not nodes[source]:
                continue
            if operation == "skip_connect":
                terms += nodes[source]
            else:
                # Pooling has no weights, so two poolings of one value are the same.
                terms.append(_Operation(operation, nodes[source], edge if operation in CONVOLUTIONS else None))
        nodes.append(tuple(terms))
    return _name(nodes[-1])


@cache
def graph_of(cell: Cell201) -> Graph:
    """Return a cell as a graph whose nodes are its operations, as in Dudziak et al., BRP-NAS, NeurIPS 2020.

    The nodes are the input, the convolutions and poolings that contribute to the output, and the output; a link says
    that one's values flow into another. There is one feature for each operation, then one for the input and one for
    the output. An identity is a link; two of them side by side are the same link twice, where BRP-NAS has one.
    """
    arriving: list[tuple[int, ...]] = [(0,), (), (), ()]
    operations: list[int] = []
    links: list[Link] = []
    for node in (1, 2, 3):
        for chosen, (to, source) in zip(cell.edges, EDGES, strict=True):
            operation = OPERATIONS[chosen]
            if to != node or operation == "none" or not arriving[source]:
                continue
            if operation == "skip_connect":
                arriving[node] += arriving[source]
            else:
                operations.append(chosen)
                links += [(before, len(operations)) for before in arriving[source]]
                arriving[node] += (len(operations),)
    links += [(before, len(operations) + 1) for before in arriving[3]]
    used = {len(operations) + 1}
    for before, after in sorted(links, key=lambda link: -link[1]):
        if after in used:
            used.add(before)
    used.add(0)
    places = {node: place for place, node in enumerate(sorted(used))}
    kinds = len(OPERATIONS)
    labels = [kinds, *operations, kinds + 1]
    nodes = tuple(one_hot(labels[node], kinds + 2) for node in places)
    return Graph(nodes, tuple(sorted((places[a], places[b]) for a, b in links if a in used and b in used)))


class _Operation(NamedTuple):
    """An operation on a sum. `edge` distinguishes convolutions, which have weights of their own."""

    kind: str
    of: _Sum
    edge: int | None


_Term: TypeAlias = "str | _Operation"
_Sum: TypeAlias = "tuple[_Term, ...]"


def _name(value: _Sum) -> str:
    """The smallest text for `value`, over all ways to number convolutions that look the same."""
    alike: dict[str, set[int]] = {}
    for term in _operations(value):
        if term.edge is not None:
            alike.setdefault(_written((term,), {}), set()).add(term.edge)
    groups = [sorted(edges) for edges in alike.values() if len(edges) > 1]
    names = []
    for orders in product(*(permutations(range(len(edges))) for edges in groups)):
        numbers = {e: i for edges, order in zip(groups, orders, strict=True) for e, i in zip(edges, order, strict=True)}
        names.append(_written(value, numbers))
    return min(names)


def _operations(value: _Sum) -> Iterator[_Operation]:
    for term in value:
        if isinstance(term, _Operation):
            yield term
            yield from _operations(term.of)


def _written(value: _Sum, numbers: dict[int, int]) -> str:
    terms = []
    for term in value:
        if isinstance(term, _Operation):
            number = "" if term.edge is None or term.edge not in numbers else f"#{numbers[term.edge] + 1}"
            terms.append(f"{term.kind}{number}({_written(term.of, numbers)})")
        else:
            terms.append(term)
    return "+".join(sorted(terms))


def published_flops(graph: OpGraph) -> int:
    """Return the FLOPs of a network as NAS-Bench-201 publishes them, which include element-wise operations.

    In addition to multiply–accumulates, batch-norm counts 2 and ReLU 1 per output element, pooling the size of its
    window, and global pooling (height + 1)(width + 1). Everywhere else in this project, FLOPs are the
    multiply–accumulates of convolution and linear layers only.
    """
    total = 0
    for node in graph.nodes:
        match node.op:
            case ops.BatchNorm():
                total += 2 * node.shape.elements
            case ops.Relu():
                total += node.shape.elements
            case ops.AvgPool() as pool:
                total += pool.kernel**2 * node.shape.elements
            case ops.AdaptiveAvgPool():
                height, width = sides(graph.shape_of(node.inputs[0]).size)
                total += (height + 1) * (width + 1) * node.shape.elements
            case other:
                total += op_cost(other, node.shape).flops
    return total


@dataclass(frozen=True)
class NASBench201(DecisionSpace):
    """The search space of NAS-Bench-201 networks. A mutation changes the operation on a random edge."""

    start: Cell201
    name: str = "nasbench201"

    def initial(self) -> Structure:
        """Return the structure that a search starts from."""
        return network(self.start)

    def sample(self, rng: Random) -> Structure:
        """Return a network whose cell is drawn uniformly from all 15,625 cells."""
        return network(Cell201(tuple(rng.randrange(len(OPERATIONS)) for _ in EDGES)))

    def mutate(self, structure: Structure, rng: Random, changes: int = 1) -> Structure:
        """Return the network with other operations on `changes` random edges."""
        edges = list(cell_of(structure).edges)
        for i in rng.sample(range(len(edges)), min(changes, len(edges))):
            others = [operation for operation in range(len(OPERATIONS)) if operation != edges[i]]
            edges[i] = rng.choice(others)
        return network(Cell201(tuple(edges)))

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
        """Return the operation on each edge, as indices. Raises SearchSpaceError if `structure` is not in the space."""
        return cell_of(structure).edges

    def decode(self, choices: Sequence[int]) -> Structure:
        """Return the network of six operations. Raises SearchSpaceError unless there are six valid indices."""
        check_choices(DECISIONS, choices)
        return network(Cell201(tuple(choices)))

    def graph(self, structure: Structure) -> Graph:
        """Return the cell as a graph, see `graph_of`. Raises SearchSpaceError if `structure` is not in the space."""
        return graph_of(cell_of(structure))

    def read(self, text: str) -> Structure:
        """Return the network of an architecture in the notation. Raises SearchSpaceError if the text is not one."""
        return network(Cell201.parse(text))

    def write(self, structure: Structure) -> str:
        """Return the architecture of a network in the notation. Raises SearchSpaceError if it is not in the space."""
        return str(cell_of(structure))

    def canonical(self, structure: Structure) -> str:
        """Return a name that is equal for networks known to compute the same function of their weights."""
        return canonical(cell_of(structure))


def nasbench201(initial: Structure | None = None) -> NASBench201:
    """Return the space. It starts from the cell of `initial`, or from 3×3 convolutions on all edges if that is None."""
    everywhere = Cell201(len(EDGES) * (OPERATIONS.index("nor_conv_3x3"),))
    return NASBench201(everywhere if initial is None else cell_of(initial))


SPACES.add("nasbench201", nasbench201)
