"""What turns a structure into a network: resolution, number of classes, and squeeze-and-excitation."""

from __future__ import annotations

from dataclasses import dataclass

from PlainNet.sizes import Size


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Settings of the network of a structure.

    resolution: height and width of the input image in pixels; one number for a square.
    num_classes: number of classes.
    use_se: whether the super-blocks contain squeeze-and-excitation.
    """

    resolution: Size = 32
    num_classes: int = 10
    use_se: bool = False
