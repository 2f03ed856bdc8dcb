"""What turns a structure into a network: the side of its images, its classes, squeeze-and-excitation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """resolution: side of the square input, in pixels. use_se: squeeze-and-excitation in the super-blocks."""

    resolution: int = 32
    num_classes: int = 10
    use_se: bool = False
