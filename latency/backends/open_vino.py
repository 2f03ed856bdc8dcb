"""OpenVINO on CPUs, float32, bfloat16 and INT8, with the same ONNX files as onnxruntime: the fastest INT8 on x86.

OpenVINO computes float32 files in bfloat16 by default if the processor can, with AMX as with AVX-512. The type is
therefore always requested, and read back from the compiled model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from latency.backends._onnx_cpu import OnnxCpuBackend
from latency.base import BACKENDS, WARM_UP, LatencyError, LayerTime, MeasureSettings, Subject, first_line
from latency.measuring.in_float import InFloat, in_openvino
from latency.measuring.layers import attributed
from latency.measuring.onnx_files import INPUT, OUTPUT, nodes_of, value_of
from latency.statistics import median
from PlainNet.ops import OpGraph

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray


class OpenVinoSession:
    """A compiled model with one request and its input in place."""

    clock = "cpu"

    def __init__(
        self, subject: Subject, settings: MeasureSettings, model: onnx.ModelProto, batch: NDArray[np.float32]
    ) -> None:
        self._graph = subject.graph
        self._threads = settings.threads
        self._precision = settings.precision
        self._content = model.SerializeToString()
        self._batch = batch
        self._request = self._open(profiled=False)

    def run(self) -> None:
        self._request.infer()

    def output(self) -> NDArray[np.float32]:
        self.run()
        found: NDArray[np.float32] = self._request.get_output_tensor(0).data.copy()
        return found

    def layers(self, repeats: int) -> list[LayerTime]:
        """Time kernels with OpenVINO's own counters: the median of a few models, whose counters begin anew."""
        each = -(-repeats // _MODELS)
        times: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        for _ in range(_MODELS):
            request = self._open(profiled=True)
            for kernel, ms in _counted(request, each).items():
                times[kernel].append(ms)
        parts = _parts(request.get_compiled_model())
        anchors = [_anchors(self._graph, name, kind, parts.get(name, ())) for name, kind in times]
        found = attributed(self._graph, anchors, [_stored(parts.get(name, ())) for name, _ in times])
        return [
            LayerTime(f"{name} ({kind})", nodes, median(taken))
            for ((name, kind), taken), nodes in zip(times.items(), found, strict=True)
        ]

    def in_float(self) -> InFloat:
        return in_openvino(self._request.get_compiled_model())

    def _open(self, profiled: bool) -> Any:
        import openvino
        from openvino import properties as at
        from openvino.properties import hint

        core = openvino.Core()
        wanted = openvino.Type.bf16 if self._precision == "bf16" else openvino.Type.f32
        options = {
            hint.performance_mode: hint.PerformanceMode.LATENCY,
            hint.inference_precision: wanted,
            at.inference_num_threads: self._threads,
            at.num_streams: 1,
            at.enable_profiling: profiled,
        }
        try:
            compiled = core.compile_model(core.read_model(self._content, b""), "CPU", options)
        except Exception as error:  # openvino raises bare RuntimeErrors, and other types for bad options
            raise LatencyError(f"openvino does not accept the network: {first_line(error)}") from error
        found = compiled.get_property(hint.inference_precision)
        if found != wanted:
            raise LatencyError(
                f"openvino computes in {found.get_type_name()}, not in {wanted.get_type_name()} as requested for "
                f"{self._precision}: no time is reported, choose another precision"
            )
        request = compiled.create_infer_request()
        request.set_tensor(INPUT, openvino.Tensor(self._batch, shared_memory=True))
        return request


_MODELS = 3


def _counted(request: Any, repeats: int) -> dict[tuple[str, str], float]:
    """The mean time in ms of each kernel of a new model after its warm-up, by name and kind, in order of execution."""
    for _ in range(WARM_UP):
        request.infer()
    before = _counters(request)
    for _ in range(repeats):
        request.infer()
    return {kernel: mean_since(before[kernel], ms, WARM_UP, repeats) for kernel, ms in _counters(request).items()}


def _counters(request: Any) -> dict[tuple[str, str], float]:
    """The mean time in ms of each kernel over all runs so far."""
    return {
        (info.node_name, str(info.node_type)): info.real_time.total_seconds() * 1000
        for info in request.profiling_info
        if info.exec_type != "undef" and info.node_type not in _NO_WORK  # "undef": fused into another
    }


def mean_since(before: float, after: float, earlier: int, repeats: int) -> float:
    """Return a kernel's mean time in ms over the last `repeats` runs.

    before, after: what the counter says after `earlier` runs, and at the end. A counter is the mean over all runs since
    the first one, in which a kernel may be compiled for milliseconds. It is rounded down to whole microseconds, and so
    is every run, which is made up for by half a microsecond each.
    """
    runs = earlier + repeats
    total = (after + _HALF_MS) * runs - (before + _HALF_MS) * earlier
    return max(_HALF_MS, total / repeats + _HALF_MS)


_HALF_MS = 0.0005
_NO_WORK = {"Parameter", "Result", "Const", "Constant"}
_MOVES = {"Reorder", "Convert", "FakeQuantize", "Transpose"}


def _parts(compiled: Any) -> dict[str, tuple[str, ...]]:
    """The ONNX nodes that each kernel of a compiled model computes, by the kernel's name, as OpenVINO says."""
    return {
        node.friendly_name: tuple(node.get_rt_info()["originalLayersNames"].astype(str).split(","))
        for node in compiled.get_runtime_model().get_ordered_ops()
    }


def _anchors(graph: OpGraph, name: str, kind: str, parts: Sequence[str]) -> tuple[int, ...]:
    """The nodes of the op graph that a kernel computes: by its parts, by its name, or by the tensor that it makes."""
    if kind in _MOVES:
        return ()
    nodes = nodes_of(" ".join((name, *parts)))
    if nodes or _stored(parts):
        return nodes
    value = graph.output if name.startswith(OUTPUT) else value_of(name)
    return (value - 1,) if value else ()


def _stored(parts: Sequence[str]) -> tuple[int, ...]:
    """The nodes of the op graph whose results a kernel rounds."""
    values = [value_of(part) for part in parts if part.endswith("_QuantizeLinear")]
    return tuple(value - 1 for value in values if value)


def _why_no_bf16() -> str | None:
    """Why the processor cannot compute in bfloat16, None if it can."""
    import openvino
    from openvino.properties import device

    known = openvino.Core().get_property("CPU", device.capabilities)
    if "BF16" in known:
        return None
    return f"the processor has no bfloat16 (it has {', '.join(sorted(known))}): use fp32 or int8"


BACKENDS.add(
    "openvino",
    OnnxCpuBackend("openvino", extra="openvino", open_session=OpenVinoSession, bf16=_why_no_bf16),
)
