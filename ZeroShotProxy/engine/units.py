"""Finding units of a ReLU, a convolution and a batch-norm in a network while it runs. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from ZeroShotProxy.engine.isolated import is_rectifier

RELU, CONV, BN = "relu", "conv", "bn"


@dataclass
class Call:
    """A call of an operation of a unit. read, made: its input and output.

    copy: the input as it was before the call, without gradient, if it is kept. weight: of a convolution.
    """

    read: Tensor
    made: Tensor
    copy: Tensor | None
    weight: Tensor | None


@dataclass
class Unit:
    """A unit: the calls of its three operations. output: what the last one makes.

    If units keep tensors, the rest of the network gets a copy of `output`, so that no in-place operation overwrites it.
    """

    relu: Call
    conv: Call
    output: Tensor

    @property
    def weight(self) -> Tensor:
        """The weight of the convolution, (C', C, K, K)."""
        assert self.conv.weight is not None
        return self.conv.weight


_Chain: TypeAlias = dict[str, Call]
"""The calls of a unit so far, by operation."""


class Units(TorchFunctionMode):
    """Follows tensors from operation to operation, across modules.

    order: in which `RELU`, `CONV` and `BN` follow each other. keep: whether units keep copies of what is read.

    `found` has a unit for each chain of these operations without others in between, in the order of the last one.
    """

    def __init__(self, keep: bool = False, order: Sequence[str] = (RELU, CONV, BN)) -> None:
        super().__init__()
        self.found: list[Unit] = []
        self._keep = keep
        self._order = tuple(order)
        self._made: dict[tuple[str, int], tuple[Tensor, _Chain]] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        kind = _kind(func, args, kwargs)
        x: Any = args[0] if args else kwargs.get("input")
        chain = None if kind is None else self._before(kind, x)
        if kind is None or chain is None:
            return func(*args, **kwargs)
        copy = x.detach().clone() if self._keep and kind != BN else None  # before it is overwritten in place
        output = func(*args, **kwargs)
        weight = (args[1] if len(args) > 1 else kwargs["weight"]) if kind == CONV else None
        chain = {**chain, kind: Call(x, output, copy, weight)}
        if kind != self._order[-1]:
            self._made[kind, id(output)] = output, chain  # tensors are kept alive, so that ids stay unique
            return output
        self.found.append(Unit(chain[RELU], chain[CONV], output))
        return output.clone() if self._keep else output

    def _before(self, kind: str, x: Tensor) -> _Chain | None:
        """The calls that have led to the input of an operation; None if they are not those of a unit."""
        place = self._order.index(kind)
        return {} if not place else self._made.get((self._order[place - 1], id(x)), (x, None))[1]


def _kind(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    if func in (F.conv2d, torch.conv2d):
        return CONV
    if func is F.batch_norm:
        return BN
    return RELU if is_rectifier(func, args, kwargs) else None
