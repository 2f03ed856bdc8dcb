"""ONNX in INT8 with explicit Q/DQ, in two forms.

Target "x86" has unsigned activations, for ONNX Runtime and OpenVINO on CPUs. Target "tensorrt" is symmetric and signed
throughout, as TensorRT requires.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latency.base import LatencyError
from latency.measuring.in_float import in_onnx_runtime
from latency.measuring.onnx_files import OPSET, export, why_not
from latency.measuring.quantise import quantised
from latency.measuring.quantise import why_not as why_not_quantised
from zennas.accuracy.comparison import FileAnswers, Limit
from zennas.common.errors import WrongSettingError
from zennas.data import DataError
from zennas.exporting.base import FORMATS, ExportJob, Option, Options, Plan
from zennas.exporting.batching import of_size
from zennas.exporting.formats._onnx_forms import FORM_OPTIONS, at_opset, fixed_batch
from zennas.exporting.formats._onnx_runtime import python_line, session_of

if TYPE_CHECKING:
    import onnx

ROUGH = Limit("rms", 0.8)
"""A loose limit, as INT8 is judged by its accuracy: it rejects only files unrelated to the network.

Logits of zeros have an error of 1, those of another network about 1.4.
"""
LEAST_OPSET = 13
"""The first with QuantizeLinear for each channel."""
TARGETS = "x86 is for all CPUs, ARM boards included; tensorrt is for NVIDIA GPUs, Jetson boards included"
FORMS = {
    "x86": {"activations": "uint8", "weights": "int8, per channel", "form": "Q/DQ"},
    "tensorrt": {"activations": "int8, symmetric", "weights": "int8, per channel, symmetric", "form": "Q/DQ"},
}


class OnnxInt8:
    name = "onnx-int8"
    summary = "ONNX in INT8 (Q/DQ), calibrated with images"
    options: Mapping[str, Option] = {"target": Option("x86", tuple(FORMS), TARGETS), **FORM_OPTIONS}
    packages: tuple[str, ...] = ("torch", "onnx", "onnxscript", "onnxruntime")

    def plan(self, options: Options) -> Plan:
        if int(options["opset"]) < LEAST_OPSET:
            raise WrongSettingError(
                f"opset is {options['opset']}, but scales for each channel of weights need at least {LEAST_OPSET}: "
                "export with --format onnx, which compilers quantise themselves, or with a larger --opset"
            )
        suffix = ".int8.onnx" if options["target"] == "x86" else ".int8-tensorrt.onnx"
        return Plan(suffix, "int8", ROUGH, calibrated=True, batch=fixed_batch(options))

    def available(self, plan: Plan) -> str | None:
        return why_not() or why_not_quantised()

    def make(self, job: ExportJob) -> bytes:
        content: bytes = calibrated(
            job, job.options["target"] == "tensorrt", int(job.options["opset"])
        ).SerializeToString()
        return content

    def load(self, content: bytes) -> FileAnswers:
        return session_of(content)

    def facts(self, content: bytes, job: ExportJob) -> dict[str, Any]:
        target = str(job.options["target"])
        facts: dict[str, Any] = {"opset": job.options["opset"], "quantisation": {"target": target, **FORMS[target]}}
        if target == "x86":  # what ONNX Runtime makes of it on a CPU says nothing of TensorRT
            found = in_onnx_runtime(content)
            facts["in_float32"] = {"text": str(found), **found.to_json()}
        return facts

    def usage(self, path: Path) -> str:
        return python_line(path)


def calibrated(job: ExportJob, symmetric: bool, opset: int = OPSET) -> onnx.ModelProto:
    """Return the network in INT8, for the batch size of the plan. symmetric: as in `quantised`.

    Raises LatencyError if it cannot be quantised, DataError if a calibration image cannot be read.
    """
    size = job.plan.batch
    model = at_opset(export(job.subject, size), opset)
    batches = job.batches if size is None else of_size(job.batches, size)
    try:
        return quantised(model, batches, symmetric)
    except LatencyError as error:
        if isinstance(error.__cause__, DataError):
            raise error.__cause__ from None
        raise


FORMATS.add("onnx-int8", OnnxInt8())
