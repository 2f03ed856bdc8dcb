"""The arithmetic of forward passes in mixed precision. Imports torch.

On a CPU in bfloat16, convolutions with groups stay in float32 if they have strides or kernels above 3: the kernels of
torch 2.15 for their gradients are many times slower in bfloat16, up to 30 times for depthwise convolutions with
strides, which makes mobile networks train slower than in float32. Everything else gains, most on processors with AMX or
AVX-512 BF16.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from zennas.data.preparation import fast_memory_format, memory_format

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
_CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)
_STRIDE, _GROUPS = 3, 6
"""The places of arguments of a convolution."""
_WIDEST = 3
"""The side of the largest kernels whose gradients are fast."""


class GroupsInFloat32(TorchFunctionMode):
    """Inside, convolutions with groups and slow gradients take and give float32 where autocast on a CPU is on."""

    active = 0
    """How many of these contexts are entered."""

    def __enter__(self) -> GroupsInFloat32:
        GroupsInFloat32.active += 1
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)  # type: ignore[no-untyped-call]
        GroupsInFloat32.active -= 1

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if func in _CONVOLUTIONS and torch.is_autocast_enabled("cpu") and _slow(args, named):
            with torch.autocast("cpu", enabled=False):
                return func(*map(_float32, args), **{name: _float32(one) for name, one in named.items()})
        return func(*args, **named)


def _slow(args: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """Whether the gradients of a convolution are slow in bfloat16."""
    if len(args) < 2:  # input and weight are named, which layers do not do
        return False
    image, weight = args[:2]
    groups = args[_GROUPS] if len(args) > _GROUPS else named.get("groups", 1)
    stride = args[_STRIDE] if len(args) > _STRIDE else named.get("stride", 1)
    strides = (stride,) if isinstance(stride, int) else tuple(stride)
    return bool(groups > 1 and image.device.type == "cpu" and (max(strides) > 1 or max(weight.shape[2:]) > _WIDEST))


def _float32(argument: Any) -> Any:
    return argument.float() if isinstance(argument, Tensor) else argument


class _OnCpu:
    """Autocast and `GroupsInFloat32` together; can be entered again and again."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._contexts: tuple[AbstractContextManager[Any], ...] = (torch.autocast("cpu", dtype), GroupsInFloat32())

    def __enter__(self) -> None:
        for context in self._contexts:
            context.__enter__()

    def __exit__(self, *raised: Any) -> None:
        for context in reversed(self._contexts):
            context.__exit__(*raised)


def layout(precision: str, device: torch.device) -> torch.memory_format:
    """Return the memory format of images and weights of a training: the fastest in mixed precision; in float32 that
    in which several processes equal one.
    """
    return memory_format(device) if precision == "fp32" else fast_memory_format(device)


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Return the context in which a forward pass has a precision: "fp32", "bf16" or "fp16"."""
    if precision == "fp32":
        return nullcontext()
    if device.type == "cpu":
        return _OnCpu(_DTYPES[precision])
    return torch.autocast(device.type, _DTYPES[precision])
