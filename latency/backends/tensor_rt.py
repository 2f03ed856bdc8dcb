"""TensorRT on NVIDIA GPUs, in float32, float16 and INT8. Unrun so far, for want of the library and a GPU.

Networks are strongly typed, as version 11 has it and version 10 can: the precision is in the ONNX file. FP16 files are
exported from the network in half precision; INT8 files hold explicit symmetric Q/DQ, and what lies outside stays in
float32. Engines are kept in `cache_folder()`, by network, version and device.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latency.base import (
    BACKENDS,
    WARM_UP,
    LatencyError,
    LayerTime,
    MeasureSettings,
    Subject,
    UnavailableError,
    first_line,
)
from latency.kernels import Fusion
from latency.measuring.conditions import versions_of
from latency.measuring.layers import attributed
from latency.measuring.onnx_files import INPUT, OUTPUT, export, nodes_of, why_not
from latency.measuring.quantise import calibration_batches, quantised
from latency.measuring.quantise import why_not as why_not_quantised
from latency.statistics import middle_mean
from PlainNet.files import write_bytes

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

LEAST_VERSION = 10


def cache_folder() -> Path:
    """Where engines are kept: below $XDG_CACHE_HOME, or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zennas" / "tensorrt"


class TensorRT:
    """Engines built from ONNX."""

    name = "tensorrt"
    precisions: tuple[str, ...] = ("fp32", "fp16", "int8")
    tolerance: Mapping[str, float] = {"fp32": 1e-2, "fp16": 0.05, "int8": 0.6}
    options: tuple[str, ...] = ()
    fusion = Fusion(zeros="removed")

    def available(self, precision: str = "fp32", device: str = "cpu") -> str | None:
        try:
            import tensorrt
        except (ImportError, OSError) as error:  # OSError: the bindings are there, the libraries are not
            missing = f"tensorrt cannot be imported ({first_line(error)})"
            return f"{missing}: pip install 'zennas[tensorrt]' on a machine with an NVIDIA GPU"
        version = str(tensorrt.__version__)
        if int(version.split(".")[0]) < LEAST_VERSION:
            return f"tensorrt {version} is too old, at least {LEAST_VERSION} is needed: pip install -U tensorrt"
        import torch

        if not torch.cuda.is_available():
            return f"torch {torch.__version__} finds no CUDA device, which TensorRT needs"
        if not device.startswith("cuda"):
            return f"TensorRT runs on cuda, not on {device}: name the device cuda"
        return why_not() or (why_not_quantised() if precision == "int8" else None)

    @contextmanager
    def prepare(
        self, subject: Subject, settings: MeasureSettings, batch: NDArray[np.float32]
    ) -> Iterator[TensorRTSession]:
        reason = self.available(settings.precision, settings.device)
        if reason is not None:
            raise UnavailableError(reason)
        import torch

        model = network_file(subject, settings, batch)
        # Not the default stream, on which TensorRT synchronises with every launch.
        stream = torch.cuda.Stream(settings.device)
        with torch.cuda.device(settings.device), torch.cuda.stream(stream):
            yield TensorRTSession(subject, settings, engine_of(model, settings), batch, stream)
            stream.synchronize()

    def versions(self) -> dict[str, str]:
        return versions_of("tensorrt", "onnx", "onnxruntime", "torch")


def network_file(subject: Subject, settings: MeasureSettings, batch: NDArray[np.float32]) -> onnx.ModelProto:
    """The network as ONNX in the types that TensorRT is to compute in."""
    if settings.precision == "int8":
        exported = export(subject, len(batch))
        return quantised(exported, calibration_batches(batch, settings.seed), symmetric=True)
    return export(subject, len(batch), half=settings.precision == "fp16")


def engine_key(content: bytes, version: str, device: str) -> str:
    """What an engine depends on, in one name: the network, TensorRT's version, the device's name and architecture."""
    return hashlib.sha256(b"\0".join([content, version.encode(), device.encode()])).hexdigest()[:32]


def engine_of(model: onnx.ModelProto, settings: MeasureSettings) -> Any:
    """The engine of a model, from the cache or built and put there. Raises LatencyError."""
    import tensorrt
    import torch

    content = model.SerializeToString()
    capability = torch.cuda.get_device_capability(settings.device)
    key = engine_key(content, str(tensorrt.__version__), f"{torch.cuda.get_device_name(settings.device)} {capability}")
    path = cache_folder() / f"{key}.engine"
    runtime = tensorrt.Runtime(_logger())
    engine = runtime.deserialize_cuda_engine(path.read_bytes()) if path.is_file() else None
    if engine is None:  # none there, or one that this machine does not take
        plan = build_engine(content)
        write_bytes(path, plan)
        engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise LatencyError(f"TensorRT does not load the engine that it built: remove {path}")
    return engine


