"""What the super-blocks are made of, as in Zen-NAS: units, strides, projections, squeeze-and-excitation."""

from __future__ import annotations

import pytest

from PlainNet import Options, StructureError, lower, parse
from PlainNet.ops import Add, BatchNorm, Conv, OpGraph, Sigmoid


def convs(text: str, **options: bool) -> list[tuple[str, Conv]]:
    graph = lower(parse(text), resolution=16, options=Options(**options))
    return [(node.path, node.op) for node in graph.nodes if isinstance(node.op, Conv)]


def shapes(text: str, **options: bool) -> list[tuple[int, int, int, int]]:
    found = convs(text, **options)
    return [(op.in_channels, op.out_channels, op.kernel, op.stride) for path, op in found if "proj" not in path]


def projections(text: str) -> list[tuple[str, int, int, int, bool]]:
    found = convs(text)
    return [(p, op.in_channels, op.out_channels, op.stride, op.bias) for p, op in found if "proj" in p]


def test_superconv_repeats_with_the_stride_first() -> None:
    assert shapes("SuperConvK5BNRELU(3,8,2,3)") == [(3, 8, 5, 2), (8, 8, 5, 1), (8, 8, 5, 1)]


def test_kxkx_is_one_unit_a_sub_layer() -> None:
    text = "SuperResK3K3(4,16,2,8,2)"
    assert shapes(text) == [(4, 8, 3, 2), (8, 16, 3, 1), (16, 8, 3, 1), (8, 16, 3, 1)]
    assert projections(text) == [("0.0.proj.0", 4, 16, 2, True)]


def test_k1kxk1_is_two_units_a_sub_layer() -> None:
    text = "SuperResK1K5K1(4,16,2,8,1)"
    assert shapes(text) == [(4, 8, 1, 1), (8, 8, 5, 2), (8, 16, 1, 1), (16, 8, 1, 1), (8, 8, 5, 1), (8, 16, 1, 1)]
    assert projections(text) == [("0.0.proj.0", 4, 16, 2, True)]


def test_idw_goes_to_the_bottleneck_and_then_to_out() -> None:
    text = "SuperResIDWE4K7(4,16,2,8,1)"
    first = [(4, 32, 1, 1), (32, 32, 7, 2), (32, 8, 1, 1)]
    second = [(8, 64, 1, 1), (64, 64, 7, 1), (64, 16, 1, 1)]
    assert shapes(text) == first + second
    # The second unit changes the channels and so has a projection too.
    assert projections(text) == [("0.0.proj.0", 4, 8, 2, True), ("0.2.proj.0", 8, 16, 1, True)]
    assert {op.groups for _, op in convs(text) if op.kernel == 7} == {32, 64}


def test_the_first_unit_always_projects_later_ones_where_needed() -> None:
    assert len(projections("SuperResK3K3(16,16,1,16,3)")) == 1
    assert len(projections("SuperResIDWE1K3(16,16,1,16,3)")) == 1
    assert len(projections("SuperResIDWE1K3(16,24,1,16,3)")) == 6
    assert projections("ResBlock(ConvKX(8,8,3,1)BN(8))") == []
    assert len(projections("ResBlockProj(ConvKX(8,8,3,1)BN(8))")) == 1


def test_without_links_only_the_main_path_is_left() -> None:
    for text in ("SuperResK3K3(4,16,2,8,2)", "SuperResIDWE4K7(4,16,2,8,2)", "ResBlock(ConvKX(8,8,3,1)BN(8))"):
        graph = lower(parse(text), resolution=16, options=Options(no_reslink=True))
        assert not any(isinstance(node.op, Add) or "proj" in node.path for node in graph.nodes)
        assert shapes(text) == shapes(text, no_reslink=True)


def se_paths(graph: OpGraph) -> list[str]:
    return [node.path.rsplit(".", 1)[0] for node in graph.nodes if isinstance(node.op, Sigmoid)]


def test_squeeze_and_excitation_stands_behind_the_spatial_convolution() -> None:
    for kind, place in (("SuperResK3K3", 3), ("SuperResK1K3K1", 6), ("SuperResIDWE2K3", 6)):
        text = f"{kind}(4,16,1,8,1)"
        graph = lower(parse(text), resolution=16, options=Options(use_se=True))
        assert se_paths(graph)[0] == f"0.0.{place}"
        assert not se_paths(lower(parse(text), resolution=16))
    gate = [op for path, op in convs("SE(10)")]
    assert [(op.in_channels, op.out_channels, op.bias) for op in gate] == [(10, 2, False), (2, 10, False)]


def test_paths_name_blocks_and_layers() -> None:
    graph = lower(parse("SuperConvK3BNRELU(3,8,1,1)SuperResK1K3K1(8,8,1,8,1)"), resolution=8, num_classes=4)
    assert [node.path for node in graph.nodes][:3] == ["0.0", "0.1", "0.2"]
    assert "1.2.7" in [node.path for node in graph.nodes if isinstance(node.op, BatchNorm)]
    assert graph.nodes[-1].path == "fc_linear"


def test_sizes_follow_strides_at_odd_resolutions() -> None:
    graph = lower(parse("ConvKX(3,4,5,2)MaxPool(4,2,2)ConvDW(4,7,3)"), resolution=33)
    assert [graph.shape_of(v).size for v in graph.block_outputs] == [17, 8, 3]
    with pytest.raises(StructureError, match="does not fit"):
        lower(parse("MaxPool(4,2,2)MaxPool(4,2,2)"), resolution=2)


def test_wrong_settings_are_refused() -> None:
    structure = parse("ConvKX(3,4,3,1)")
    with pytest.raises(StructureError, match="resolution is 0"):
        lower(structure, resolution=0)
    with pytest.raises(StructureError, match="classes is 0"):
        lower(structure, resolution=8, num_classes=0)
