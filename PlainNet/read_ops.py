"""Operations of networks that were designed elsewhere: the blocks of this project do not use them.

`latency/reading/` finds them in modules and ONNX files. Interpreters that only handle structures, such as closed-form
scores, raise `UnknownOperationError` for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PlainNet.sizes import Size


@dataclass(frozen=True, slots=True)
class FreeConv:
    """2-D convolution that `Conv` does not describe: a window that is not square, other padding, other weights.

    kernel, padding: pairs (height, width); padding is that on each side. Weights are (out, in / groups, height, width).
    weights: "learned", "fixed" (not parameters), or "standardised" (normalised over each filter before they are used).
    gain: whether standardised weights have a learned factor for each filter.
    """

    in_channels: int
    out_channels: int
    kernel: tuple[int, int]
    padding: tuple[int, int]
    stride: int = 1
    groups: int = 1
    bias: bool = False
    dilation: int = 1
    weights: Literal["learned", "fixed", "standardised"] = "learned"
    gain: bool = False


@dataclass(frozen=True, slots=True)
class ChannelConv:
    """1-D convolution along the channels of a flat value, with one filter of `kernel` weights and no bias, as in ECA
    (Wang et al., CVPR 2020)."""

    kernel: int


@dataclass(frozen=True, slots=True)
class FreePool:
    """Pooling that `MaxPool` and `AvgPool` do not describe.

    padding: on each side. kernel, stride: one number, or `Sides` for a window that is not square. ceil: whether there
    is an output for a last window that is only partly inside the input.
    counted: whether a mean includes the padding.
    """

    kind: Literal["max", "average"]
    kernel: Size
    stride: Size
    padding: int
    ceil: bool = False
    counted: bool = False


ACTIVATIONS = (
    "hardswish", "hardsigmoid", "gelu", "gelu_tanh", "mish", "hardmish", "leaky_relu", "elu", "tanh", "softplus",
    "square", "sqrt", "exp", "erf", "abs", "softmax", "clip",
)  # fmt: skip
"""The functions of `Activation`."""


@dataclass(frozen=True, slots=True)
class Activation:
    """A function of each element without weights, one of `ACTIVATIONS`.

    parameters: of the function: the slope of leaky_relu and elu, the limits of clip. "softmax" is over the channels
    that are `parameters[0]` apart, `parameters[1]` of them at a time.
    """

    function: str
    parameters: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class PRelu:
    """x if positive, otherwise x times a learned slope: one, or one for each channel."""

    slopes: int


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """Normalisation over the channels of each position. scale, shift: whether it has a learned factor, and a learned
    term, for each channel.

    kind: "layer" subtracts the mean and divides by the standard deviation, "deviation" only divides by it, and "root"
    divides by the root mean square.
    """

    channels: int
    scale: bool = True
    shift: bool = True
    eps: float = 1e-6
    kind: Literal["layer", "deviation", "root"] = "layer"


@dataclass(frozen=True, slots=True)
class GroupNorm:
    """Normalisation over groups of channels and all positions of an image. scale, shift: as for `LayerNorm`."""

    channels: int
    groups: int
    scale: bool = True
    shift: bool = True
    eps: float = 1e-5


@dataclass(frozen=True, slots=True)
class ResponseNorm:
    """Global response normalisation of ConvNeXt V2 (Woo et al., CVPR 2023), with a learned scale and shift."""

    channels: int


@dataclass(frozen=True, slots=True)
class Scale:
    """Product with learned factors: one, or one for each channel."""

    factors: int


@dataclass(frozen=True, slots=True)
class Offset:
    """Sum with learned terms: one, or one for each channel."""

    terms: int


@dataclass(frozen=True, slots=True)
class Rescale:
    """x * factor + term, with fixed numbers. A number stands for all channels; otherwise there is one for each."""

    factor: float | tuple[float, ...] = 1.0
    term: float | tuple[float, ...] = 0.0


@dataclass(frozen=True, slots=True)
class Sub:
    """Difference of two values of the same shape."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Keep `channels` channels, from channel `start`."""

    start: int
    channels: int


@dataclass(frozen=True, slots=True)
class ChannelShuffle:
    """Reorder channels: the channels of `groups` groups take turns (ShuffleNet, CVPR 2018)."""

    groups: int


@dataclass(frozen=True, slots=True)
class Pad:
    """Padding above and on the left (`before`), and below and on the right (`after`); negative numbers crop.

    value: of the padding, for mode "constant"; "reflect" mirrors the input.
    """

    before: int
    after: int
    value: float = 0.0
    mode: Literal["constant", "reflect"] = "constant"


@dataclass(frozen=True, slots=True)
class Upsample:
    """Interpolation to an output of this size; mode is "nearest", "bilinear" or "bicubic"."""

    size: Size
    mode: str


@dataclass(frozen=True, slots=True)
class SpaceToDepth:
    """Move squares of `block` × `block` positions into channels: channel (row, column, c) of the square."""

    block: int


@dataclass(frozen=True, slots=True)
class Unflatten:
    """Reshape a flat vector to (channels, 1, 1)."""


WITHOUT_WEIGHTS = (
    FreePool,
    Activation,
    Rescale,
    Sub,
    Slice,
    ChannelShuffle,
    Pad,
    Upsample,
    SpaceToDepth,
    Unflatten,
)
WITH_WEIGHTS = (FreeConv, ChannelConv, PRelu, LayerNorm, GroupNorm, ResponseNorm, Scale, Offset)
READ_OPS = WITH_WEIGHTS + WITHOUT_WEIGHTS
