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


class OnnxCpuBackend:
    """A library that runs ONNX files. extra: the extra that installs it. open_session: called by `prepare`."""

    precisions: tuple[str, ...] = ("fp32", "int8")
    tolerance: Mapping[str, float] = {"fp32": 1e-2, "int8": 0.6}
    options: tuple[str, ...] = ()
    fusion = Fusion(zeros="removed")

    def __init__(self, name: str, extra: str, open_session: Open) -> None:
        self.name = name
        self._extra = extra
        self._open = open_session

    def available(self, precision: str = "fp32", device: str = "cpu") -> str | None:
        try:
            import_module(self.name)
        except ImportError:
            return f"{self.name} is not installed: pip install 'zennas[{self._extra}]'"
        if device != "cpu":
            return f"the {self.name} back end runs on the CPU only, not on {device}: use torch or tensorrt"
        return why_not() or (why_not_quantised() if precision == "int8" else None)

    @contextmanager
    def prepare(self, subject: Subject, settings: MeasureSettings, batch: NDArray[np.float32]) -> Iterator[Session]:
        yield self._open(subject, settings, onnx_network(subject, settings, batch), batch)

    def versions(self) -> dict[str, str]:
        return versions_of(self.name, "onnx", "onnxruntime", "torch")
