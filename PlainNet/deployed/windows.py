"""Windows of convolutions and poolings: from PyTorch's symmetric padding to the two paddings of LiteRT.

Both agree for an odd kernel at stride 1. At stride 2 and an even size, SAME begins a window one position later. A
convolution then gets a larger kernel, whose further taps are zero: a 3×3 becomes a 4×4. That is exact, and costs some
weights but no memory for activations, while an operator that pads would double a large value.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from PlainNet.deployed.operators import Padding, Pair

_PADDINGS: tuple[Padding, ...] = ("SAME", "VALID")


class Axis(NamedTuple):
    """A window along one axis: taps, distance between them, stride, and the padding before the first position.

    size, positions: of input and output.
    """

    taps: int
    dilation: int
    stride: int
    before: int
    size: int
    positions: int


class Window(NamedTuple):
    """A window of LiteRT. kernel: its taps. origin: the tap at which the original kernel begins."""

    padding: Padding
    kernel: Pair
    origin: Pair


@lru_cache(maxsize=1 << 14)
def aligned(axes: tuple[Axis, Axis], grows: bool) -> Window | None:
    """Return the smallest window that reads the same positions as the given one; None if there is none.

    axes: (height, width). grows: whether the kernel can have further taps, as that of a convolution can.
    """
    found = []
    for padding in _PADDINGS:
        fits = [_fit(axis, padding, grows) for axis in axes]
        if fits[0] is not None and fits[1] is not None:
            (height, top), (width, left) = fits[0], fits[1]
            found.append(Window(padding, (height, width), (top, left)))
    return min(found, key=lambda window: window.kernel[0] * window.kernel[1], default=None)


def _fit(axis: Axis, padding: Padding, grows: bool) -> tuple[int, int] | None:
    """The taps of a kernel that begins where it should, and its first original tap."""
    further = axis.stride // axis.dilation + 2 if grows else 0
    for added in range(further + 1):
        for origin in range(added + 1):
            taps = axis.taps + added
            before = axis.before + origin * axis.dilation
            if _begins(axis, padding, taps) == (before, axis.positions):
                return taps, origin
    return None


def _begins(axis: Axis, padding: Padding, taps: int) -> tuple[int, int]:
    """The padding before the first position, and the number of outputs, that LiteRT gives."""
    extent = axis.dilation * (taps - 1) + 1
    if padding == "VALID":
        return 0, -(-(axis.size - extent + 1) // axis.stride)
    positions = -(-axis.size // axis.stride)
    return max((positions - 1) * axis.stride + extent - axis.size, 0) // 2, positions
