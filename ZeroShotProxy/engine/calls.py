"""The calls of layers while a network runs, in running order, however it is written. Imports torch.

A layer can be a module or a function of `torch.nn.functional`, one module can be called several times, and the order
in which modules are registered need not be the order in which they run. `layer_calls` records what happens instead of
what is registered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.modules.padding import _ConstantPadNd, _ReflectionPadNd, _ReplicationPadNd
from torch.overrides import TorchFunctionMode

from ZeroShotProxy.engine.isolated import is_rectifier

FUNCTIONS = frozenset(
    (
        *("conv2d", "conv_transpose2d", "batch_norm", "group_norm", "instance_norm", "local_response_norm"),
        *(
            "adaptive_avg_pool2d",
            "adaptive_max_pool2d",
            "avg_pool2d",
            "lp_pool2d",
            "max_pool2d",
            "interpolate",
            "upsample",
        ),
        *(
            "celu",
            "elu",
            "gelu",
            "glu",
            "hardshrink",
            "hardsigmoid",
            "hardswish",
            "hardtanh",
            "leaky_relu",
            "logsigmoid",
        ),
        *("mish", "prelu", "relu", "relu6", "rrelu", "selu", "sigmoid", "silu", "softmax", "softplus"),
        *(
            "softshrink",
            "softsign",
            "tanh",
            "tanhshrink",
            "threshold",
            "dropout",
            "dropout2d",
            "pixel_shuffle",
            "pixel_unshuffle",
        ),
    )
)
"""The names of functions that do what a module of `torch.nn` does. Sums and padding are not layers of their own."""
_PADDING = (_ConstantPadNd, _ReflectionPadNd, _ReplicationPadNd)


class Call(NamedTuple):
    """A call of a layer.

    module: the module, or None for a function.
    value: the output.
    version: the version of the output at that time.
    convolves: whether it is or contains a convolution.
    """

    module: nn.Module | None
    value: Tensor
    version: int
    convolves: bool

    @property
    def overwritten(self) -> bool:
        """Whether the output has changed since, for example by an in-place ReLU."""
        return self.value._version != self.version


@contextmanager
def layer_calls(modules: Iterable[nn.Module], copied: bool) -> Iterator[list[Call]]:
    """Record the calls of layers in the `with` block, in running order.

    modules: each is one layer, and what it calls is not recorded. Layers outside are recorded if they are functions.
    copied: whether the rest of the network gets copies, so that it cannot overwrite the recorded outputs.
    """
    recorder = _Recorder(copied)
    with ExitStack() as stack:
        for module in dict.fromkeys(modules):
            stack.enter_context(module.register_forward_pre_hook(recorder.enter))
            stack.enter_context(module.register_forward_hook(recorder.leave))
        stack.enter_context(recorder)
        yield recorder.found


def is_layer(module: nn.Module) -> bool:
    """Whether the output of a module counts as that of a layer: not for padding, and not if it is its input."""
    return not isinstance(module, (nn.Identity, *_PADDING))


class _Recorder(TorchFunctionMode):
    """Records functions, and the modules that it is hooked to."""

    def __init__(self, copied: bool) -> None:
        super().__init__()
        self.found: list[Call] = []
        self._copied = copied
        self._inside = 0

    def enter(self, module: nn.Module, args: Any) -> None:
        self._inside += 1

    def leave(self, module: nn.Module, args: Any, output: Any) -> Any:
        self._inside -= 1
        if self._inside or not is_layer(module):
            return output
        return self._record(module, output, any(isinstance(part, nn.Conv2d) for part in module.modules()))

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").strip("_")
        if self._inside or (name not in FUNCTIONS and not is_rectifier(func, args, kwargs or {})):
            return output
        return self._record(None, output, name == "conv2d")

    def _record(self, module: nn.Module | None, output: Any, convolves: bool) -> Any:
        if not isinstance(output, Tensor):
            return output
        self.found.append(Call(module, output, output._version, convolves))
        return output.clone() if self._copied else output
