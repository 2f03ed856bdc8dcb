"""A small multi-layer perceptron evaluated in numpy: the learned part of a latency model. No torch.

`latency/fitting/train.py` trains it with torch. It was chosen over boosted trees because it is more accurate on
latencies and faster for a single kernel: see docs/adr/0007.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
_LARGEST = 1e36
"""Bound of intermediate values; float32 ends at 3.4e38."""


@dataclass(frozen=True)
class Perceptron:
    """Layers of x ↦ silu(x W + b), the last one without silu, with a scalar output.

    low, high: (features,), the range of the inputs in the fit, to which inputs are clipped so that nothing is
    extrapolated. mean, scale: (features,), for normalising the inputs. layers: weights (in, out) and biases (out,).
    """

    low: Array
    high: Array
    mean: Array
    scale: Array
    layers: tuple[tuple[Array, Array], ...]

    @cached_property
    def _folded(self) -> tuple[tuple[Array, Array], ...]:
        """The layers, with the normalisation folded into the first one, and all but the last halved.

        Halving uses that silu(2 h) = h + h tanh h.
        """
        (weights, bias), *rest = self.layers
        weights = self.scale[:, None] * weights
        layers = [(weights, bias - self.mean @ weights), *rest]
        half = np.float32(0.5)
        return (*((half * w, half * b) for w, b in layers[:-1]), layers[-1])

    def __call__(self, inputs: Array) -> Array:
        """Evaluate (features,) to a scalar, or (N, features) to (N,)."""
        x = np.minimum(np.maximum(inputs, self.low), self.high)
        for weights, bias in self._folded[:-1]:
            half = x @ weights
            half += bias
            x = np.tanh(half)
            x += 1
            x *= half
        weights, bias = self._folded[-1]
        out: Array = (x @ weights + bias)[..., 0]
        return out

    def to_json(self) -> dict[str, Any]:
        """Return the arrays as text: little-endian float32 in base64, with their shapes."""
        return {
            "low": _text(self.low),
            "high": _text(self.high),
            "mean": _text(self.mean),
            "scale": _text(self.scale),
            "layers": [[_text(weights), _text(bias)] for weights, bias in self.layers],
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Perceptron:
        """Read a perceptron. Raises ValueError or KeyError for data that `to_json` cannot have written."""
        ends = [_array(stored[name]) for name in ("low", "high", "mean", "scale")]
        layers = tuple((_array(weights), _array(bias)) for weights, bias in stored["layers"])
        width = len(ends[0])
        for array in ends:
            _expect(array.shape == (width,), "ranges of different lengths")
        for weights, bias in layers:
            _expect(weights.ndim == 2 and weights.shape == (width, len(bias)), "layers that do not join")
            width = len(bias)
        _expect(width == 1, f"{width} outputs, expected 1")
        _expect(
            all(np.isfinite(a).all() for a in (*ends, *(a for pair in layers for a in pair))),
            "numbers that are not finite",
        )
        low, high, mean, scale = ends
        _expect(bool((low <= high).all()), "a lowest input above the highest")
        made = cls(low, high, mean, scale, layers)
        with np.errstate(over="ignore", invalid="ignore"):
            _expect(made._reach() < _LARGEST, "weights so large that its values may overflow")
        return made

    def _reach(self) -> float:
        """A bound of all values that occur in an evaluation, for any input: |silu(x)| is at most |x|."""
        reach = np.maximum(np.abs(self.low), np.abs(self.high)).astype(np.float64)
        most = float(reach.max())
        for i, (weights, bias) in enumerate(self.layers):
            wide, shift = weights.astype(np.float64), bias.astype(np.float64)
            if i == 0:
                wide = self.scale.astype(np.float64)[:, None] * wide
                shift = shift - self.mean @ wide
            reach = np.abs(wide).T @ reach + np.abs(shift)
            most = max(most, float(reach.max()), float(np.abs(wide).max()))
        return most


def _expect(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(f"a perceptron with {message}")


def _text(array: Array) -> dict[str, Any]:
    return {"shape": list(array.shape), "float32": base64.b64encode(array.astype("<f4").tobytes()).decode()}


def _array(stored: dict[str, Any]) -> Array:
    content = np.frombuffer(base64.b64decode(stored["float32"], validate=True), dtype="<f4")
    return np.ascontiguousarray(content.reshape(stored["shape"]), dtype=np.float32)
