"""The search space of DARTS (Liu et al., ICLR 2019): cells of four nodes, stacked to networks for CIFAR or ImageNet.

An architecture is a genotype (see `genotype.py`), optionally followed by its stacking: `Genotype(…) @ imagenet(48, 14)`
has 48 channels in the first of 14 cells. Without a stacking it is the paper's network for CIFAR. `network` makes the
structure; `genotype_of` and `stacking_of` turn it back. Networks of NDS (Radosavovic et al., ICCV 2019) can be read as
well, as entries of its files: `{"genotype": {"normal": …}, "width": 16, "depth": 20}`. Add `"image": "imagenet"` for
networks on ImageNet.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, permutations
from random import Random
from typing import Literal, NamedTuple, get_args

from PlainNet import BlockSpec, Structure, StructureError
from PlainNet.blocks.darts import KINDS, OPERATIONS, Cell, Stack
from PlainNet.blocktype import block_type
from SearchSpace.base import SPACES, SearchSpaceError
from SearchSpace.decisions import Decision, DecisionSpace, check_choices
from SearchSpace.genotype import PUBLISHED, Edge, Genotype, from_lists, from_syntax, literal, read_json, read_syntax
from SearchSpace.graphs import Graph, Link, one_hot
from SearchSpace.views import PolicyView

Image = Literal["cifar", "imagenet"]
SEARCHED = OPERATIONS[1:8]
"""The operations of the search space. DARTS's supernet also has `none`, which its genotypes never contain."""

NODES = 4
SOURCES = tuple(tuple(combinations(range(node + 2), 2)) for node in range(NODES))
"""For each node, the pairs of sources that its two edges may have."""


def _cell_decisions(cell: str) -> Iterator[Decision]:
    for node, pairs in enumerate(SOURCES):
        if len(pairs) > 1:
            yield Decision(f"{cell}_node{node}_sources", tuple(f"{a},{b}" for a, b in pairs))
        for i in (1, 2):
            yield Decision(f"{cell}_node{node}_operation{i}", SEARCHED)


DECISIONS = (*_cell_decisions("normal"), *_cell_decisions("reduce"))
"""22 decisions. Each cell has 1·3·6·10 ways to choose sources and 7⁸ ways to choose operations."""


class Stacking(NamedTuple):
    """How cells are stacked to a network.

    image: the stem, "cifar" for small images or "imagenet" for large ones.
    channels: the width of the first cell.
    layers: the number of cells.
    """

    image: Image = "cifar"
    channels: int = 36
    layers: int = 20

    def __str__(self) -> str:
        return f"{self.image}({self.channels}, {self.layers})"


def network(genotype: Genotype, channels: int = 36, layers: int = 20, image: Image = "cifar") -> Structure:
    """Return the network of a genotype, without DARTS's auxiliary head.

    The defaults are the paper's network for CIFAR; on ImageNet the paper has 48 channels and 14 layers. Raises
    SearchSpaceError if a value is not allowed.
    """
    cells = _cell(genotype.normal, genotype.normal_concat), _cell(genotype.reduce, genotype.reduce_concat)
    spec = Stack(3, channels, layers, image == "imagenet", *cells).spec()
    try:
        block_type(spec.kind).check(spec)
    except StructureError as error:
        raise SearchSpaceError(error.message) from None
    return Structure((spec,))


def _cell(edges: tuple[Edge, ...], concat: tuple[int, ...]) -> Cell:
    return Cell(tuple((OPERATIONS.index(operation), source) for operation, source in edges), concat)


def genotype_of(structure: Structure) -> Genotype:
    """Return the genotype of a structure that `network` made. Raises SearchSpaceError for any other structure."""
    stack = _stack(structure)
    return Genotype(*_edges(stack.normal), *_edges(stack.reduction))


def _edges(cell: Cell) -> tuple[tuple[Edge, ...], tuple[int, ...]]:
    return tuple((OPERATIONS[chosen], source) for chosen, source in cell.edges), cell.concat


def stacking_of(structure: Structure) -> Stacking:
    """Return the stacking of a structure that `network` made. Raises SearchSpaceError for any other structure."""
    stack = _stack(structure)
    return Stacking("imagenet" if stack.large_images else "cifar", stack.width, stack.cells)


