"""TensorRT on NVIDIA GPUs, in float32, float16 and INT8. Not yet run, because no library and GPU were available.

Networks are strongly typed, which version 11 requires and version 10 supports: the precision is in the ONNX file. FP16
files are exported from the network in half precision. INT8 files contain explicit symmetric Q/DQ, and everything else
stays in float32. Engines are cached in `cache_folder()` by network, version and device.
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
    """The folder in which engines are cached, below $XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zennas" / "tensorrt"


class TensorRT:
    """TensorRT engines built from ONNX."""

    name = "tensorrt"
    precisions: tuple[str, ...] = ("fp32", "fp16", "int8")
    tolerance: Mapping[str, float] = {"fp32": 1e-2, "fp16": 0.05, "int8": 0.6}
    arithmetic: Mapping[str, str] = {
        "fp32": "float32, without TF32",
        "fp16": "float16 as the file says",
        "int8": "INT8 where the file is quantised, else float32 without TF32",
    }
    options: tuple[str, ...] = ()
    fusion = Fusion(zeros="removed")

    def available(self, precision: str = "fp32", device: str = "cpu") -> str | None:
        try:
            import tensorrt
        except (ImportError, OSError) as error:  # OSError: the bindings are installed, but not the libraries
            missing = f"tensorrt cannot be imported ({first_line(error)})"
            return f"{missing}: pip install 'zennas[tensorrt]' on a machine with an NVIDIA GPU"
        version = str(tensorrt.__version__)
        if int(version.split(".")[0]) < LEAST_VERSION:
            return f"tensorrt {version} is too old, at least {LEAST_VERSION} is needed: pip install -U tensorrt"
        import torch

        if not torch.cuda.is_available():
            return f"torch {torch.__version__} finds no CUDA device, which TensorRT needs"
        if not device.startswith("cuda"):
            return f"TensorRT runs on CUDA only, not on {device}: use the device cuda"
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
        # Not the default stream, on which TensorRT would synchronise with every launch.
        stream = torch.cuda.Stream(settings.device)
        with torch.cuda.device(settings.device), torch.cuda.stream(stream):
            yield TensorRTSession(subject, settings, engine_of(model, settings), batch, stream)
            stream.synchronize()

    def versions(self) -> dict[str, str]:
        return versions_of("tensorrt", "onnx", "onnxruntime", "torch")


def network_file(subject: Subject, settings: MeasureSettings, batch: NDArray[np.float32]) -> onnx.ModelProto:
    """Return the network as ONNX, with the types that TensorRT should compute in."""
    if settings.precision == "int8":
        exported = export(subject, len(batch))
        return quantised(exported, calibration_batches(batch, settings.seed), symmetric=True)
    return export(subject, len(batch), half=settings.precision == "fp16")


def engine_key(content: bytes, version: str, device: str) -> str:
    """A name that identifies an engine: a hash of the network, TensorRT's version, and the device."""
    return hashlib.sha256(b"\0".join([content, version.encode(), device.encode()])).hexdigest()[:32]


def engine_of(model: onnx.ModelProto, settings: MeasureSettings) -> Any:
    """Return the engine of a model, from the cache, or built and added to it. Raises LatencyError."""
    import tensorrt
    import torch

    content = model.SerializeToString()
    capability = torch.cuda.get_device_capability(settings.device)
    key = engine_key(content, str(tensorrt.__version__), f"{torch.cuda.get_device_name(settings.device)} {capability}")
    path = cache_folder() / f"{key}.engine"
    runtime = tensorrt.Runtime(_logger())
    engine = runtime.deserialize_cuda_engine(path.read_bytes()) if path.is_file() else None
    if engine is None:  # not cached, or not accepted on this machine
        plan = build_engine(content)
        write_bytes(path, plan)
        engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise LatencyError(f"TensorRT cannot load the engine that it built: remove {path}")
    return engine


def build_engine(content: bytes, batches: tuple[int, int, int] | None = None) -> bytes:
    """Build the engine of an ONNX model and return it in serialised form.

    batches: for a model with a variable batch size, the smallest, the usual and the largest number of images. Raises
    LatencyError if TensorRT does not accept the network, with its reason.
    """
    import tensorrt

    logger = _logger()
    builder = tensorrt.Builder(logger)
    # Version 11 always uses strong types and ignores the flag.
    typed = 1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(typed)
    parser = tensorrt.OnnxParser(network, logger)
    if not parser.parse(content):
        errors = [parser.get_error(i).desc() for i in range(parser.num_errors)]
        raise LatencyError(
            f"TensorRT does not accept the network: {first_line(errors[0]) if errors else 'no reason given'}"
        )
    config = builder.create_builder_config()
    config.clear_flag(tensorrt.BuilderFlag.TF32)  # compute float32 in float32
    config.profiling_verbosity = tensorrt.ProfilingVerbosity.DETAILED  # kernels keep the names of their layers
    if batches is not None:
        profile = builder.create_optimization_profile()
        image = tuple(network.get_input(0).shape)[1:]
        profile.set_shape(INPUT, *((number, *image) for number in batches))
        config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise LatencyError("TensorRT cannot build an engine for the network: see its log for the reason")
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
            raise LatencyError("TensorRT could not run the network: see its log for the reason")

    def output(self) -> NDArray[np.float32]:
        self.run()
        self._stream.synchronize()
        found: NDArray[np.float32] = self._output.float().cpu().numpy()
        return found

    def layers(self, repeats: int) -> list[LayerTime]:
        """Time layers with TensorRT's profiler, which synchronises after every layer."""
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
            raise LatencyError("the device does not have enough memory for the network: use a smaller batch")
        context.set_tensor_address(INPUT, self._input.data_ptr())
        context.set_tensor_address(OUTPUT, self._output.data_ptr())
        return context


def anchors_of(layer: str) -> tuple[int, ...]:
    """The graph's nodes in a layer's name such as "k14_Conv + k18_Add + k19_Relu"; none for copies."""
    return () if layer.startswith("Reformatting") else nodes_of(layer)


def _logger() -> Any:
    import tensorrt

    return tensorrt.Logger(tensorrt.Logger.ERROR)


BACKENDS.add("tensorrt", TensorRT())
