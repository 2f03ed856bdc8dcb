"""Statistics that follow from others (`parts.py`). This file does not import torch by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zennas.discovering.parts import Part

if TYPE_CHECKING:
    from torch import Tensor


def derived(part: Part, of: Sequence[Tensor]) -> Tensor:
    """Return a part that is not stored, from those that it follows from, as the network has computed it."""
    import torch

    with torch.no_grad():
        if part.how == "relu":
            return of[0].relu()
        if part.how == "relu6":
            return torch.nn.functional.relu6(of[0])
        if part.how == "minus":
            return of[0] - of[1]
        if part.how == "masked":
            return torch.gt(of[1], 0, out=torch.empty_like(of[1])).mul_(of[0])
        if part.how == "gated":
            gated: Tensor = torch.ops.aten.threshold_backward(of[0], of[1], 0)
            return gated
        return _gradient_by_weight(part, *of)


def _gradient_by_weight(part: Part, gradient: Tensor, read: Tensor) -> Tensor:
    import torch

    stride, padding, dilation, groups = part.options
    weight = read.new_zeros(1).expand(part.shape)  # of which only the shape matters
    pairs = [stride] * 2, [padding] * 2, [dilation] * 2
    found: Tensor = torch.ops.aten.convolution_backward(
        gradient, read, weight, None, *pairs, False, [0, 0], groups, [False, True, False]
    )[1]
    return found
