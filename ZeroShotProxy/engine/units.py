"""Finding the ReLU–convolution–batch-norm units of a network while it runs. Imports torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from ZeroShotProxy.engine.isolated import is_rectifier


@dataclass
class Unit:
    """A unit. rectified: the output of the ReLU and input of the convolution. weight: the convolution's weight.

    Only if they are kept: pre and input, copies without gradient of the inputs of the ReLU and of the convolution, and
    output, the output of the batch-norm, of which the rest of the network gets a copy.
    """

    rectified: Tensor
    weight: Tensor
    pre: Tensor | None = None
    input: Tensor | None = None
    output: Tensor | None = None


class Units(TorchFunctionMode):
    """Follows tensors from ReLUs through convolutions to batch-norms, across modules.

    keep: whether units keep further tensors, so that no in-place operation overwrites them.

    `found` has a unit for each convolution between a ReLU and a batch-norm, in order.
    """

    def __init__(self, keep: bool = False) -> None:
        super().__init__()
        self.found: list[Unit] = []
        self._keep = keep
        self._rectified: dict[int, tuple[Tensor, Tensor | None]] = {}
        self._convolved: dict[int, tuple[Tensor, Unit]] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        x: Any = args[0] if args else kwargs.get("input")
        rectifies = is_rectifier(func, args, kwargs)
        pre = x.detach().clone() if rectifies and self._keep else None  # before it is overwritten in place
        output = func(*args, **kwargs)
        # Tensors are kept alive, so that ids stay unique.
        if rectifies:
            self._rectified[id(output)] = output, pre
        elif func in (F.conv2d, torch.conv2d) and id(x) in self._rectified:
            weight = args[1] if len(args) > 1 else kwargs["weight"]
            taken = x.detach().clone() if self._keep else None
            self._convolved[id(output)] = (output, Unit(x, weight, self._rectified[id(x)][1], taken))
        elif func is F.batch_norm and id(x) in self._convolved:
            unit = self._convolved[id(x)][1]
            self.found.append(replace(unit, output=output if self._keep else None))
            if self._keep:
                return output.clone()
        return output
