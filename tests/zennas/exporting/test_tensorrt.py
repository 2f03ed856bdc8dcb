"""TensorRT engines as far as they go without the library and a GPU: the files that they are built of, and how."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import zennas
from latency.backends.tensor_rt import build_engine
from latency.base import UnavailableError
from latency.measuring.onnx_files import INPUT
from zennas.accuracy.comparison import checked
from zennas.accuracy.images import noise
from zennas.exporting.base import FORMATS, ExportJob, completed
from zennas.exporting.formats import tensor_rt
from zennas.exporting.formats._onnx_runtime import session_of
from zennas.named.models import trained_model

onnx = pytest.importorskip("onnx", reason="needs pip install 'zennas[onnx]'")
pytest.importorskip("onnxruntime", reason="needs pip install 'zennas[onnx]'")
pytest.importorskip("onnxscript", reason="needs pip install 'zennas[onnx]'")

ENGINE = FORMATS.get("tensorrt")


@pytest.mark.parametrize("precision", ["fp16", "fp32", "int8"])
def test_what_engines_are_built_of_computes_the_network(precision: str, trained: Path) -> None:
    model, options = trained_model(str(trained)), completed(ENGINE, {"precision": precision})
    images = noise(8, model.shown)
    job = ExportJob(model, options, ENGINE.plan(options), [images])
    made = tensor_rt.network_file(job)
    onnx.checker.check_model(made, full_check=True)
    ends = [end.type.tensor_type for end in (*made.graph.input, *made.graph.output)]
    assert {end.elem_type for end in ends} == {onnx.TensorProto.FLOAT}
    assert {end.shape.dim[0].dim_param for end in ends} == {"batch"}
    check = checked(model, session_of(made.SerializeToString()), images, "noise", job.plan.limit, job.plan.most)
    assert check.rms > (1e-5 if precision != "fp32" else 0)


def test_without_the_library_or_a_gpu_it_says_so(trained: Path, tmp_path: Path) -> None:
    if ENGINE.available(ENGINE.plan(completed(ENGINE, {}))) is None:
        pytest.skip("engines can be built here")
    with pytest.raises(
        UnavailableError, match=r"tensorrt cannot be exported here: .*(zennas\[tensorrt\]|CUDA|too old)"
    ):
        zennas.export(trained, "tensorrt", out=tmp_path / "file.engine")
    assert not list(tmp_path.iterdir())


class _Anything:
    """Takes any call and any attribute, and writes down what was called with what."""

    def __init__(self, calls: list[tuple[str, tuple[Any, ...]]], name: str = "") -> None:
        self._calls, self._name = calls, name

    def __getattr__(self, name: str) -> Any:
        return _Anything(self._calls, name)

    def __call__(self, *arguments: Any) -> Any:
        self._calls.append((self._name, arguments))
        return b"plan" if self._name == "build_serialized_network" else _Anything(self._calls)

    def __int__(self) -> int:
        return 1

    @property
    def shape(self) -> tuple[int, ...]:
        return (-1, 3, 16, 16)


def test_engines_for_any_batch_have_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, tuple[Any, ...]]] = []
    library: Any = ModuleType("tensorrt")
    for name in ("Builder", "OnnxParser", "Logger", "NetworkDefinitionCreationFlag", "BuilderFlag"):
        setattr(library, name, _Anything(calls, name))
    library.ProfilingVerbosity = _Anything(calls)
    monkeypatch.setitem(sys.modules, "tensorrt", library)
    assert build_engine(b"network", (1, 8, 32)) == b"plan"
    shapes = [arguments for name, arguments in calls if name == "set_shape"]
    assert shapes == [(INPUT, (1, 3, 16, 16), (8, 3, 16, 16), (32, 3, 16, 16))]
    assert "add_optimization_profile" in dict(calls)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_the_steps_of_an_export(precision: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With onnxruntime in TensorRT's place: the engine is the ONNX file that it would be built of."""
    built: list[tuple[int, int, int]] = []

    def build(content: bytes, batches: tuple[int, int, int]) -> bytes:
        built.append(batches)
        return content

    def load(content: bytes) -> Any:
        answers = session_of(content)

        def bounded(images: Any) -> Any:
            assert len(images) <= 4
            return answers(np.ascontiguousarray(images))

        return bounded

    monkeypatch.setattr(tensor_rt, "build_engine", build)
    monkeypatch.setattr(tensor_rt, "_Loaded", load)
    monkeypatch.setattr(tensor_rt.Engine, "available", lambda self, plan: None)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA L4")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (8, 9))
    found = zennas.export(model, "tensorrt", out=tmp_path / "it.engine", precision=precision, max_batch=4)
    assert built == [(1, 4, 4)]
    assert found.sidecar["device"] == {"name": "NVIDIA L4", "compute_capability": "8.9"}
    assert found.sidecar["input"]["largest_batch"] == 4
    assert found.sidecar["precision"] == precision
    assert ("quantisation" in found.sidecar) == (found.accuracy is not None) == (precision == "int8")
    assert max(found.check.batches) == 4
