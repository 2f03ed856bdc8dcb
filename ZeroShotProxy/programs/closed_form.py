"""Statistics of convolutions in closed form, which programs can read instead of tensors of units.

They are what `mean_field` is made of (docs/mean-field.md), and the widths, sizes and costs around it. They follow from
the structure, so there are neither weights nor images, and nothing is random. A network is one unit: each statistic is
a vector with a number for each convolution, in running order, (convolutions,), or a single number of the network, of
shape (). So operations such as `mean`, `softmax` and `matmul` go over the convolutions of the network.

The convolutions are those on a path from the image to the output that no global pooling precedes; so the classifier
and the convolutions of gates are left out, as in `mean_field`. `convolutions.py` computes them. This file imports
neither torch nor NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ClosedForm:
    """A statistic in closed form. name: in programs. meaning: in a few words. whole: whether it is of the network."""

    name: str
    meaning: str
    whole: bool = False


_TABLE = (
    ClosedForm("fan_in", "inputs of an output element: input channels of its group × area of the kernel"),
    ClosedForm("in_channels", "channels that it reads"),
    ClosedForm("out_channels", "channels that it makes"),
    ClosedForm("kernel", "side of the kernel"),
    ClosedForm("stride", "stride"),
    ClosedForm("groups", "number of groups"),
    ClosedForm("in_positions", "positions of the map that it reads, height × width"),
    ClosedForm("positions", "output elements of a channel, height × width"),
    ClosedForm("flops", "multiply–accumulates"),
    ClosedForm("params", "parameters"),
    ClosedForm("depth", "convolutions on the longest path from the image to it, with itself"),
    ClosedForm("remaining", "convolutions on the longest path from it to the output, with itself"),
    ClosedForm("in_mean", "mean of a channel that it reads"),
    ClosedForm("in_variance", "variance of a channel that it reads, over images and positions"),
    ClosedForm("likeness", "correlation of what it reads of two images, mean² / (mean² + variance)"),
    ClosedForm("in_independent", "channels that it reads and that vary independently, 1 / o (equation 8)"),
    ClosedForm("independent", "channels that it makes and that vary independently, 1 / o (equation 8)"),
    ClosedForm("gradient", "squared norm of the loss's gradient by its weights (equation 15)"),
    ClosedForm("turn", "how far a training turns its weights, the cube root of g / √c (equation 22)"),
    ClosedForm("share", "its share in learning, `turn` divided by the sum of all (equation 22)"),
    ClosedForm("directions", "independent directions of the gradient at the image (equation 16)", whole=True),
    ClosedForm("steadiness", "what large gradients leave of all that could be learned (equation 24)", whole=True),
    ClosedForm("detail", "weight of the logarithm of positions, by the training's length (equation 24a)", whole=True),
)
CLOSED_FORMS = {one.name: one for one in _TABLE}
"""The statistics by name."""
