"""LiteRT in INT8, for microcontrollers (TensorFlow Lite Micro), NPUs and their compilers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zennas.accuracy.comparison import FileAnswers
from zennas.exporting.base import FORMATS, ExportJob, Options, Plan
from zennas.exporting.formats._litert import (
    INT8_OPTIONS,
    PACKAGES,
    in_int8,
    int8_facts,
    int8_plan,
    python_line,
    why_not,
)
from zennas.exporting.litert.running import litert_answers


class LiteRtInt8:
    name = "litert-int8"
    summary = "LiteRT in INT8, calibrated with images, for microcontrollers"
    options = INT8_OPTIONS
    packages = PACKAGES

    def plan(self, options: Options) -> Plan:
        return int8_plan(options, ".tflite")

    def available(self, plan: Plan) -> str | None:
        return why_not()

    def make(self, job: ExportJob) -> bytes:
        return in_int8(job)

    def load(self, content: bytes) -> FileAnswers:
        return litert_answers(content)

    def facts(self, content: bytes, job: ExportJob) -> dict[str, Any]:
        return int8_facts(content, job)

    def usage(self, path: Path) -> str:
        return python_line(path)


FORMATS.add("litert-int8", LiteRtInt8())
