"""The operations that cells brought: dilation, shifts, truncation; and what other parts ask of their blocks."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from PlainNet import Options, StructureError, build, parse
from PlainNet.blocks.darts import Cell, Stack
from PlainNet.edit import out_channels
from PlainNet.lowering import Builder
from PlainNet.modules import block_module, op_function
from PlainNet.ops import Conv, OpGraph, Shape, Shift, Truncate
from SearchSpace.gen_search_space import view_class
from ZeroShotProxy._gaussian_torch import run

SMALL = Stack(
    3, 4, 3, False, Cell(((6, 0), (3, 1), (7, 2), (0, 0)), (2, 3)), Cell(((3, 0), (1, 1), (9, 2), (2, 1)), (3,))
)


def graph_of(builder: Builder, output: int) -> OpGraph:
    return OpGraph(builder.input.shape, tuple(builder.nodes), output, (output,))


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "size"), [(3, 1, 2, 7), (5, 2, 2, 8), (3, 2, 3, 1), (5, 1, 4, 5)]
)
def test_dilated_convolutions_keep_the_size(kernel: int, stride: int, dilation: int, size: int) -> None:
    builder = Builder(Shape(2, size), Options())
    with builder.at(0):
        y = builder.conv(builder.input, 3, kernel, stride, dilation=dilation)
    assert y.shape.size == -(-size // stride)
    made = block_module(graph_of(builder, y.number), 0)(torch.randn(1, 2, size, size))
    assert tuple(made.shape[1:]) == y.shape.dims
    assert Conv(2, 3, kernel, dilation=dilation).extent == dilation * (kernel - 1) + 1


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_shift_drops_the_first_row_and_column(size: int) -> None:
    function, constants = op_function(Shift())
    x = torch.randn(1, 2, size, size)
    y = function(x, *constants)
    assert y.shape == x.shape
    assert torch.equal(y[:, :, : size - 1, : size - 1], x[:, :, 1:, 1:])
    assert not y[:, :, -1].any()
    assert not y[:, :, :, -1].any()


def test_truncation_keeps_the_first_channels() -> None:
    function, constants = op_function(Truncate(2))
    x = torch.randn(1, 3, 4, 4)
    assert torch.equal(function(x, *constants), x[:, :2])
    builder = Builder(Shape(3, 4), Options())
    assert builder.truncate(builder.input, 3) is builder.input
    with pytest.raises(StructureError, match="no 4 channels"):
        builder.truncate(builder.input, 4)


def test_passes_do_not_write_into_what_a_truncation_shares() -> None:
    """The scorer works in place; a rectified view must leave the value that it is a part of alone."""
    builder = Builder(Shape(3, 4), Options())
    with builder.at("conv"):
        whole = builder.conv(builder.input, 4, 3)
    part = builder.relu(builder.truncate(whole, 2))
    graph = graph_of(builder, builder.concat([part, whole]).number)
    (output,) = run(graph, [torch.randn(2, 3, 4, 4)], torch.Generator().manual_seed(0), torch.float32).outputs
    assert (output[:, 2:4] < 0).any()
    torch.testing.assert_close(output[:, :2], F.relu(output[:, 2:4]))


def test_a_stack_is_a_block_like_others() -> None:
    spec = SMALL.spec()
    assert Stack.of_spec(spec) == SMALL
    structure = parse(f"{spec}ConvKX(16,8,1,1)")  # reductions are the last two of three cells, with one node each at 16
    assert out_channels(spec) == 16
    assert view_class(spec.kind)(spec).out_channels == 16
    assert build(structure)(torch.randn(2, 3, 8, 8)).shape == (2, 10)
    with pytest.raises(StructureError, match="source1 of CellStack2 is 2"):
        parse(str(spec).replace("(3,4,3,0,6,0,", "(3,4,3,0,6,2,"))
