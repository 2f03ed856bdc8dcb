"""The operations that cells brought: dilation, rows and columns, shifts, truncation; what others ask of blocks."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from PlainNet import Options, StructureError, build, parse
from PlainNet.blocks.darts import Cell, Stack
from PlainNet.cost import op_cost
from PlainNet.edit import out_channels
from PlainNet.lowering import Builder
from PlainNet.modules import block_module, op_function
from PlainNet.ops import Conv, OpGraph, RowColumnConv, Shape, Shift, Truncate
from SearchSpace.gen_search_space import view_class
from ZeroShotProxy.engine.gaussian import run

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


def row_column(kernel: int, stride: int, size: int) -> OpGraph:
    """One such pair, of 2 to 3 channels."""
    builder = Builder(Shape(2, size), Options())
    with builder.at(0), builder.at("conv"):
        y = builder.row_column_conv(builder.input, 3, kernel, stride)
    return graph_of(builder, y.number)


ROW_COLUMN = [(7, 1, 8), (7, 1, 7), (7, 2, 8), (7, 2, 7), (3, 1, 5), (3, 2, 6), (3, 2, 5), (7, 2, 2), (3, 2, 1)]


@pytest.mark.parametrize(("kernel", "stride", "size"), ROW_COLUMN)
def test_rows_then_columns(kernel: int, stride: int, size: int) -> None:
    """Against plain torch, and against the one square convolution that the two are."""
    graph = row_column(kernel, stride, size)
    module = block_module(graph, 0)
    weights = module.state_dict()
    row, column = weights["conv.row.weight"], weights["conv.column.weight"]
    assert [tuple(weight.shape) for weight in weights.values()] == [(3, 2, 1, kernel), (3, 3, kernel, 1)]
    x, pad = torch.randn(2, 2, size, size), kernel // 2
    y = module(x)
    assert tuple(y.shape[1:]) == graph.shape_of(1).dims
    between = F.conv2d(x, row, stride=(1, stride), padding=(0, pad))
    torch.testing.assert_close(y, F.conv2d(between, column, stride=(stride, 1), padding=(pad, 0)))
    square = torch.einsum("omh,miw->oihw", column[..., 0], row[:, :, 0])
    torch.testing.assert_close(y, F.conv2d(x, square, stride=stride, padding=pad), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("kernel", "stride", "size"), ROW_COLUMN)
def test_rows_and_columns_cost_what_they_do(kernel: int, stride: int, size: int) -> None:
    graph = row_column(kernel, stride, size)
    counted = op_cost(graph.nodes[0].op, graph.shape_of(1))
    module = block_module(graph, 0)
    made: list[int] = []
    for factor in module.get_submodule("conv").children():
        factor.register_forward_hook(lambda _, __, y: made.append(y[0].numel()))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(torch.randn(1, 2, size, size))
    assert counted.params == sum(p.numel() for p in module.parameters())
    assert 2 * counted.flops == counter.get_total_flops()
    assert counted.activations == sum(made)


def test_rows_and_columns_cost_by_hand() -> None:
    """7 × 7 positions, 7 × 4 in between, 4 × 4 behind."""
    found = op_cost(RowColumnConv(2, 3, kernel=7, stride=2, size=7), Shape(3, 4))
    assert found.params == 2 * 3 * 7 + 3 * 3 * 7
    assert found.flops == 2 * 3 * 7 * (7 * 4) + 3 * 3 * 7 * (4 * 4)
    assert found.activations == 3 * (7 * 4) + 3 * (4 * 4)


def test_rows_and_columns_have_a_limit() -> None:
    builder = Builder(Shape(2**15, 8), Options())
    with pytest.raises(StructureError, match="weights"):
        builder.row_column_conv(builder.input, 2**15, 7)


def test_the_scorer_draws_both_weights() -> None:
    """And gives what the module gives with them."""
    graph = row_column(7, 2, 9)
    x = torch.randn(2, 2, 9, 9)
    (output,) = run(graph, [x], torch.Generator().manual_seed(0), torch.float32).outputs
    module, generator = block_module(graph, 0), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator))
        torch.testing.assert_close(output, module(x), atol=1e-4, rtol=1e-4)


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
    with pytest.raises(StructureError, match="cannot keep 4 channels"):
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
