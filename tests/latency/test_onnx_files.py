"""ONNX files: self-contained, the same each time, and every node says which operation it is."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from latency.base import BACKENDS, LatencyError, MeasureSettings, Subject, UnavailableError
from latency.measuring.measure import difference, images, reference
from latency.measuring.onnx_files import (
    INPUT,
    OPSET,
    OUTPUT,
    export,
    nodes_of,
    pool_without_doubt,
    tensor_name,
    value_of,
    why_not,
)
from latency.measuring.subject import of_module, of_structure
from PlainNet import lower, parse
from PlainNet.ops import BatchNorm, Conv, Linear, RowColumnConv
from SearchSpace import load_space
from tests.conftest import SMALL

onnx = pytest.importorskip("onnx", reason="needs pip install 'zennas[onnx]'")
pytest.importorskip("onnxscript", reason="needs pip install 'zennas[onnx]'")

CELLS = (
    "SuperConvK3BNRELU(3,8,1,1)NB201Cell(8,1,1,4,3,2,0)NB201Reduction(8,16)NB201Cell(16,3,2,1,4,1,2)"
    "NB201Cell(16,3,3,0,3,3,3)"
)


def check_names(subject: Subject) -> None:
    """Every node that is named after an operation gives a value of its shape, and reads what it reads."""
    model = export(subject, 2)
    inferred = onnx.shape_inference.infer_shapes(model)
    shapes = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*inferred.graph.value_info, *inferred.graph.output)
    }
    weights = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    found: set[int] = set()
    for node in model.graph.node:
        for index in nodes_of(node.name):
            found.add(index)
            expected = subject.graph.nodes[index]
            if not isinstance(expected.op, RowColumnConv):  # which is two nodes, and not square in between
                assert shapes[node.output[0]] == (2, *expected.shape.dims), node.name
            if isinstance(expected.op, Conv):
                op = expected.op
                shape = (op.out_channels, op.in_channels // op.groups, op.kernel, op.kernel)
                assert weights[node.input[1]] == shape, node.name
    folded = {i for i, node in enumerate(subject.graph.nodes) if isinstance(node.op, BatchNorm)}
    weighted = (Conv, Linear, RowColumnConv)
    missing = {i for i, node in enumerate(subject.graph.nodes) if isinstance(node.op, weighted)} - found - folded
    assert not missing, missing
    names = [node.name for node in model.graph.node]
    assert len(names) == len(set(names))
    nameless = [node.op_type for node in model.graph.node if not nodes_of(node.name)]
    assert set(nameless) <= {"Add", "Expand", "Constant"}, nameless  # of constants


@pytest.mark.parametrize("use_se", [False, True])
def test_every_node_of_a_structure_is_found(use_se: bool) -> None:
    check_names(of_structure(parse(SMALL), 32, 10, use_se))


def test_shortcuts_with_projections_are_not_mistaken() -> None:
    """Two branches of one shape: only their weights tell them apart."""
    subject = of_structure(parse("SuperConvK3BNRELU(3,8,1,1)SuperResK1K3K1(8,16,2,16,1)"), 16, 4)
    model = export(subject, 1)
    for node in model.graph.node:
        if node.op_type == "Conv":
            (index,) = nodes_of(node.name)
            assert node.input[1] == f"blocks.{subject.graph.nodes[index].path}.weight"


def test_limits_of_rectifiers_are_exported() -> None:
    text = "ConvKX(3,8,3,1)BN(8)RELU6(8)MultiSumBlock(ConvKX(8,8,3,1)BN(8);ConvKX(8,8,1,1)BN(8))RELU6(8)"
    subject = of_structure(parse(text), 16, 4)
    check_names(subject)
    assert "Clip" in {node.op_type for node in export(subject, 1).graph.node}


def test_equal_operations_that_were_merged() -> None:
    check_names(of_structure(parse(CELLS), 16, 4))


def test_what_is_made_of_zeros_is_a_constant() -> None:
    """Without it the scale of a quantised convolution of zeros would be none, and its bias overflow."""
    subject = of_structure(parse("SuperConvK3BNRELU(3,8,1,1)NB201Cell(8,0,1,0,3,2,0)"), 16, 4)
    model = export(subject, 1)
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 2  # the stem's, and the one of the first node; not that of the node without input
    assert {node.op_type for node in model.graph.node} <= {
        "Conv",
        "Relu",
        "Add",
        "GlobalAveragePool",
        "Reshape",
        "Gemm",
        "Expand",
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "space", ["darts", "nasbench101", "XXBL", "IDW_fixfc", "units", "nasbench-macro", "channelbench-resnet"]
)
def test_every_node_of_other_spaces_is_found(space: str) -> None:
    check_names(of_structure(load_space(space).initial(), 32, 10))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "efficientnet_b0"])
def test_every_node_of_modules_is_found(name: str) -> None:
    check_names(of_module(name, getattr(torchvision.models, name)(weights=None), (3, 64, 64)))


@pytest.fixture(scope="module")
def threes() -> Any:
    """A network for batches of three; tests leave it as it is."""
    return export(of_structure(parse(SMALL), 16, 10), 3)


@pytest.mark.long
def test_a_file_is_whole_and_the_same_each_time(threes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = threes
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == OPSET
    assert [value.name for value in model.graph.input] == [INPUT]
    assert [value.name for value in model.graph.output] == [OUTPUT]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 3
    assert all(not tensor.external_data for tensor in model.graph.initializer)
    again = export(of_structure(parse(SMALL), 16, 10), 3)
    assert model.SerializeToString() == again.SerializeToString()
    assert not os.listdir(tmp_path)
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}


@pytest.mark.long
def test_the_batch_may_be_left_open(threes: Any) -> None:
    subject = of_structure(parse(SMALL), 16, 10)
    model = export(subject, None)
    for value in (*model.graph.input, *model.graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [node.name for node in model.graph.node] == [node.name for node in threes.graph.node]


def test_half_precision_is_in_all_of_the_file() -> None:
    model = export(of_structure(parse(SMALL), 16, 10, use_se=True), 1, half=True)
    kinds = {tensor.data_type for tensor in model.graph.initializer}
    assert onnx.TensorProto.FLOAT not in kinds
    assert onnx.TensorProto.FLOAT16 in kinds
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT16
    assert "Cast" not in {node.op_type for node in model.graph.node}


class Odd(nn.Module):
    """What no exporter knows, in a module whose graph was got by other means."""

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = torch.special.airy_ai(x).flatten(1)
        return found


def test_an_operation_without_onnx_is_named() -> None:
    subject = replace(of_structure(parse(SMALL), 16, 10, name="odd"), build=lambda: Odd().eval())
    with pytest.raises(LatencyError, match=r"odd cannot be exported to ONNX: .*airy_ai") as caught:
        export(subject, 1)
    assert "\n" not in str(caught.value)


def test_weights_beyond_a_file_are_refused_before_they_are_made() -> None:
    structure = parse("ConvKX(3,40000,1,1)ConvKX(40000,14000,1,1)")

    def build() -> nn.Module:
        raise AssertionError("it must not be built")

    subject = Subject("huge", lower(structure, resolution=8, num_classes=10), build)
    with pytest.raises(LatencyError, match=r"huge has 2\.24 GB of weights, an ONNX file holds 2\.15 GB"):
        export(subject, 1)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not() is None
    monkeypatch.setattr("latency.measuring.onnx_files.find_spec", lambda package: None)
    with pytest.raises(UnavailableError, match=r"onnx is not installed: pip install 'zennas\[onnx\]'"):
        export(of_structure(parse(SMALL), 16, 10), 1)


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("k17_Conv", (17,)),
        ("k14_Conv + k18_Add + k19_Relu", (14, 18, 19)),
        ("k0_Conv_token_1", (0,)),
        ("k3_Conv/WithoutBiases", (3,)),
        ("k3_Conv_", (3,)),
        ("ReorderOutput_token_91", ()),
        ("x12_Reshape", ()),
        ("blocks.k3", ()),
    ],
)
def test_names_tell_nodes(name: str, nodes: tuple[int, ...]) -> None:
    assert nodes_of(name) == nodes


def test_names_tell_values() -> None:
    assert value_of(tensor_name(12)) == 12
    assert value_of("v12_nchwc") == 12
    assert value_of(f"{INPUT}_QuantizeLinear") == 0
    assert value_of("val_3") is None


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "batch"), [(15, 2, 2, None), (16, 3, 2, 2), (17, 5, 3, None), (17, 5, 3, 2)]
)
def test_average_pooling_that_rounds_up_is_written_as_excluded_padding(
    size: int, kernel: int, stride: int, batch: int | None
) -> None:
    """Runtimes disagree on ceil_mode, above all in INT8, but not on excluded padding."""
    runtime = pytest.importorskip("onnxruntime", reason="needs pip install 'zennas[onnx]'")
    torch.manual_seed(0)
    pool = nn.AvgPool2d(kernel, stride, (kernel - 1) // 2, ceil_mode=True, count_include_pad=False)
    body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), pool, nn.Flatten())
    features = body(torch.zeros(1, 3, size, size)).shape[1]
    subject = of_module("pooled", nn.Sequential(*body, nn.Linear(features, 4)), (3, size, size))
    images = torch.randn(2, 3, size, size)
    expected = subject.build()(images)
    model = export(subject, batch)
    (node,) = (node for node in model.graph.node if node.op_type == "AveragePool")
    given = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    assert "ceil_mode" not in given
    assert given["pads"][2] >= given["pads"][0]
    onnx.checker.check_model(model, full_check=True)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(None, {INPUT: images.numpy()})[0]
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("size", "kernel", "stride", "ceil"), [(16, 3, 1, False), (15, 3, 2, False), (16, 3, 2, True)])
@pytest.mark.parametrize("counted", [False, True])
def test_runtimes_agree_on_average_pooling_in_int8(
    size: int, kernel: int, stride: int, ceil: bool, counted: bool
) -> None:
    """OpenVINO in INT8 would divide by fewer positions at the border where padding counts."""
    torch.manual_seed(0)
    pool = nn.AvgPool2d(kernel, stride, 1, ceil_mode=ceil, count_include_pad=counted)
    body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), pool, nn.Conv2d(8, 8, 3, padding=1))
    subject = of_module("pooled", nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten()), (3, size, size))
    settings = MeasureSettings(precision="int8")
    batch = images(subject, settings)
    expected = reference(subject, batch)
    for name in ("onnxruntime", "openvino"):
        backend = BACKENDS.get(name)
        reason = backend.available("int8")
        if reason is not None:
            pytest.skip(reason)
        with backend.prepare(subject, replace(settings, backend=name), batch) as session:
            assert difference(session.output(), expected) < 0.03
    (node,) = (node for node in export(subject, 1).graph.node if node.op_type == "AveragePool")
    assert node.name.startswith("k2_")  # its time is that of the pooling


def test_average_pooling_of_an_unknown_size_is_refused() -> None:
    node = onnx.helper.make_node("AveragePool", ["a"], ["b"], name="p", kernel_shape=[2, 2], ceil_mode=1)
    with pytest.raises(LatencyError, match="p: an average pooling that rounds up an unknown size"):
        pool_without_doubt(onnx.helper.make_graph([node], "g", [], []))
