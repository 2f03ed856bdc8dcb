"""From a kernel to milliseconds: the two kinds of model that a profile is made of. No torch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from latency.features import Hardware, columns, features, work
from latency.kernels import KINDS, WEIGHTED, Kernel
from latency.perceptron import Perceptron


@dataclass(frozen=True)
class Learned:
    """A roofline time times a learned factor, see `features.py`. factor: a constant on top, 1 as fitted."""

    kinds: tuple[str, ...]
    perceptron: Perceptron
    factor: float = 1.0

    def ms(self, kernel: Kernel, hardware: Hardware) -> float:
        """Time of the kernel for its whole batch."""
        import numpy as np

        base, found = features(kernel, hardware, self.kinds)
        return float(self.factor * base * np.exp(self.perceptron(np.array(found, dtype=np.float32))))

    def many(self, kernel: Kernel, hardware: Hardware) -> Any:
        """Times of many kernels of one kind, whose fields are arrays (N,)."""
        import numpy as np

        base, found = features(kernel, hardware, self.kinds, columns())
        inputs = np.stack([np.broadcast_to(f, base.shape) for f in found], axis=1).astype(np.float32)
        return self.factor * base * np.exp(self.perceptron(inputs))

    def to_json(self) -> dict[str, Any]:
        return {
            "model": "learned",
            "kinds": list(self.kinds),
            "factor": self.factor,
            "perceptron": self.perceptron.to_json(),
        }


@dataclass(frozen=True)
class Linear:
    """Milliseconds for each kernel, multiply–accumulate and byte moved; some are 0.

    rates: (kind, kernel size or 0 for any, ms a kernel, ms a MAC, ms a byte). Where a size is not there, the next
    smaller one of its kind stands for it. large: (kind, kernel size, bytes, ms a MAC), what MACs cost on top where a
    kernel of that very size reads so many bytes or more, as they do where a cache is too small.
    """

    rates: tuple[tuple[str, int, float, float, float], ...]
    large: tuple[tuple[str, int, int, float], ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(rate[0] for rate in self.rates))

    def ms(self, kernel: Kernel, hardware: Hardware) -> float:
        done = work(kernel, hardware)
        each, mac, byte = self._rate(kernel)
        for kind, size, least, more in self.large:
            if (kind, size) == (kernel.kind, kernel.kernel) and done.in_bytes >= least:
                mac += more
        return float(each + mac * done.macs + byte * done.bytes)

    def many(self, kernel: Kernel, hardware: Hardware) -> Any:
        import numpy as np

        rows = zip(*(np.broadcast_to(field, np.shape(kernel.batch)).tolist() for field in kernel[1:]), strict=True)
        return np.array([self.ms(Kernel(kernel.kind, *row), hardware) for row in rows])

    def _rate(self, kernel: Kernel) -> tuple[float, float, float]:
        fitting = [rate for rate in self.rates if rate[0] == kernel.kind]
        _, _, each, mac, byte = max(fitting, key=lambda rate: (rate[1] <= kernel.kernel, rate[1]))
        return each, mac, byte

    def to_json(self) -> dict[str, Any]:
        stored: dict[str, Any] = {"model": "linear", "rates": [list(rate) for rate in self.rates]}
        if self.large:
            stored["large"] = [list(one) for one in self.large]
        return stored


Model: TypeAlias = Learned | Linear


def model_from_json(stored: dict[str, Any]) -> Model:
    """Raises ValueError, KeyError or TypeError for what `to_json` cannot have written."""
    if stored["model"] == "learned":
        return Learned(_known(stored["kinds"]), Perceptron.from_json(stored["perceptron"]), float(stored["factor"]))
    if stored["model"] == "linear":
        rates = tuple(
            (str(k), int(s), float(each), float(mac), float(byte)) for k, s, each, mac, byte in stored["rates"]
        )
        large = tuple((str(k), int(s), int(least), float(more)) for k, s, least, more in stored.get("large", ()))
        _known([*(one[0] for one in rates), *(one[0] for one in large)])
        return Linear(rates, large)
    raise ValueError(f"unknown model {stored['model']!r}, expected learned or linear")


def _known(kinds: Sequence[str]) -> tuple[str, ...]:
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"unknown kind of kernel {kind!r}")
    return tuple(kinds)


def traffic(bytes_per_ms: float, launch_ms: float, without: Collection[str] = ()) -> Linear:
    """Kernels without weights by the bytes that they move; `without` are kinds that something else predicts."""
    kinds = [kind for kind in KINDS if kind not in WEIGHTED and kind not in without]
    return Linear(tuple((kind, 0, launch_ms, 0.0, 1 / bytes_per_ms) for kind in kinds))
