"""ONNX in float32, for every runtime; at opset 18 if no other is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latency.measuring.onnx_files import export, why_not
from zennas.accuracy.comparison import FileAnswers, Limit
from zennas.exporting.base import FORMATS, ExportJob, Option, Options, Plan
from zennas.exporting.formats._onnx_forms import FORM_OPTIONS, at_opset, fixed_batch
from zennas.exporting.formats._onnx_runtime import missing_runtime, python_line, session_of


class Onnx:
    name = "onnx"
    summary = "ONNX in float32"
    options: Mapping[str, Option] = FORM_OPTIONS
    packages: tuple[str, ...] = ("torch", "onnx", "onnxscript", "onnxruntime")

    def plan(self, options: Options) -> Plan:
        return Plan(".onnx", "fp32", Limit("largest", 1e-3), batch=fixed_batch(options))

    def available(self, plan: Plan) -> str | None:
        return why_not() or missing_runtime()

    def make(self, job: ExportJob) -> bytes:
        model = at_opset(export(job.subject, job.plan.batch), int(job.options["opset"]))
        content: bytes = model.SerializeToString()
        return content

    def load(self, content: bytes) -> FileAnswers:
        return session_of(content)

    def facts(self, content: bytes, job: ExportJob) -> dict[str, Any]:
        return {"opset": job.options["opset"]}

    def usage(self, path: Path) -> str:
        return python_line(path)


FORMATS.add("onnx", Onnx())
