"""TensorRT engines, for the model of NVIDIA GPU that they are built on. Not yet run, for lack of a GPU.

Networks are strongly typed: the ONNX file that the engine is built from sets the precision
(`latency/backends/tensor_rt.py`). Images and logits are float32 in every precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latency.backends.tensor_rt import TensorRT, build_engine
from latency.base import first_line
from latency.measuring.onnx_files import INPUT, OPSET, OUTPUT, export
from zennas.accuracy.comparison import FileAnswers, Limit
from zennas.exporting.base import FORMATS, ExportError, ExportJob, Option, Options, Plan
from zennas.exporting.formats.onnx_int8 import FORMS, ROUGH, calibrated

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

LIMITS = {"fp16": Limit("largest", 0.1), "fp32": Limit("largest", 1e-2), "int8": ROUGH}
USUAL_BATCH = 8


class Engine:
    name = "tensorrt"
    summary = "TensorRT engine, built for the GPU of this machine"
    options: Mapping[str, Option] = {
        "precision": Option("fp16", tuple(LIMITS)),
        "max_batch": Option(32, range(1, 4097)),
    }
    packages: tuple[str, ...] = ("torch", "onnx", "onnxscript", "onnxruntime", "tensorrt")

    def plan(self, options: Options) -> Plan:
        precision, most = str(options["precision"]), int(options["max_batch"])
        return Plan(f".{precision}.engine", precision, LIMITS[precision], precision == "int8", most)

    def available(self, plan: Plan) -> str | None:
        return TensorRT().available(plan.precision, "cuda")

    def make(self, job: ExportJob) -> bytes:
        most = int(job.options["max_batch"])
        return build_engine(network_file(job).SerializeToString(), (1, min(USUAL_BATCH, most), most))

    def load(self, content: bytes) -> FileAnswers:
        return _Loaded(content)

    def facts(self, content: bytes, job: ExportJob) -> dict[str, Any]:
        import torch

        capability = ".".join(map(str, torch.cuda.get_device_capability()))
        facts: dict[str, Any] = {
            "opset": OPSET,
            "device": {"name": torch.cuda.get_device_name(), "compute_capability": capability},
        }
        if job.plan.calibrated:
            facts["quantisation"] = {"target": "tensorrt", **FORMS["tensorrt"]}
        return facts

    def usage(self, path: Path) -> str:
        return f'tensorrt.Runtime(logger).deserialize_cuda_engine(open("{path}", "rb").read())'


def network_file(job: ExportJob) -> onnx.ModelProto:
    """Return the network as ONNX for any batch size, in the plan's precision; input and output are float32."""
    if job.plan.precision == "fp16":
        model = export(job.subject, None, half=True)
        _float_ends(model)
        return model
    return calibrated(job, symmetric=True) if job.plan.calibrated else export(job.subject, None)


def _float_ends(model: onnx.ModelProto) -> None:
    """Change the images and logits of a half-precision network to float32, in place."""
    import onnx

    half, full = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    graph = model.graph
    names = {INPUT: f"{INPUT}_half", OUTPUT: f"{OUTPUT}_half"}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    graph.node.insert(0, onnx.helper.make_node("Cast", [INPUT], [names[INPUT]], name="to_half", to=half))
    graph.node.append(onnx.helper.make_node("Cast", [names[OUTPUT]], [OUTPUT], name="to_float", to=full))
    for end in (*graph.input, *graph.output):
        end.type.tensor_type.elem_type = full


class _Loaded:
    """An engine with its context on the current CUDA device."""

    def __init__(self, content: bytes) -> None:
        import tensorrt
        import torch

        try:
            self._runtime = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.ERROR))  # must outlive the engine
            self._engine = self._runtime.deserialize_cuda_engine(content)
        except (RuntimeError, TypeError) as error:
            raise ExportError(f"TensorRT cannot load the engine that it built: {first_line(error)}") from error
        self._context = self._engine and self._engine.create_execution_context()
        if self._context is None:
            raise ExportError("TensorRT cannot load the engine that it built: see its log above")
        self._stream = torch.cuda.Stream()  # on the default stream, TensorRT synchronises with every launch

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        import torch

        with torch.cuda.stream(self._stream):
            batch = torch.from_numpy(images).contiguous().cuda()
            if not self._context.set_input_shape(INPUT, tuple(batch.shape)):
                raise ExportError(f"the engine does not accept a batch of shape {tuple(batch.shape)}")
            logits = torch.empty(tuple(self._context.get_tensor_shape(OUTPUT)), device="cuda")
            self._context.set_tensor_address(INPUT, batch.data_ptr())
            self._context.set_tensor_address(OUTPUT, logits.data_ptr())
            if not self._context.execute_async_v3(self._stream.cuda_stream):
                raise ExportError("TensorRT failed to run the network: see its log above")
        self._stream.synchronize()
        found: NDArray[np.float32] = logits.cpu().numpy()
        return found


FORMATS.add("tensorrt", Engine())