def build_engine(content: bytes, batches: tuple[int, int, int] | None = None) -> bytes:
    """The serialised engine of an ONNX model.

    batches: where the model takes any number of images, how many the engine takes at least, as a rule, and at most.
    Raises LatencyError naming what TensorRT does not take.
    """
    import tensorrt

    logger = _logger()
    builder = tensorrt.Builder(logger)
    # Version 11 knows nothing else, and ignores the flag.
    typed = 1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(typed)
    parser = tensorrt.OnnxParser(network, logger)
    if not parser.parse(content):
        errors = [parser.get_error(i).desc() for i in range(parser.num_errors)]
        raise LatencyError(
            f"TensorRT does not take the network: {first_line(errors[0]) if errors else 'no reason given'}"
        )
    config = builder.create_builder_config()
    config.clear_flag(tensorrt.BuilderFlag.TF32)  # float32 is float32
    config.profiling_verbosity = tensorrt.ProfilingVerbosity.DETAILED  # kernels keep the names of their layers
    if batches is not None:
        profile = builder.create_optimization_profile()
        image = tuple(network.get_input(0).shape)[1:]
        profile.set_shape(INPUT, *((number, *image) for number in batches))
        config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise LatencyError("TensorRT builds no engine for the network: its log says why")
    return bytes(plan)


class TensorRTSession:
    """An execution context with its input and output on the device."""

    clock = "cuda"

    def __init__(
        self, subject: Subject, settings: MeasureSettings, engine: Any, batch: NDArray[np.float32], stream: Any
    ) -> None:
        import tensorrt
        import torch

        kinds = {tensorrt.DataType.FLOAT: torch.float32, tensorrt.DataType.HALF: torch.float16}
        self._graph = subject.graph
        self._engine = engine
        self._stream = stream
        self._input = torch.from_numpy(batch).to(settings.device, kinds[engine.get_tensor_dtype(INPUT)])
        self._output = torch.empty(
            tuple(engine.get_tensor_shape(OUTPUT)), dtype=kinds[engine.get_tensor_dtype(OUTPUT)], device=settings.device
        )
        self._context = self._new_context()

    def run(self) -> None:
        if not self._context.execute_async_v3(self._stream.cuda_stream):
            raise LatencyError("TensorRT did not run the network: its log says why")

    def output(self) -> NDArray[np.float32]:
        self.run()
        self._stream.synchronize()
        found: NDArray[np.float32] = self._output.float().cpu().numpy()
        return found

    def layers(self, repeats: int) -> list[LayerTime]:
        """By TensorRT's profiler, which waits after every layer."""
        import tensorrt

        times: defaultdict[str, list[float]] = defaultdict(list)

        class Profiler(tensorrt.IProfiler):  # type: ignore[misc]
            def __init__(self) -> None:
                tensorrt.IProfiler.__init__(self)

            def report_layer_time(self, layer_name: str, ms: float) -> None:
                times[layer_name].append(ms)

        context = self._new_context()
        context.profiler = Profiler()
        for _ in range(WARM_UP + repeats):
            context.execute_async_v3(self._stream.cuda_stream)
            self._stream.synchronize()
        found = attributed(self._graph, [anchors_of(name) for name in times])
        return [
            LayerTime(name, nodes, middle_mean(taken[WARM_UP:]))
            for (name, taken), nodes in zip(times.items(), found, strict=True)
        ]

    def _new_context(self) -> Any:
        context = self._engine.create_execution_context()
        if context is None:
            raise LatencyError("TensorRT has not enough memory on the device for the network: take a smaller batch")
        context.set_tensor_address(INPUT, self._input.data_ptr())
        context.set_tensor_address(OUTPUT, self._output.data_ptr())
        return context


def anchors_of(layer: str) -> tuple[int, ...]:
    """What a layer's name, such as "k14_Conv + k18_Add + k19_Relu", says that it computes; nothing for copies."""
    return () if layer.startswith("Reformatting") else nodes_of(layer)


def _logger() -> Any:
    import tensorrt

    return tensorrt.Logger(tensorrt.Logger.ERROR)


BACKENDS.add("tensorrt", TensorRT())
