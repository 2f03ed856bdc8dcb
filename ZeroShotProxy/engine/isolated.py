"""Running a network without changing it. Imports torch.

`Isolated` calls an `nn.Module` in training mode, with aliases of its weights and copies of its buffers. Afterwards, its
modes, hooks and gradients and all random generators are as before. `ReluCodes` and `WithoutBatchNorm` observe or
replace torch functions during a call, no matter whether a module or the network itself calls them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from PlainNet.errors import ZennasError
from ZeroShotProxy.engine.initialise import drawn

Layer = nn.Conv2d | nn.Linear


class ProbeError(ZennasError, RuntimeError):
    """Raised if a network cannot be measured. Callers add the name of the measure."""


class Isolated:
    """A network as a function of its weights.

    network: the module, which does not change. device: where it runs. seed: the seed of dropout and of new weights.
    initialisation: "own" for the network's weights, or a rule in `initialise.py`.
    example: inputs (N, …) that show in which order layers run; new weights are drawn in this order.

    The attribute `layers` has the Conv2d and Linear modules by name, in order. Raises ProbeError if there are no such
    layers or a weight is not a parameter.
    """

    def __init__(
        self,
        network: nn.Module,
        device: torch.device,
        *,
        seed: int = 0,
        initialisation: str = "own",
        example: Tensor | None = None,
    ) -> None:
        network = _unwrapped(network)
        self.module = network
        self.device = device
        self._seed = seed
        self.layers = {name: m for name, m in network.named_modules() if isinstance(m, Layer)}
        if not self.layers:
            raise ProbeError("the network has neither a Conv2d nor a Linear layer")
        for name, layer in self.layers.items():
            # Not `layer.weight`, which a parametrisation would compute; some then change their buffers.
            if "weight" not in dict(layer.named_parameters(recurse=False)):
                raise ProbeError(f"the weight of {name} is not a parameter: remove its parametrisation first")
        self.parameters = {
            name: _wide(p.detach().to(device)).requires_grad_() for name, p in network.named_parameters()
        }
        self.buffers = {name: _wide(b.detach().to(device)) for name, b in network.named_buffers()}
        first = {id(tensor): name for name, tensor in (*network.named_parameters(), *network.named_buffers())}
        # All names of each tensor, as a module may be used in several places, and modules may share tensors.
        self._places = {
            f"{prefix}.{name}" if prefix else name: first[id(tensor)]
            for prefix, module in network.named_modules()
            for name, tensor in _own_tensors(module)
        }
        self._names = [first[id(layer.weight)] for layer in self.layers.values()]
        if initialisation != "own":
            order = () if example is None else self._running_order(example)
            for name, fresh in drawn(network, initialisation, seed, order).items():
                self.parameters[name] = _wide(fresh.to(device)).requires_grad_()

    @property
    def weights(self) -> list[Tensor]:
        """The weights of `layers`, in order; they require gradients."""
        return [self.parameters[name] for name in self._names]

    @property
    def biases(self) -> list[str]:
        """The names of the biases of `layers`."""
        layers = ((name, layer.bias) for name, layer in self.layers.items())
        return [self._places[f"{name}.bias" if name else "bias"] for name, bias in layers if bias is not None]

    @property
    def dtype(self) -> torch.dtype:
        """The data type that images must have."""
        return self.weights[0].dtype

    def __call__(self, x: Tensor, values: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the logits (N, classes) of inputs (N, …) in training mode.

        values: weights and buffers by name, or None for those of the network. Every call starts with the same buffers
        and the same seed. Raises ProbeError if the output is not a finite tensor of logits.
        """
        logits = self._run(x, values)
        if not isinstance(logits, Tensor) or logits.dim() != 2:
            raise ProbeError(f"the network returns {_describe(logits)}, expected logits (N, classes): wrap it")
        if not bool(torch.isfinite(logits.detach()).all()):
            raise ProbeError("the network's output is not finite")
        return logits

    def _run(self, x: Tensor, values: Mapping[str, Tensor] | None, training: bool = True) -> Any:
        if values is None:
            values = {**self.parameters, **{name: b.clone() for name, b in self.buffers.items()}}
        placed = {place: values[name] for place, name in self._places.items()}
        devices = [self.device] if self.device.type == "cuda" else []
        with _mode(self.module, training), torch.random.fork_rng(devices), _other_generators():
            torch.manual_seed(self._seed)
            return functional_call(self.module, placed, (x,), tie_weights=False)

    def _running_order(self, example: Tensor) -> list[str]:
        """The names of the parameters in the order in which they are first used."""
        example = example.to(self.dtype)
        with torch.no_grad(), _Uses(self.parameters) as uses:
            self._run(example, None, training=False)  # a single image is enough then
        return list(uses.order)

    @contextmanager
    def outputs(self, copied: bool) -> Iterator[list[Output]]:
        """Record the outputs of convolutions and linear layers in the `with` block, in running order.

        It does not matter whether a module or the network itself calls `conv2d` or `linear`.

        copied: whether the rest of the network gets copies, so that it cannot overwrite the recorded outputs.
        """
        with _Outputs(self.weights, copied) as recorder:
            yield recorder.found


