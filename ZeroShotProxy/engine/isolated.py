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

    The attribute `layers` has the Conv2d and Linear modules by name, in order, and `weights` their weights, which
    require gradients. Raises ProbeError if there are no such layers or a weight is not a parameter.
    """

    def __init__(self, network: nn.Module, device: torch.device, *, seed: int = 0, initialisation: str = "own") -> None:
        if isinstance(network, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            network = network.module
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
        fresh = {} if initialisation == "own" else drawn(network, initialisation, seed)
        self.parameters = {
            name: _wide(fresh.get(name, p.detach()).to(device)).requires_grad_()
            for name, p in network.named_parameters()
        }
        self.buffers = {name: _wide(b.detach().to(device)) for name, b in network.named_buffers()}
        first = {id(tensor): name for name, tensor in (*network.named_parameters(), *network.named_buffers())}
        # All names of each tensor, as a module may be used in several places, and modules may share tensors.
        self._places = {
            f"{prefix}.{name}" if prefix else name: first[id(tensor)]
            for prefix, module in network.named_modules()
            for name, tensor in _own_tensors(module)
        }
        self.weights = [self.parameters[first[id(layer.weight)]] for layer in self.layers.values()]

    @property
    def dtype(self) -> torch.dtype:
        """The data type that images must have."""
        return self.weights[0].dtype

    def __call__(self, x: Tensor, values: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the logits (N, classes) of inputs (N, …) in training mode.

        values: weights and buffers by name, or None for those of the network. Every call starts with the same buffers
        and the same seed. Raises ProbeError if the output is not a finite tensor of logits.
        """
        if values is None:
            values = {**self.parameters, **{name: b.clone() for name, b in self.buffers.items()}}
        placed = {place: values[name] for place, name in self._places.items()}
        devices = [self.device] if self.device.type == "cuda" else []
        with _training(self.module), torch.random.fork_rng(devices), _other_generators():
            torch.manual_seed(self._seed)
            logits = functional_call(self.module, placed, (x,), tie_weights=False)
        if not isinstance(logits, Tensor) or logits.dim() != 2:
            raise ProbeError(f"the network returns {_describe(logits)}, expected logits (N, classes): wrap it")
        if not bool(torch.isfinite(logits.detach()).all()):
            raise ProbeError("the network's output is not finite")
        return logits

    @contextmanager
    def outputs(self, modules: Sequence[nn.Module], copied: bool) -> Iterator[list[Output]]:
        """Record the outputs of `modules` during calls in the `with` block, in the order of the calls.

        copied: whether the rest of the network gets copies, so that it cannot overwrite the recorded outputs.
        """
        found: list[Output] = []

        def record(index: int) -> Callable[[nn.Module, Any, Any], Any]:
            def hook(module: nn.Module, args: Any, output: Any) -> Any:
                if not isinstance(output, Tensor):
                    return output
                found.append(Output(index, output, output._version))
                return output.clone() if copied else output

            return hook

        handles = [module.register_forward_hook(record(i)) for i, module in enumerate(modules)]
        try:
            yield found
        finally:
            for handle in handles:
                handle.remove()


class Output(NamedTuple):
    """The output of a module: the index of the module, the tensor, and the version of the tensor at that time."""

    module: int
    value: Tensor
    version: int

    @property
    def overwritten(self) -> bool:
        return self.value._version != self.version


@contextmanager
def _training(network: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in network.modules()}
    network.train()
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


_RECTIFIERS = {"relu", "relu_", "relu6", "leaky_relu", "leaky_relu_", "prelu"}


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
    """Return whether a call of a torch function is a ReLU or a variant. ReLU6 calls hardtanh with minimum 0."""
    name = getattr(func, "__name__", "")
    lowest = args[1] if len(args) > 1 else kwargs.get("min_val", -1.0)
    return name in _RECTIFIERS or (name in ("hardtanh", "hardtanh_") and lowest == 0)


class WithoutBatchNorm(TorchFunctionMode):
    """Makes batch-norms return their input unchanged."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.batch_norm:
            return args[0] if args else kwargs["input"]
        return func(*args, **kwargs)
