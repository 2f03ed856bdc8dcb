"""PyTorch's exported programs, for `torch.export.load`, AOTInductor and ExecuTorch."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latency.base import first_line
from latency.measuring.onnx_files import BATCH
from zennas.accuracy.comparison import FileAnswers, Limit
from zennas.exporting.base import FORMATS, ExportError, ExportJob, Option, Options, Plan
from zennas.exporting.formats._folded import example, folded_network, on_arrays


class Pt2:
    name = "pt2"
    summary = "PyTorch's exported program in float32"
    options: Mapping[str, Option] = {}
    packages: tuple[str, ...] = ("torch",)

    def plan(self, options: Options) -> Plan:
        return Plan(".pt2", "fp32", Limit("largest", 1e-3))

    def available(self, plan: Plan) -> str | None:
        return None

    def make(self, job: ExportJob) -> bytes:
        import torch

        content = io.BytesIO()
        try:
            shapes = ({0: torch.export.Dim(BATCH)},)
            program = torch.export.export(folded_network(job), (example(job),), dynamic_shapes=shapes)
        except Exception as error:  # the exporter may raise anything
            raise ExportError(f"{job.model.name} cannot be exported by torch.export: {first_line(error)}") from error
        torch.export.save(program, content)
        return content.getvalue()

    def load(self, content: bytes) -> FileAnswers:
        import torch

        with warnings.catch_warnings():
            # torch 2.11 warns about how it reads weights itself; nothing here writes to them.
            warnings.filterwarnings("ignore", "The given buffer is not writable", UserWarning)
            return on_arrays(torch.export.load(io.BytesIO(content)).module())

    def facts(self, content: bytes, job: ExportJob) -> dict[str, Any]:
        return {}

    def usage(self, path: Path) -> str:
        return f'torch.export.load("{path}").module()(batch)'


FORMATS.add("pt2", Pt2())
