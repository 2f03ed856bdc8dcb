"""onnxruntime on CPUs, float32 and INT8, as used on servers without a GPU and on phones."""

from __future__ import annotations

import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latency.backends._onnx_cpu import OnnxCpuBackend
from latency.base import BACKENDS, WARM_UP, LatencyError, LayerTime, MeasureSettings, Subject, first_line
from latency.measuring.conditions import cores
from latency.measuring.in_float import InFloat, in_onnx_runtime
from latency.measuring.layers import attributed
from latency.measuring.onnx_files import INPUT, nodes_of, value_of
from latency.statistics import middle_mean

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

# Names of kernels that only move data, whatever tensor they are named after.
_MOVES = {"QuantizeLinear", "DequantizeLinear", "ReorderInput", "ReorderOutput", "Transpose", "Cast"}


class OnnxRuntimeSession:
    """A model with its input bound, so that runs copy nothing."""

    clock = "cpu"

    def __init__(
        self, subject: Subject, settings: MeasureSettings, model: onnx.ModelProto, batch: NDArray[np.float32]
    ) -> None:
        self._graph = subject.graph
        self._threads = settings.threads
        self._content = model.SerializeToString()
        self._batch = batch
        self._session = self._open(self._options())
        self._binding = self._session.io_binding()
        self._binding.bind_cpu_input(INPUT, batch)
        self._binding.bind_output(model.graph.output[0].name, "cpu")

    def run(self) -> None:
        self._session.run_with_iobinding(self._binding)

    def output(self) -> NDArray[np.float32]:
        self.run()
        found: NDArray[np.float32] = self._binding.copy_outputs_to_cpu()[0]
        return found

    def layers(self, repeats: int) -> list[LayerTime]:
        """Time kernels with onnxruntime's profiler, which counts whole microseconds and adds time to each kernel."""
        with tempfile.TemporaryDirectory(prefix="zennas-") as folder:
            options = self._options()
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(folder) / "profile")
            optimised = options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
            session = self._open(options)
            for _ in range(WARM_UP + repeats):
                session.run(None, {INPUT: self._batch})
            events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
            made = _made(optimised)
        return _layers(self._graph, events, made)

    def in_float(self) -> InFloat:
        return in_onnx_runtime(self._content)

    def _options(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3  # errors
        # On ARM it can multiply float32 in bfloat16; it does not by default, and it shall not if that changes.
        options.add_session_config_entry("mlas.enable_gemm_fastmath_arm64_bfloat16", "0")
        # Workers that spin would take the core from the thread that they wait for, if no core is free.
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(1 < self._threads < cores())))
        return options

    def _open(self, options: Any) -> Any:
        import onnxruntime

        try:
            return onnxruntime.InferenceSession(self._content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions have no common base class
            raise LatencyError(f"onnxruntime does not accept the network: {first_line(error)}") from error


def _made(optimised: str) -> dict[str, int]:
    """The value of the op graph that each kernel makes, by the kernel's name, in the graph that is really run."""
    import onnx

    nodes = onnx.load(optimised).graph.node
    found = {node.name: value_of(name) for node in nodes for name in node.output[:1]}
    return {name: value for name, value in found.items() if value}


def _layers(graph: Any, events: list[dict[str, Any]], made: Mapping[str, int]) -> list[LayerTime]:
    """The kernels in their order within a run, each with the mean of the middle half of its times in ms."""
    times: defaultdict[int, list[float]] = defaultdict(list)
    names: dict[int, tuple[str, str]] = {}
    for event in events:
        name = event.get("name", "")
        if event.get("cat") == "Node" and name.endswith("_kernel_time"):
            key = int(event["args"]["node_index"])
            times[key].append(float(event["dur"]))
            names[key] = name.removesuffix("_kernel_time"), event["args"].get("op_name", "")
    # Kernels come in the order of execution; their numbers are those of the graph before sorting.
    order = list(names)
    anchors = [_anchors(*names[key], made) for key in order]
    found = attributed(graph, anchors, [_stored(*names[key]) for key in order])
    return [
        LayerTime(f"{names[key][0]} ({names[key][1]})", nodes, middle_mean(times[key][WARM_UP:]) / 1000)
        for key, nodes in zip(order, found, strict=True)
    ]


def _anchors(name: str, kind: str, made: Mapping[str, int]) -> tuple[int, ...]:
    """The nodes of the op graph that a kernel computes: by its name, or by the value that it makes."""
    if kind in _MOVES:
        return ()
    nodes = nodes_of(name)
    if nodes:
        return nodes
    # In the blocked layout, kernels are named after their output before anything else was fused into them.
    value = value_of(name) if re.search(r"_nchwc", name) else made.get(name)
    return (value - 1,) if value else ()


def _stored(name: str, kind: str) -> tuple[int, ...]:
    """The node of the op graph whose result a kernel rounds."""
    value = value_of(name) if kind == "QuantizeLinear" else None
    return (value - 1,) if value else ()


BACKENDS.add("onnxruntime", OnnxCpuBackend("onnxruntime", extra="onnx", open_session=OnnxRuntimeSession))
