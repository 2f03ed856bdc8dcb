"""Finding the ReLU–convolution–batch-norm units of a network while it runs. Imports torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from ZeroShotProxy.engine.isolated import is_rectifier


@dataclass
class Unit:
    """A unit. rectified: the output of the ReLU and input of the convolution. weight: the convolution's weight."""

    rectified: Tensor
    weight: Tensor


class Units(TorchFunctionMode):
    """Follows tensors from ReLUs through convolutions to batch-norms, across modules.

    `found` has a unit for each convolution between a ReLU and a batch-norm, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Unit] = []
        self._rectified: dict[int, Tensor] = {}
        self._convolved: dict[int, tuple[Tensor, Unit]] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        x: Any = args[0] if args else kwargs.get("input")
        output = func(*args, **kwargs)
        # Tensors are kept alive, so that ids stay unique.
        if is_rectifier(func, args, kwargs):
            self._rectified[id(output)] = output
        elif func in (F.conv2d, torch.conv2d) and id(x) in self._rectified:
            weight = args[1] if len(args) > 1 else kwargs["weight"]
            self._convolved[id(output)] = (output, Unit(x, weight))
        elif func is F.batch_norm and id(x) in self._convolved:
            self.found.append(self._convolved[id(x)][1])
        return output