class Output(NamedTuple):
    """The output of a layer: the index of its weight, the tensor, and the version of the tensor at that time."""

    layer: int
    value: Tensor
    version: int

    @property
    def overwritten(self) -> bool:
        return self.value._version != self.version


class _Outputs(TorchFunctionMode):
    def __init__(self, weights: Sequence[Tensor], copied: bool) -> None:
        super().__init__()
        self.found: list[Output] = []
        self._layers = {id(weight): index for index, weight in enumerate(weights)}
        self._copied = copied

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        if func not in (F.conv2d, F.linear):
            return output
        layer = self._layers.get(id(args[1] if len(args) > 1 else kwargs["weight"]))
        if layer is None:
            return output
        self.found.append(Output(layer, output, output._version))
        return output.clone() if self._copied else output


class _Uses(TorchFunctionMode):
    """Records the names of `parameters` in the order in which torch functions first get them."""

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.order: dict[str, None] = {}
        self._names = {id(tensor): name for name, tensor in parameters.items()}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        reads = getattr(func, "__name__", "") == "__get__"  # an attribute, such as the data type
        for value in () if reads else (*args, *kwargs.values()):
            name = self._names.get(id(value))
            if name is not None:
                self.order.setdefault(name)
        return func(*args, **kwargs)


def _unwrapped(network: nn.Module) -> nn.Module:
    """The network inside wrappers of torch, which run it in other ways but compute the same."""
    while True:
        if isinstance(network, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            network = network.module
        elif isinstance(inner := getattr(network, "_orig_mod", None), nn.Module):  # of torch.compile
            network = inner
        else:
            return network


@contextmanager
def _mode(network: nn.Module, training: bool) -> Iterator[None]:
    modes = {module: module.training for module in network.modules()}
    network.train(training)
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


@contextmanager
def _other_generators() -> Iterator[None]:
    """Restore the generators of Python and numpy afterwards, as a network may use them."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def _own_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters(recurse=False, remove_duplicate=False)
    yield from module.named_buffers(recurse=False, remove_duplicate=False)


def _wide(tensor: Tensor) -> Tensor:
    """Convert half precision to single precision. Decompositions need it, and rounding should not affect scores."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def _describe(value: object) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


_RECTIFIERS = {"relu", "relu6", "leaky_relu", "prelu"}
_CUT = {"hardtanh": "min_val", "clamp": "min", "clamp_min": "min", "clip": "min"}
"""Functions that cut values off, and the names of their lower limits."""


class ReluCodes(TorchFunctionMode):
    """Records which inputs of each ReLU are positive. `codes` has a bool tensor (N, features) for each ReLU call."""

    def __init__(self) -> None:
        super().__init__()
        self.codes: list[Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if is_rectifier(func, args, kwargs):
            x = args[0] if args else kwargs["input"]
            self.codes.append((x.detach() > 0).flatten(1))
        return func(*args, **kwargs)


def is_rectifier(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether a call of a torch function is a ReLU or a variant, such as ReLU6, which calls hardtanh.

    A clamp with minimum 0 is one if it gets what layers return, (N, C, H, W) or (N, C).
    """
    name = getattr(func, "__name__", "").rstrip("_")
    if name in _RECTIFIERS:
        return True
    if name not in _CUT:
        return False
    lowest = args[1] if len(args) > 1 else kwargs.get(_CUT[name])
    x = args[0] if args else kwargs.get("input")
    return isinstance(lowest, (int, float)) and lowest == 0 and isinstance(x, Tensor) and x.dim() in (2, 4)


class WithoutBatchNorm(TorchFunctionMode):
    """Makes batch-norms return their input unchanged."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.batch_norm:
            return args[0] if args else kwargs["input"]
        return func(*args, **kwargs)
