"""LiteRT (TensorFlow Lite) in float32, for phones and boards with an operating system."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latency.litert.flatbuffer import written
from zennas.accuracy.comparison import FileAnswers, Limit
from zennas.exporting.base import FORMATS, ExportJob, Option, Options, Plan
from zennas.exporting.formats._litert import BATCH, PACKAGES, in_float, python_line, why_not
from zennas.exporting.litert.running import litert_answers


class LiteRt:
    name = "litert"
    summary = "LiteRT (TensorFlow Lite) in float32"
    options: Mapping[str, Option] = {}
    packages = PACKAGES

    def plan(self, options: Options) -> Plan:
        return Plan(".tflite", "fp32", Limit("largest", 1e-3), batch=BATCH, layout="NHWC")

    def available(self, plan: Plan) -> str | None:
        return why_not()

    def make(self, job: ExportJob) -> bytes:
        return written(in_float(job))

    def load(self, content: bytes) -> FileAnswers:
        return litert_answers(content)

    def facts(self, content: bytes, job: ExportJob) -> dict[str, Any]:
        return {}

    def usage(self, path: Path) -> str:
        return python_line(path)


FORMATS.add("litert", LiteRt())
