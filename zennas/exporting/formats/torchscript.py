"""Traced TorchScript, for programs in C++ and older PyTorch. PyTorch has deprecated it in favour of pt2."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from latency.base import first_line
from zennas.accuracy.comparison import FileAnswers, Limit
from zennas.exporting.base import FORMATS, ExportError, ExportJob, Option, Options, Plan
from zennas.exporting.formats._folded import example, folded_network, on_arrays


class TorchScript:
    name = "torchscript"
    summary = "TorchScript in float32, for C++ and older PyTorch"
    options: Mapping[str, Option] = {}
    packages: tuple[str, ...] = ("torch",)

    def plan(self, options: Options) -> Plan:
        return Plan(".torchscript.pt", "fp32", Limit("largest", 1e-3))

    def available(self, plan: Plan) -> str | None:
        return None

    def make(self, job: ExportJob) -> bytes:
        import torch

        content = io.BytesIO()
        with _deprecated():
            try:
                # The tracer's own check would run the same batch again; ours runs other batches.
                traced = torch.jit.trace(folded_network(job), example(job), check_trace=False)
            except Exception as error:  # the tracer may raise anything
                raise ExportError(f"{job.model.name} cannot be traced: {first_line(error)}") from error
            torch.jit.save(traced, content)
        return content.getvalue()

    def load(self, content: bytes) -> FileAnswers:
        import torch

        with _deprecated():
            return on_arrays(torch.jit.load(io.BytesIO(content), map_location="cpu"))

    def facts(self, content: bytes, job: ExportJob) -> dict[str, Any]:
        return {}

    def usage(self, path: Path) -> str:
        return f'torch.jit.load("{path}")(batch)'


@contextmanager
def _deprecated() -> Iterator[None]:
    """Suppress PyTorch's warnings that torch.jit is deprecated; the docstring of this module mentions it."""
    with warnings.catch_warnings():
        for category in (FutureWarning, DeprecationWarning):
            warnings.filterwarnings("ignore", r".*torch\.jit\.", category)
        yield


FORMATS.add("torchscript", TorchScript())
