"""The weights of supernets: drawn once for each name, by a generator that the name seeds. Imports torch."""

from __future__ import annotations

import hashlib
from math import prod, sqrt

import torch
from torch import Tensor


class Weights:
    """The convolution and linear weights of one supernet; scales of batch-norms are 1, biases and shifts 0.

    seed: of all weights. supernet: which of several with that seed.

    Weights are those of `kaiming_fan_in`, N(0, 2 / fan-in), whatever was drawn before.
    """

    def __init__(self, seed: int, supernet: str, device: torch.device) -> None:
        self._name = f"{seed} {supernet}"
        self._device = device
        self._drawn: dict[tuple[str, tuple[int, ...]], Tensor] = {}

    def __call__(self, path: str, shape: tuple[int, ...]) -> Tensor:
        """Return the weight of a layer: (out, in / groups, kernel, kernel), or (out, in)."""
        found = self._drawn.get((path, shape))
        if found is None:
            digest = hashlib.sha256(f"{self._name} {path} {shape}".encode()).digest()
            generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
            drawn = torch.randn(shape, generator=generator) * sqrt(2 / prod(shape[1:]))
            found = self._drawn[path, shape] = drawn.to(self._device)
        return found
