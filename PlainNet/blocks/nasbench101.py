"""The cell of NAS-Bench-101 (Ying et al., ICML 2019): up to seven vertices and any edges to later vertices.

In `NB101Cell(in,out,matrix,op1,…,op5)`, vertex 0 is the input, vertex 6 the output, and `opi` the operation of vertex i
as an index into `OPERATIONS`. `matrix` has one bit for each of `EDGES`, highest bit first: the upper triangle of the
adjacency matrix, row by row. Vertices that are not on a path from the input to the output are ignored.
SearchSpace/nasbench101.py has a readable notation.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import reduce

from PlainNet.blocktype import IN, OUT, BlockType, Param, register
from PlainNet.ir import BlockSpec, StructureError
from PlainNet.lowering import Builder, Value

OPERATIONS = ("conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3")
VERTICES = 7
OUTPUT = VERTICES - 1
EDGES = tuple((i, j) for i in range(VERTICES) for j in range(i + 1, VERTICES))

Edge = tuple[int, int]
KERNELS = {"conv1x1-bn-relu": 1, "conv3x3-bn-relu": 3}


def matrix_of(edges: Collection[Edge]) -> int:
    """Return the argument `matrix` of a cell with these edges."""
    return int("".join("1" if edge in edges else "0" for edge in EDGES), 2)


def edges_of(matrix: int) -> list[Edge]:
    """Return the edges (from, to) of a cell, given its argument `matrix`."""
    return [edge for edge, bit in zip(EDGES, f"{matrix:0{len(EDGES)}b}", strict=True) if bit == "1"]


def passed(edges: Collection[Edge], output: int) -> list[int]:
    """Return the vertices on paths from vertex 0 to the output, sorted. Without a path, the list is empty."""
    ahead, behind = {0}, {output}
    for i, j in sorted(edges):
        if i in ahead:
            ahead.add(j)
    for i, j in sorted(edges, key=lambda edge: -edge[1]):
        if j in behind:
            behind.add(i)
    return sorted(ahead & behind) if output in ahead else []


def live_edges(matrix: int) -> list[Edge]:
    """Return the edges on paths from the input to the output. Raises StructureError if there is no such path."""
    edges = edges_of(matrix)
    vertices = passed(edges, OUTPUT)
    if not vertices:
        raise StructureError(f"matrix {matrix} of NB101Cell has no path from the input to the output")
    return [(i, j) for i, j in edges if i in vertices and j in vertices]


def vertex_channels(edges: Collection[Edge], output: int, channels: int) -> dict[int, int]:
    """Return the channels of each vertex between input and output. edges: only those on paths to the output.

    The vertices that feed the output share its channels; if they cannot be divided evenly, the first vertices get one
    more. Every other vertex has as many channels as the widest vertex that it feeds.
    """
    feeding = sorted(i for i, j in edges if j == output and i)
    found: dict[int, int] = {}
    if feeding:
        share, left_over = divmod(channels, len(feeding))
        found = {vertex: share + (place < left_over) for place, vertex in enumerate(feeding)}
    for vertex in sorted({i for i, _ in edges if i} - set(feeding), reverse=True):
        found[vertex] = max(found[j] for i, j in edges if i == vertex)
    return found


def conv_bn_relu(b: Builder, x: Value, channels: int, kernel: int) -> Value:
    with b.at("conv"):
        x = b.conv(x, channels, kernel)
    with b.at("bn"):
        x = b.batch_norm(x)
    return b.relu(x)


def cell(b: Builder, x: Value, spec: BlockSpec) -> Value:
    _, out_channels, matrix, *operations = spec.args
    try:
        edges = live_edges(matrix)
    except StructureError as error:
        raise b.fail(error.message) from None
    channels = vertex_channels(edges, OUTPUT, out_channels)
    if not all(channels.values()):
        raise b.fail(
            f"NB101Cell has {out_channels} output channels, fewer than vertices that feed its output: widen it"
        )

    def projected(width: int) -> Value:
        with b.at("projection"):
            return conv_bn_relu(b, x, width, kernel=1)

    values: dict[int, Value] = {}
    for vertex in sorted(channels):
        width = channels[vertex]
        with b.at(f"vertex{vertex}"):
            # A vertex can be one channel wider than the vertex it feeds, which ignores that channel.
            arriving = [b.truncate(values[i], width) for i, j in edges if j == vertex and i]
            if (0, vertex) in edges:
                arriving.append(projected(width))
            y, operation = reduce(b.add, arriving), OPERATIONS[operations[vertex - 1]]
            if operation in KERNELS:
                y = conv_bn_relu(b, y, width, KERNELS[operation])
            else:
                y = b.max_pool(y, kernel=3, stride=1)
        values[vertex] = y
    feeding = [values[i] for i, j in edges if j == OUTPUT and i]
    if not feeding:
        return projected(out_channels)
    y = feeding[0] if len(feeding) == 1 else b.concat(feeding)
    return b.add(y, projected(out_channels)) if (0, OUTPUT) in edges else y


def cell_layers(spec: BlockSpec) -> int:
    """Convolutions on the longest path, the projections of the input included."""
    _, _, matrix, *operations = spec.args
    longest = {0: 0}
    edges = live_edges(matrix)
    for vertex in sorted({j for _, j in edges}):
        # An edge from the input is a projection.
        own = int(vertex != OUTPUT and OPERATIONS[operations[vertex - 1]] in KERNELS)
        longest[vertex] = own + max(longest[i] + (i == 0) for i, j in edges if j == vertex)
    return longest[OUTPUT]


_operations = tuple(Param(f"op{i}", maximum=len(OPERATIONS) - 1, minimum=0, words=OPERATIONS) for i in range(1, OUTPUT))
_matrix = Param("matrix", maximum=2 ** len(EDGES) - 1, minimum=0)
register(BlockType("NB101Cell", (IN, OUT, _matrix, *_operations), lower=cell, layers=cell_layers))
