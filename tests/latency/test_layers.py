"""From what runtimes report back to the nodes of a graph."""

from __future__ import annotations

from latency.measuring.layers import Step, attributed, matched
from PlainNet import lower, parse
from PlainNet.ops import OpGraph


def graph_of(text: str) -> OpGraph:
    return lower(parse(text), resolution=8)


BRANCHED = graph_of("ResBlockProj(3,2,ConvKX(3,4,3,2)BN(4)RELU(4)ConvKX(4,4,3,1)BN(4))RELU(4)")
# 0 conv, 1 bn, 2 relu, 3 conv, 4 bn, then the projection, its batch-norm, the sum, a rectifier
BRANCHED_KINDS = [type(node.op).__name__ for node in BRANCHED.nodes]


def test_a_kernel_named_after_its_end_gets_the_convolution() -> None:
    graph = graph_of("ConvKX(3,4,3,1)BN(4)RELU(4)ConvKX(4,4,3,1)BN(4)")
    assert attributed(graph, [(2,), (3,)]) == [(0, 1, 2), (3, 4)]


def test_a_kernel_named_after_its_convolution_gets_what_follows() -> None:
    graph = graph_of("ConvKX(3,4,3,1)BN(4)RELU(4)ConvKX(4,4,3,1)BN(4)")
    assert attributed(graph, [(0,), (), (3,)]) == [(0, 1, 2), (), (3, 4)]


def test_a_sum_belongs_to_the_kernel_that_runs_last() -> None:
    convolutions = [i for i, kind in enumerate(BRANCHED_KINDS) if kind == "Conv"]
    total = BRANCHED_KINDS.index("Add")
    first, second, projection = convolutions
    assert total in attributed(BRANCHED, [(first,), (projection,), (second,)])[2]
    assert total in attributed(BRANCHED, [(first,), (second,), (projection,)])[2]
    assert total in attributed(BRANCHED, [(first,), (second,), (projection,), (total,)])[3]


def test_every_node_behind_a_kernel_has_one() -> None:
    convolutions = [(i,) for i, kind in enumerate(BRANCHED_KINDS) if kind == "Conv"]
    found = attributed(BRANCHED, convolutions)
    assert sorted(node for nodes in found for node in nodes) == list(range(len(BRANCHED.nodes)))


def test_a_convolution_that_was_not_run_has_no_kernel() -> None:
    first, *_ = (i for i, kind in enumerate(BRANCHED_KINDS) if kind == "Conv")
    (found,) = attributed(BRANCHED, [(first,)])
    assert {BRANCHED_KINDS[i] for i in found} <= {"Conv", "BatchNorm", "Relu"}
    assert [BRANCHED_KINDS[i] for i in found].count("Conv") == 1


def test_a_clip_is_a_limited_rectifier() -> None:
    graph = graph_of("ConvKX(3,4,3,1)RELU6(4)ConvKX(4,4,3,1)")
    steps = [
        Step("Conv", ("images", "blocks.0.op.weight"), "u", ("blocks.0.op.weight",)),
        Step("Clip", ("u",), "v"),
        Step("Conv", ("v", "blocks.2.op.weight"), "w", ("blocks.2.op.weight",)),
    ]
    assert [match and match.node for match in matched(graph, steps, "images")] == [0, 1, 2]


def test_layers_are_told_by_their_weights_whatever_the_order() -> None:
    graph = graph_of("ConvKX(3,4,3,1)RELU(4)ConvKX(4,4,3,1)")
    steps = [
        Step("Conv", ("v", "blocks.2.op.weight"), "w", ("blocks.2.op.weight",)),
        Step("Conv", ("images", "blocks.0.op.weight"), "u", ("blocks.0.op.weight",)),
        Step("Relu", ("u",), "v"),
    ]
    assert [match and match.node for match in matched(graph, steps, "images")] == [2, 0, 1]


def test_parts_of_one_operation_find_each_other() -> None:
    graph = graph_of("ConvKX(3,4,3,1)Swish(4)RELU(4)")
    steps = [
        Step("Conv", ("images", "blocks.0.op.weight"), "u", ("blocks.0.op.weight",)),
        Step("Sigmoid", ("u",), "s"),
        Step("Mul", ("u", "s"), "v"),
        Step("Relu", ("v",), "w"),
    ]
    found = matched(graph, steps, "images")
    assert [match and match.node for match in found] == [0, 1, 1, 2]
    assert [match and match.whole for match in found] == [True, False, True, True]


def test_merged_operations_are_one_and_constants_none() -> None:
    # Node 0 of the cell is rectified on two edges, which an exporter merges; zeros are added to it on another.
    graph = graph_of("ConvKX(3,4,3,1)NB201Cell(4,3,3,0,1,0,0)")
    kinds = [type(node.op).__name__ for node in graph.nodes]
    relus = [i for i, kind in enumerate(kinds) if kind == "Relu"]
    assert len(relus) == 2
    steps = [
        Step("Conv", ("images", "blocks.0.op.weight"), "a", ("blocks.0.op.weight",)),
        Step("Relu", ("a",), "b"),
        Step("Conv", ("b", "w"), "c", (f"blocks.{graph.nodes[relus[1] + 1].path}.weight",)),
        Step("Expand", ("zero",), "z"),
        Step("Mul", ("z", "z"), "y"),
    ]
    found = [match and match.node for match in matched(graph, steps, "images")]
    assert found == [0, relus[0], relus[1] + 1, None, None]
