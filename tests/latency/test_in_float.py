"""What a library leaves in floating point of a quantised file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from latency.base import BACKENDS, MeasureSettings
from latency.measuring.in_float import InFloat, counted, in_onnx_runtime
from latency.measuring.measure import images, measure
from latency.measuring.onnx_files import export
from latency.measuring.quantise import quantised
from latency.measuring.subject import of_structure
from PlainNet import parse
from PlainNet.ops import Conv
from tests.conftest import SMALL

SUBJECT = of_structure(parse(SMALL), 16, 10, name="small")
CONVOLUTIONS = sum(isinstance(node.op, Conv) for node in SUBJECT.graph.nodes)
QUICK = MeasureSettings("onnxruntime", "int8", seconds=0.05, relative_error=0.2)


def test_counts_are_told_in_one_line() -> None:
    found = counted(
        [("convolution", "Conv", i < 11) for i in range(20)] + [("linear layer", "QGemm", False), ("", "Mul", True)]
    )
    assert str(found) == "11 of 20 convolutions run in float32; the linear layer runs in INT8; in float32 also: Mul (1)"
    assert found.to_json() == {
        "convolutions": 20,
        "linear_layers": 1,
        "convolutions_in_float32": 11,
        "linear_layers_in_float32": 0,
        "others_in_float32": {"Mul": 1},
    }


def test_files_in_float32_and_in_int8_are_told_apart() -> None:
    pytest.importorskip("onnxruntime")
    model = export(SUBJECT, 1)
    found = in_onnx_runtime(model.SerializeToString())
    assert found.in_float == {"convolution": CONVOLUTIONS, "linear layer": 1}
    assert found.kernels == found.in_float
    quick = quantised(model, [images(SUBJECT, QUICK)])
    found = in_onnx_runtime(quick.SerializeToString())
    assert found.kernels == {"convolution": CONVOLUTIONS, "linear layer": 1}
    assert found.in_float == {}


def test_a_convolution_without_scales_stays_in_float32() -> None:
    pytest.importorskip("onnxruntime")
    model = quantised(export(SUBJECT, 1), [images(SUBJECT, QUICK)])
    nodes = model.graph.node
    first = next(node for node in nodes if node.op_type == "Conv")
    scaled = next(node for node in nodes if node.output and node.output[0] == first.input[0])
    before = next(node for node in nodes if node.output and node.output[0] == scaled.input[0])
    first.input[0] = before.input[0]  # past the conversions
    found = in_onnx_runtime(model.SerializeToString())
    assert found.in_float["convolution"] == 1
    assert str(found).startswith(f"1 of {CONVOLUTIONS} convolutions run in float32; the linear layer runs in INT8")


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_measurements_in_int8_say_what_is_not(name: str) -> None:
    reason = BACKENDS.get(name).available("int8")
    if reason is not None:
        pytest.skip(reason)
    found = measure(SUBJECT, replace(QUICK, backend=name)).conditions["in_float32"]
    assert (found["convolutions"], found["convolutions_in_float32"]) == (CONVOLUTIONS, 0)
    assert found["text"].startswith(f"all {CONVOLUTIONS} convolutions run in INT8")


def test_nothing_is_told_of_a_library_that_does_not_tell() -> None:
    assert "in_float32" not in measure(SUBJECT, replace(QUICK, backend="torch", precision="fp32")).conditions
    assert str(InFloat({}, {}, {})) == ""
