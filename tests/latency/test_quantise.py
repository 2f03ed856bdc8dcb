"""INT8 networks: where the Q/DQ stand, of which kind they are, and that they compute nearly the same."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latency.base import LatencyError, MeasureSettings
from latency.measuring.measure import difference, images, reference
from latency.measuring.onnx_files import export
from latency.measuring.quantise import CALIBRATION_IMAGES, calibration_batches, quantised
from latency.measuring.subject import of_structure
from PlainNet import parse
from tests.conftest import SMALL

onnx = pytest.importorskip("onnx", reason="needs pip install 'zennas[onnx]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs pip install 'zennas[onnx]'")
pytest.importorskip("onnxscript", reason="needs pip install 'zennas[onnx]'")

SUBJECT = of_structure(parse(SMALL), 16, 10, use_se=True)
BATCH = images(SUBJECT, MeasureSettings(batch_size=2))


@pytest.fixture(scope="module")
def exported() -> Any:
    return export(SUBJECT, 2)


@pytest.fixture(scope="module")
def unsigned(exported: Any) -> Any:
    return quantised(exported, calibration_batches(BATCH, 0))


@pytest.fixture(scope="module")
def symmetric(exported: Any) -> Any:
    return quantised(exported, calibration_batches(BATCH, 0), symmetric=True)


def logits(model: Any) -> Any:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"images": BATCH})[0]


def zero_points(model: Any, kind: str) -> list[Any]:
    """Of the activations that are quantised, or of the weights that are restored."""
    held = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return [
        held[node.input[2]]
        for node in model.graph.node
        if node.op_type == kind and (kind == "QuantizeLinear" or node.input[0] in held)
    ]


def test_activations_are_unsigned_and_weights_per_channel(unsigned: Any) -> None:
    assert {point.dtype for point in zero_points(unsigned, "QuantizeLinear")} == {np.dtype(np.uint8)}
    weights = [p for p in zero_points(unsigned, "DequantizeLinear") if p.dtype == np.int8]
    assert weights
    assert all(point.ndim == 1 and not point.any() for point in weights)


def test_symmetric_ones_are_signed_around_zero(symmetric: Any) -> None:
    points = zero_points(symmetric, "QuantizeLinear") + zero_points(symmetric, "DequantizeLinear")
    assert {point.dtype for point in points} == {np.dtype(np.int8)}  # biases among them would be int32
    assert not any(point.any() for point in points)


def test_symmetric_ones_leave_rectifiers_to_what_is_before_them(symmetric: Any) -> None:
    makers = {output: node for node in symmetric.graph.node for output in node.output}
    rectifiers = [node for node in symmetric.graph.node if node.op_type == "Relu"]
    assert rectifiers
    assert all(makers[node.input[0]].op_type in ("Conv", "Add") for node in rectifiers)
    convolutions = [node for node in symmetric.graph.node if node.op_type == "Conv"]
    assert all(makers[node.input[0]].op_type == "DequantizeLinear" for node in convolutions)


def test_both_compute_nearly_the_same(unsigned: Any, symmetric: Any) -> None:
    expected = reference(SUBJECT, BATCH)
    assert 0 < difference(logits(unsigned), expected) < 0.3
    assert 0 < difference(logits(symmetric), expected) < 0.3


def test_openvino_reads_the_symmetric_one_too(symmetric: Any) -> None:
    openvino = pytest.importorskip("openvino", reason="needs pip install 'zennas[openvino]'")
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(symmetric.SerializeToString(), b""), "CPU")
    assert difference(compiled(BATCH)[0], reference(SUBJECT, BATCH)) < 0.3


def test_the_network_is_left_as_it_was_and_no_file_behind(
    exported: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = exported.SerializeToString()
    first = quantised(exported, calibration_batches(BATCH, 0))
    assert exported.SerializeToString() == before
    assert first.SerializeToString() == quantised(exported, calibration_batches(BATCH, 0)).SerializeToString()
    assert not os.listdir(tmp_path)


def test_what_cannot_be_quantised_says_so(exported: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(LatencyError, match="quantisation failed") as caught:
        quantised(exported, [BATCH[:, :, :4]])
    assert "\n" not in str(caught.value)
    assert not os.listdir(tmp_path)


def test_calibration_is_seeded_and_starts_with_the_images() -> None:
    batches = calibration_batches(BATCH, 3)
    assert batches[0] is BATCH
    assert sum(map(len, batches)) == CALIBRATION_IMAGES
    assert all(np.array_equal(one, other) for one, other in zip(batches, calibration_batches(BATCH, 3), strict=True))
    assert not np.array_equal(batches[1], calibration_batches(BATCH, 4)[1])
    assert len(calibration_batches(np.zeros((64, 3, 4, 4), np.float32), 0)) == 1
