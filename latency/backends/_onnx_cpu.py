"""The common part of onnxruntime and OpenVINO: ONNX files, in float32 and INT8, on CPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from latency.base import MeasureSettings, Session, Subject
from latency.kernels import Fusion
from latency.measuring.conditions import versions_of
from latency.measuring.onnx_files import why_not
from latency.measuring.quantise import onnx_network
from latency.measuring.quantise import why_not as why_not_quantised

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

Open = Callable[[Subject, MeasureSettings, "onnx.ModelProto", "NDArray[np.float32]"], Session]


_TOLERANCE = {"fp32": 1e-2, "bf16": 0.35, "int8": 0.6}
_ARITHMETIC = {
    "fp32": "float32",
    "bf16": "bfloat16 where the library has kernels for it, else float32",
    "int8": "INT8 where the file is quantised and the library has kernels for it, else float32",
}


class OnnxCpuBackend:
    """A library that runs ONNX files.

    extra: the extra that installs it. open_session: called by `prepare`. bf16: returns why the processor cannot compute
    in bfloat16, None if it can; None for a library that never does.
    """

    options: tuple[str, ...] = ()
    fusion = Fusion(zeros="removed")

    def __init__(self, name: str, extra: str, open_session: Open, bf16: Callable[[], str | None] | None = None) -> None:
        self.name = name
        self._extra = extra
        self._open = open_session
        self._bf16 = bf16
        self.precisions: tuple[str, ...] = ("fp32", "int8") if bf16 is None else ("fp32", "bf16", "int8")
        self.tolerance: Mapping[str, float] = {name: _TOLERANCE[name] for name in self.precisions}
        self.arithmetic: Mapping[str, str] = {name: _ARITHMETIC[name] for name in self.precisions}

    def available(self, precision: str = "fp32", device: str = "cpu") -> str | None:
        try:
            import_module(self.name)
        except ImportError:
            return f"{self.name} is not installed: pip install 'zennas[{self._extra}]'"
        if device != "cpu":
            return f"the {self.name} back end runs on the CPU only, not on {device}: use torch or tensorrt"
        if precision == "bf16" and self._bf16 is not None:
            return why_not() or self._bf16()
        return why_not() or (why_not_quantised() if precision == "int8" else None)

    @contextmanager
    def prepare(self, subject: Subject, settings: MeasureSettings, batch: NDArray[np.float32]) -> Iterator[Session]:
        yield self._open(subject, settings, onnx_network(subject, settings, batch), batch)

    def versions(self) -> dict[str, str]:
        return versions_of(self.name, "onnx", "onnxruntime", "torch")