def _stack(structure: Structure) -> Stack:
    spec: BlockSpec | None = structure.blocks[0] if len(structure.blocks) == 1 else None
    if spec is None or spec.kind not in KINDS.values() or spec.name:
        raise SearchSpaceError(f"{str(structure)[:120]} is not a network of DARTS cells")
    try:
        block_type(spec.kind).check(spec)
    except StructureError as error:
        raise SearchSpaceError(error.message) from None
    stack = Stack.of_spec(spec)
    if stack.in_channels != 3:
        raise SearchSpaceError(f"{spec.kind} takes {stack.in_channels} channels, expected 3, the channels of an image")
    return stack


# -- notation --------------------------------------------------------------------------------


def read(text: str) -> Structure:
    """Return the network of a genotype with or without a stacking, or of an entry of NDS's files.

    Raises SearchSpaceError if the text is not an architecture.
    """
    if text.lstrip().startswith("{"):
        return _read_entry(text)
    tree = read_syntax(text)
    stacking = Stacking()
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.MatMult):
        stacking = _stacking(tree.right)
        tree = tree.left
    return network(from_syntax(tree), stacking.channels, stacking.layers, stacking.image)


def _stacking(tree: ast.expr) -> Stacking:
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and not tree.keywords and len(tree.args) == 2:
        channels, layers = (literal(arg, "stacking") for arg in tree.args)
        if type(channels) is int and type(layers) is int and tree.func.id in get_args(Image):
            return Stacking("imagenet" if tree.func.id == "imagenet" else "cifar", channels, layers)
    raise SearchSpaceError(f"{ast.unparse(tree)[:80]!r} is not a stacking, expected cifar(36, 20) or imagenet(48, 14)")


def _read_entry(text: str) -> Structure:
    entry = read_json(text)
    entry = entry.get("net", entry)  # a whole line of NDS's files has the network under "net"
    if not isinstance(entry, dict) or "genotype" not in entry:
        return network(from_lists(entry))
    default = Stacking()
    channels, layers = entry.get("width", default.channels), entry.get("depth", default.layers)
    image = entry.get("image", default.image)
    for name, value in (("width", channels), ("depth", layers)):
        if type(value) is not int:
            raise SearchSpaceError(f"{name} is {str(value)[:80]!r}, expected a number")
    if image not in get_args(Image):
        raise SearchSpaceError(f"image is {str(image)[:80]!r}, expected cifar or imagenet")
    return network(from_lists(entry["genotype"]), channels, layers, image)


def write(structure: Structure) -> str:
    """Return the network's genotype, followed by its stacking unless that is the paper's for CIFAR.

    Raises SearchSpaceError if `network` did not make the structure.
    """
    genotype, stacking = genotype_of(structure), stacking_of(structure)
    return str(genotype) if stacking == Stacking() else f"{genotype} @ {stacking}"


@lru_cache(maxsize=1 << 16)
def canonical(structure: Structure) -> str:
    """Return a name that is equal for networks that compute the same function, up to the order of channels.

    The order of nodes and the order of a node's two edges do not matter. `none` and nodes without a way to the output
    are ignored. Raises SearchSpaceError if `network` did not make the structure.
    """
    genotype, stacking = genotype_of(structure), stacking_of(structure)
    normal = _canonical_cell(genotype.normal, genotype.normal_concat)
    return f"{normal} / {_canonical_cell(genotype.reduce, genotype.reduce_concat)} @ {stacking}"


