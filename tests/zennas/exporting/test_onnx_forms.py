"""ONNX files as compilers for NPUs take them: older opsets and one batch size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zennas
from zennas.common.errors import WrongSettingError
from zennas.exporting.base import ExportError
from zennas.exporting.formats._onnx_forms import at_opset

onnx = pytest.importorskip("onnx", reason="needs pip install 'zennas[onnx]'")
ort = pytest.importorskip("onnxruntime", reason="needs pip install 'zennas[onnx]'")
pytest.importorskip("onnxscript", reason="needs pip install 'zennas[onnx]'")


def dims(model: Any) -> list[int]:
    return [end.type.tensor_type.shape.dim[0].dim_value for end in (*model.graph.input, *model.graph.output)]


def test_files_have_the_opset_and_the_version_that_belongs_to_it(trained: Path) -> None:
    found = zennas.export(trained, "onnx", opset=11, batch_size=1, overwrite=True)
    assert found.sidecar["opset"] == 11
    content = found.path.read_bytes()
    model = onnx.load_from_string(content)
    assert ([(one.domain, one.version) for one in model.opset_import], model.ir_version) == ([("", 11)], 6)
    onnx.checker.check_model(model, full_check=True)
    assert dims(model) == [1, 1]


@pytest.mark.parametrize(("opset", "version"), [(11, 6), (12, 7), (15, 8), (19, 9), (23, 11)])
def test_every_opset_computes_the_same(opset: int, version: int) -> None:
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    ends = [
        helper.make_tensor_value_info("x", floats, ["n", 2, 4, 4]),
        helper.make_tensor_value_info("y", floats, ["n", 48]),
    ]
    held = {
        "w": np.ones((3, 2, 1, 1), np.float32),
        "shape": np.array([-1, 48]),
        "low": np.float32(0),
        "high": np.float32(6),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Clip", ["b", "low", "high"], ["c"]),
        helper.make_node("Sigmoid", ["c"], ["d"]),
        helper.make_node("Mul", ["c", "d"], ["e"]),
        helper.make_node("Reshape", ["e", "shape"], ["y"], allowzero=1),
    ]
    weights = [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()]
    graph = helper.make_graph(nodes, "one", ends[:1], ends[1:], weights)
    images = np.random.default_rng(0).standard_normal((2, 2, 4, 4), dtype=np.float32)

    def run(model: Any) -> Any:
        session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, {"x": images})[0]

    expected = run(helper.make_model(graph, opset_imports=[helper.make_operatorsetid("", 18)], ir_version=8))
    made = at_opset(helper.make_model(graph, opset_imports=[helper.make_operatorsetid("", 18)]), opset)
    assert made.ir_version == version
    assert np.allclose(run(made), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["onnx", "onnx-int8"])
def test_files_take_the_only_batch_size(name: str, trained: Path) -> None:
    found = zennas.export(trained, name, batch_size=3, calibration_images=8 if "int8" in name else None, overwrite=True)
    content = found.path.read_bytes()
    assert dims(onnx.load_from_string(content)) == [3, 3]
    assert found.sidecar["input"]["shape"] == [3, 3, 16, 16]
    assert (found.sidecar["output"]["shape"], found.sidecar["input"]["largest_batch"]) == ([3, 10], 3)
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert session.run(None, {"images": np.zeros((3, 3, 16, 16), np.float32)})[0].shape == (3, 10)


def test_int8_has_the_opset_too_and_refuses_those_without_scales_for_channels(trained: Path) -> None:
    found = zennas.export(trained, "onnx-int8", opset=13, calibration_images=8, overwrite=True)
    versions = {one.domain: one.version for one in onnx.load_from_string(found.path.read_bytes()).opset_import}
    assert versions[""] == 13
    with pytest.raises(WrongSettingError, match="opset is 12, but scales for each channel of weights need at least 13"):
        zennas.export(trained, "onnx-int8", opset=12)
    for wrong in (10, 12.0, True, "12"):
        with pytest.raises(WrongSettingError, match="onnx takes a number from 11 to 23"):
            zennas.export(trained, "onnx", opset=wrong)
    with pytest.raises(WrongSettingError, match="batch-size is True, but onnx takes a number from 1 to 4096"):
        zennas.export(trained, "onnx", batch_size=True)


def test_operations_that_an_opset_does_not_have_are_named() -> None:
    helper = onnx.helper
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("HardSwish", ["x"], ["y"])], "one", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_operatorsetid("", 18)])
    with pytest.raises(ExportError, match="HardSwish is not the same at opset 13 as at opset 18"):
        at_opset(model, 13)
