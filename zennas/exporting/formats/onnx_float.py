"""ONNX in float32, for every runtime that reads opset 18."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latency.measuring.onnx_files import OPSET, export, why_not
from zennas.accuracy.comparison import FileAnswers, Limit
from zennas.exporting.base import FORMATS, ExportJob, Option, Options, Plan
from zennas.exporting.formats._onnx_runtime import missing_runtime, python_line, session_of


class Onnx:
    name = "onnx"
    summary = "ONNX in float32"
    options: Mapping[str, Option] = {}
    packages: tuple[str, ...] = ("torch", "onnx", "onnxscript", "onnxruntime")

    def plan(self, options: Options) -> Plan:
        return Plan(".onnx", "fp32", Limit("largest", 1e-3))

    def available(self, plan: Plan) -> str | None:
        return why_not() or missing_runtime()

    def make(self, job: ExportJob) -> bytes:
        content: bytes = export(job.subject, None).SerializeToString()
        return content

    def load(self, content: bytes) -> FileAnswers:
        return session_of(content)

    def facts(self, content: bytes, job: ExportJob) -> dict[str, Any]:
        return {"opset": OPSET}

    def usage(self, path: Path) -> str:
        return python_line(path)


FORMATS.add("onnx", Onnx())
