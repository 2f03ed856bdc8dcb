"""PyTorch itself: CPU in float32 and bfloat16, CUDA in float32, float16 and bfloat16. Not yet run on CUDA.

Options: "compile" (torch.compile), "cuda-graphs" (one launch for all kernels), "no-fold" (batch-norm as in training
code), "channels-first" (the default is channels-last).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from latency.base import BACKENDS, WARM_UP, LatencyError, LayerTime, MeasureSettings, Subject, first_line
from latency.kernels import Fusion
from latency.measuring.conditions import versions_of
from latency.measuring.layers import Match, Step, attributed, matched
from latency.measuring.timing import clock_of
from latency.statistics import middle_mean

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import fx

COMPILE, CUDA_GRAPHS, NO_FOLD, CHANNELS_FIRST = "compile", "cuda-graphs", "no-fold", "channels-first"


class PyTorch:
    """Runs the module eagerly, unless options say otherwise."""

    name = "torch"
    precisions: tuple[str, ...] = ("fp32", "fp16", "bf16")
    tolerance: Mapping[str, float] = {"fp32": 1e-2, "fp16": 0.05, "bf16": 0.35}
    arithmetic: Mapping[str, str] = {
        "fp32": "float32, without TF32, and without bfloat16 in oneDNN",
        "fp16": "float16",
        "bf16": "bfloat16",
    }
    options: tuple[str, ...] = (COMPILE, CUDA_GRAPHS, NO_FOLD, CHANNELS_FIRST)
    fusion = Fusion(activation=False, addition=False, zeros="removed")

    def available(self, precision: str = "fp32", device: str = "cpu") -> str | None:
        import torch

        kind, _, index = device.partition(":")
        if kind == "cpu":
            return "fp16 is for CUDA devices: use bf16 on the CPU" if precision == "fp16" else None
        if kind != "cuda":
            return f"it runs on cpu and cuda, not on {device}"
        if not torch.cuda.is_available():
            return f"torch {torch.__version__} finds no CUDA device: use the CPU, or install a driver for it"
        if index and (not index.isdigit() or int(index) >= torch.cuda.device_count()):
            return f"there is no {device}: this machine has {torch.cuda.device_count()} CUDA devices"
        if precision == "bf16" and not torch.cuda.is_bf16_supported():
            return f"{torch.cuda.get_device_name(device)} has no bf16: use fp16"
        return None

    @contextmanager
    def prepare(
        self, subject: Subject, settings: MeasureSettings, batch: NDArray[np.float32]
    ) -> Iterator[PyTorchSession]:
        import torch

        if CUDA_GRAPHS in settings.options and not settings.device.startswith("cuda"):
            raise LatencyError(f"{CUDA_GRAPHS} is for CUDA devices, not for {settings.device}: leave the option out")
        with _threads(settings.threads), _exact(settings.device), torch.inference_mode():
            yield PyTorchSession(subject, settings, batch)

    def versions(self) -> dict[str, str]:
        import torch

        found = versions_of("torch", "triton")
        if torch.version.cuda:
            found["cuda"] = torch.version.cuda
        if torch.cuda.is_available() and torch.backends.cudnn.is_available():
            found["cudnn"] = str(torch.backends.cudnn.version())
        return found


class PyTorchSession:
    """A module and its input on the device."""

    def __init__(self, subject: Subject, settings: MeasureSettings, batch: NDArray[np.float32]) -> None:
        import torch

        from latency.measuring.folding import folded, traced

        self._settings = settings
        self._graph = subject.graph
        self.clock = "cuda" if settings.device.startswith("cuda") else "cpu"
        kind = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[settings.precision]
        layout = torch.contiguous_format if CHANNELS_FIRST in settings.options else torch.channels_last
        network = traced(subject.build()) if NO_FOLD in settings.options else folded(subject.build())
        self._network = network.to(device=settings.device, dtype=kind).to(memory_format=layout)
        self._input = torch.from_numpy(batch).to(device=settings.device, dtype=kind).contiguous(memory_format=layout)
        self._output: torch.Tensor | None = None
        self._call: Callable[[torch.Tensor], torch.Tensor] = self._network
        if COMPILE in settings.options:
            self._call = self._compiled()
        self._replay = self._captured() if CUDA_GRAPHS in settings.options else None

    def run(self) -> None:
        if self._replay is None:
            self._output = self._call(self._input)
        else:
            self._replay()

    def output(self) -> NDArray[np.float32]:
        self.run()
        assert self._output is not None
        found: NDArray[np.float32] = self._output.float().cpu().numpy()
        return found

    def layers(self, repeats: int) -> list[LayerTime]:
        """Time every operation of the traced module, called from Python; for short ones the call itself dominates."""
        hidden = [option for option in (COMPILE, CUDA_GRAPHS) if option in self._settings.options]
        if hidden:
            raise LatencyError(f"single layers cannot be timed with {hidden[0]}: leave the option out")
        timed = _timed_nodes(self._network, self._input, repeats, self.clock, self._settings.device)
        nodes = [node for node, _ in timed]
        found = attributed(self._graph, [(match.node,) if match else () for match in self._matches(nodes)])
        return [
            LayerTime(f"{node.name} ({_kind(self._network, node)})", of_node, ms)
            for (node, ms), of_node in zip(timed, found, strict=True)
        ]

    def _matches(self, nodes: list[fx.Node]) -> list[Match | None]:
        image = next(node.name for node in self._network.graph.nodes if node.op == "placeholder")
        steps = [
            Step(
                _kind(self._network, node),
                tuple(x.name for x in node.all_input_nodes),
                node.name,
                (f"{node.target}.weight",) if node.op == "call_module" else (),
            )
            for node in nodes
        ]
        return matched(self._graph, steps, image)

    def _compiled(self) -> Callable[[torch.Tensor], torch.Tensor]:
        import torch

        compiled: Callable[[torch.Tensor], torch.Tensor] = torch.compile(self._network)
        try:
            compiled(self._input)
        except Exception as error:  # the compiler's own errors, or those of the C++ compiler that it calls
            raise LatencyError(f"torch.compile failed: {first_line(error)}; leave out the option {COMPILE}") from error
        return compiled

    def _captured(self) -> Callable[[], None]:
        """Record one run as a CUDA graph. Afterwards a run replays it and writes to the same output."""
        import torch

        stream = torch.cuda.Stream(self._settings.device)
        stream.wait_stream(torch.cuda.current_stream(self._settings.device))
        with torch.cuda.stream(stream):  # kernels are chosen before recording
            for _ in range(WARM_UP):
                self._call(self._input)
        torch.cuda.current_stream(self._settings.device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._output = self._call(self._input)
        replay: Callable[[], None] = graph.replay
        return replay


@contextmanager
def _threads(count: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _exact(device: str) -> Iterator[None]:
    """Compute float32 in float32: on CUDA without TF32, on a CPU without bfloat16 or TF32 inside oneDNN.

    On CUDA, also choose the fastest kernels by trial.
    """
    import torch

    if not device.startswith("cuda"):
        inside: list[Any] = [torch.backends.mkldnn.conv, torch.backends.mkldnn.matmul]  # type: ignore[attr-defined]
        was = [one.fp32_precision for one in inside]
        for one in inside:
            one.fp32_precision = "ieee"
        try:
            yield
        finally:
            for one, precision in zip(inside, was, strict=True):
                one.fp32_precision = precision
        return
    convolutions: Any = torch.backends.cudnn.conv  # type: ignore[attr-defined]  # a submodule made at run time
    products: Any = torch.backends.cuda.matmul
    before = torch.backends.cudnn.benchmark, convolutions.fp32_precision, products.fp32_precision
    torch.backends.cudnn.benchmark = True
    convolutions.fp32_precision = products.fp32_precision = "ieee"
    try:
        with torch.cuda.device(device):
            yield
    finally:
        torch.backends.cudnn.benchmark, convolutions.fp32_precision, products.fp32_precision = before


# -- single operations -------------------------------------------------------------------------

_KINDS = {
    "Conv2d": "Conv",
    "Linear": "Gemm",
    "BatchNorm2d": "BatchNormalization",
    "ReLU": "Relu",
    "ReLU6": "Clip",
    "Hardtanh": "Clip",
    "relu": "Relu",
    "relu_": "Relu",
    "relu6": "Clip",
    "hardtanh": "Clip",
    "hardtanh_": "Clip",
    "SiLU": "Swish",
    "silu": "Swish",
    "Hardswish": "HardSwish",
    "hardswish": "HardSwish",
    "Hardsigmoid": "HardSigmoid",
    "hardsigmoid": "HardSigmoid",
    "GELU": "Gelu",
    "gelu": "Gelu",
    "Sigmoid": "Sigmoid",
    "sigmoid": "Sigmoid",
    "MaxPool2d": "MaxPool",
    "max_pool2d": "MaxPool",
    "boolean_dispatch": "MaxPool",
    "AvgPool2d": "AveragePool",
    "avg_pool2d": "AveragePool",
    "AdaptiveAvgPool2d": "GlobalAveragePool",
    "adaptive_avg_pool2d": "GlobalAveragePool",
    "mean": "GlobalAveragePool",
    "Flatten": "Flatten",
    "flatten": "Flatten",
    "view": "Flatten",
    "reshape": "Flatten",
    "pad": "Pad",
    "narrow": "Slice",
    "add": "Add",
    "iadd": "Add",
    "mul": "Mul",
    "imul": "Mul",
    "cat": "Concat",
    "concat": "Concat",
    "Dropout": "Identity",
    "dropout": "Identity",
    "Identity": "Identity",
    "StochasticDepth": "Identity",
    "stochastic_depth": "Identity",
}


def _kind(network: fx.GraphModule, node: fx.Node) -> str:
    """The ONNX name of a node's operation, or its own name."""
    if node.op == "call_module":
        name = type(network.get_submodule(str(node.target))).__name__
    else:
        name = str(getattr(node.target, "__name__", node.target))
    return _KINDS.get(name, name)


def _timed_nodes(
    network: fx.GraphModule, images: torch.Tensor, repeats: int, clock: str, device: str
) -> list[tuple[fx.Node, float]]:
    """The operations in order, each with the mean of the middle half of its times in milliseconds."""
    import torch
    from torch import fx

    timer = clock_of(clock, device)
    times: defaultdict[fx.Node, list[float]] = defaultdict(list)

    class Timed(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            if not n.op.startswith("call_"):
                return super().run_node(n)
            given, named = self.fetch_args_kwargs_from_env(n)
            made: list[Any] = []

            def once() -> None:
                made[:] = [getattr(self, n.op)(n.target, given, named)]

            times[n] += timer.sample(once, 1, 1)
            return made[0]

    with torch.inference_mode():
        interpreter = Timed(network)
        for _ in range(WARM_UP + repeats):
            interpreter.run(images)
    return [(node, middle_mean(taken[WARM_UP:])) for node, taken in times.items()]


BACKENDS.add("torch", PyTorch())