@lru_cache(maxsize=1 << 16)
def _canonical_cell(edges: tuple[Edge, ...], concat: tuple[int, ...]) -> str:
    """The smallest text over all orders of the nodes that contribute to the output."""
    arriving = {i // 2 + 2: [edge for edge in edges[i : i + 2] if edge[0] != "none"] for i in range(0, len(edges), 2)}
    counted = set(concat)
    for node in sorted(arriving, reverse=True):
        if node in counted:
            counted |= {source for _, source in arriving[node]}
    nodes = [node for node in arriving if node in counted]
    texts = []
    for order in permutations(nodes):
        names = {0: 0, 1: 1, **{node: place for place, node in enumerate(order, start=2)}}
        if all(names[source] < names[node] for node in nodes for _, source in arriving[node]):
            sums = [
                "+".join(sorted(f"{operation}~{names[source]}" for operation, source in arriving[n])) for n in order
            ]
            texts.append(f"{'|'.join(sums)}={','.join(map(str, sorted(names[node] for node in concat)))}")
    return min(texts)


# -- the space -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Darts(DecisionSpace):
    """The search space of DARTS networks. A mutation changes the operation or the source of a random edge.

    The two edges of a node have different sources, and every node is part of the cell's output. All networks are
    stacked like `start`. `read`, `write` and `canonical` also accept genotypes outside the space.
    """

    start: Structure
    name: str = "darts"

    def initial(self) -> Structure:
        """Return the structure that a search starts from."""
        return self.start

    def sample(self, rng: Random) -> Structure:
        """Return a network whose sources and operations are drawn uniformly."""
        return self._network(_random_cell(rng), _random_cell(rng))

    def mutate(self, structure: Structure, rng: Random, changes: int = 1) -> Structure:
        """Return the network with `changes` random edges changed."""
        genotype = genotype_of(structure)
        cells = [list(genotype.normal), list(genotype.reduce)]
        for i in rng.sample(range(4 * NODES), min(changes, 4 * NODES)):
            edges = cells[i // (2 * NODES)]
            edges[i % (2 * NODES)] = _mutated(edges, i % (2 * NODES), rng)
        return self._network(tuple(cells[0]), tuple(cells[1]))

    def contains(self, structure: Structure) -> bool:
        """Return whether `structure` is in the space."""
        try:
            return self._why_not(structure) is None
        except SearchSpaceError:
            return False

    def decisions(self) -> tuple[Decision, ...]:
        """Return the decisions of the space, in the order of `choices`."""
        return DECISIONS

    def encode(self, structure: Structure) -> tuple[int, ...]:
        """Return 22 choices: for each node of each cell its pair of sources, then its two operations.

        A pair of sources has no order: the first operation is that of the source with the lower number. So
        `decode(encode(s))` is `s` with the two edges of each node sorted by source, which is the same network but for
        the names of its weights. The first node has no choice of sources. Raises SearchSpaceError if `structure` is not
        in the space.
        """
        genotype = genotype_of(structure)
        reason = self._why_not(structure)
        if reason is not None:
            raise SearchSpaceError(f"the network is not in the search space darts: {reason}")
        return (*_choices_of(genotype.normal), *_choices_of(genotype.reduce))

    def decode(self, choices: Sequence[int]) -> Structure:
        """Return the network of 22 choices, stacked like `start`. Raises SearchSpaceError for invalid options."""
        check_choices(DECISIONS, choices)
        half = len(DECISIONS) // 2
        return self._network(_edges_of_choices(choices[:half]), _edges_of_choices(choices[half:]))

    def policy_view(self) -> PolicyView:
        """Return how a policy draws networks: an operation for each possible edge, see `darts_edges.py`."""
        from SearchSpace.darts_edges import EdgesView  # imports this file

        return EdgesView(self._network)

    def graph(self, structure: Structure) -> Graph:
        """Return both cells as a graph, see `graph_of`. Raises SearchSpaceError if `structure` is not in the space."""
        return graph_of(self.encode(structure))

    def read(self, text: str) -> Structure:
        """Return the network of an architecture in the notation. Raises SearchSpaceError if the text is not one."""
        return read(text)

    def write(self, structure: Structure) -> str:
        """Return the architecture of a network in the notation. Raises SearchSpaceError if it is not in the space."""
        return write(structure)

    def canonical(self, structure: Structure) -> str:
        """Return a name that is equal for networks known to compute the same function of their weights."""
        return canonical(structure)

    def _why_not(self, structure: Structure) -> str | None:
        expected, found = stacking_of(self.start), stacking_of(structure)
        if found != expected:
            return f"it is stacked as {found}, expected {expected}"
        return why_not(genotype_of(structure))

    def _network(self, normal: tuple[Edge, ...], reduce: tuple[Edge, ...]) -> Structure:
        everything = tuple(range(2, NODES + 2))
        image, channels, layers = stacking_of(self.start)
        return network(Genotype(normal, everything, reduce, everything), channels, layers, image)


def _choices_of(edges: tuple[Edge, ...]) -> Iterator[int]:
    """The choices of one cell."""
    for pairs, first, second in zip(SOURCES, edges[::2], edges[1::2], strict=True):
        low, high = sorted((first, second), key=lambda edge: edge[1])
        if len(pairs) > 1:
            yield pairs.index((low[1], high[1]))
        yield from (SEARCHED.index(low[0]), SEARCHED.index(high[0]))


def _edges_of_choices(choices: Sequence[int]) -> tuple[Edge, ...]:
    """The edges of one cell."""
    left = iter(choices)
    edges: list[Edge] = []
    for pairs in SOURCES:
        sources = pairs[next(left) if len(pairs) > 1 else 0]
        edges += [(SEARCHED[next(left)], source) for source in sources]
    return tuple(edges)


def graph_of(choices: Sequence[int]) -> Graph:
    """Return the graph of the choices of a network: its two cells side by side, as in BRP-NAS (Dudziak et al., 2020).

    A cell has two inputs, and for each node its two operations and their sum; the output joins the four sums. The
    features are one for each operation, one each for inputs, sums and outputs, and one that says whether a node is part
    of the reduction cell, which BRP-NAS does not tell.
    """
    half, kinds = len(choices) // 2, len(SEARCHED)
    nodes: list[tuple[float, ...]] = []
    links: list[Link] = []
    for reduction, own in enumerate((choices[:half], choices[half:])):

        def add(place: int, sources: Sequence[int], reduction: int = reduction) -> int:
            here = len(nodes)
            nodes.append((*one_hot(place, kinds + 3), float(reduction)))
            links.extend((source, here) for source in sources)
            return here

        states = [add(kinds, ()), add(kinds, ())]
        edges = _edges_of_choices(own)
        for pair in zip(edges[::2], edges[1::2], strict=True):
            states.append(
                add(kinds + 1, [add(SEARCHED.index(operation), [states[source]]) for operation, source in pair])
            )
        add(kinds + 2, states[2:])
    return Graph(tuple(nodes), tuple(sorted(links)))


def _random_cell(rng: Random) -> tuple[Edge, ...]:
    sources = [source for node in range(NODES) for source in rng.sample(range(node + 2), 2)]
    return tuple((rng.choice(SEARCHED), source) for source in sources)


def _mutated(edges: list[Edge], i: int, rng: Random) -> Edge:
    """The new edge `i`. The first node has no choice of sources, so its edges only change their operations."""
    operation, source = edges[i]
    sources = [other for other in range(i // 2 + 2) if other not in (source, edges[i ^ 1][1])]
    if sources and rng.random() < 0.5:
        return operation, rng.choice(sources)
    return rng.choice([other for other in SEARCHED if other != operation]), source


def why_not(genotype: Genotype) -> str | None:
    """Return why a genotype is not in the search space, or None if it is."""
    everything = tuple(range(2, NODES + 2))
    if genotype.nodes != NODES:
        return f"its cells have {genotype.nodes} nodes, expected {NODES}"
    if (genotype.normal_concat, genotype.reduce_concat) != (everything, everything):
        return "a node is not part of the output"
    for edges in (genotype.normal, genotype.reduce):
        for first, second in zip(edges[::2], edges[1::2], strict=True):
            if first[1] == second[1]:
                return f"both edges of a node come from {first[1]}"
            for operation, _ in (first, second):
                if operation not in SEARCHED:
                    return f"it has {operation}, expected {', '.join(SEARCHED)}"
    return None


def darts(initial: Structure | None = None) -> Darts:
    """Return the space. It starts from `initial` and keeps its stacking, or from DARTS_V2 for CIFAR if that is None.

    Raises SearchSpaceError if `initial` is not in the space.
    """
    if initial is None:
        return Darts(network(PUBLISHED["DARTS_V2"]))
    reason = why_not(genotype_of(initial))
    if reason is not None:
        raise SearchSpaceError(f"the initial network is not in the search space darts: {reason}")
    return Darts(initial)


SPACES.add("darts", darts)
