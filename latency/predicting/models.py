"""From a kernel to milliseconds: the kinds of model that a profile consists of. No torch."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

from latency.kernels import CONV, DEPTHWISE, KINDS, WEIGHTED, Kernel, by_kind
from latency.predicting.features import Hardware, baseline, columns, features, work
from latency.predicting.perceptron import Perceptron
from latency.predicting.posterior import BYTE, EACH, MAC, MODEL, Term, window_of

_REMEMBERED = 1 << 18


class Widths(NamedTuple):
    """The numbers of channels that were measured, in ascending order."""

    in_channels: tuple[int, ...]
    out_channels: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Learned:
    """A roofline time times a learned factor, see `features.py`.

    widths: for each kind, the measured numbers of input and output channels, if there are only a few. Between them the
    factor is interpolated, linearly in the logarithms of channels and factor; beyond them it stays constant. A learned
    model would only guess at channel numbers that it has never seen, and searches mostly use such numbers.
    """

    kinds: tuple[str, ...]
    perceptron: Perceptron
    widths: Mapping[str, Widths] = field(default_factory=dict)
    _known: dict[Kernel, float] = field(default_factory=dict, compare=False, repr=False)

    def ms(self, kernel: Kernel, hardware: Hardware) -> float:
        """The time of the kernel in ms, for its whole batch."""
        log_factor = sum(share * self.log_factor(near, hardware) for share, near in self._around(kernel))
        return float(baseline(kernel, hardware)) * math.exp(log_factor)

    def log_factor(self, kernel: Kernel, hardware: Hardware) -> float:
        """Return the logarithm of the factor of a kernel with measured widths; cached, since there are few of them."""
        found = self._known.get(kernel)
        if found is None:
            import numpy as np

            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            _, inputs = features(kernel, hardware, self.kinds)
            found = self._known[kernel] = float(self.perceptron(np.array(inputs, dtype=np.float32)))
        return found

    def _around(self, kernel: Kernel) -> list[tuple[float, Kernel]]:
        """The kernels with measured widths around `kernel`, with weights that add up to 1."""
        known = self.widths.get(kernel.kind)
        if known is None or (kernel.groups > 1 and kernel.kind != DEPTHWISE):
            return [(1.0, kernel)]
        outs = _bracket(known.out_channels, kernel.out_channels)
        if kernel.kind == DEPTHWISE:
            return [(share, kernel._replace(in_channels=c, out_channels=c, groups=c)) for share, c in outs]
        ins = _bracket(known.in_channels, kernel.in_channels)
        return [(u * v, kernel._replace(in_channels=ci, out_channels=co)) for u, ci in ins for v, co in outs]

    def many(self, kernels: Sequence[Kernel], hardware: Hardware) -> list[float]:
        """The times in ms of many kernels of the model's kinds, for their whole batches."""
        import numpy as np

        around = [self._around(kernel) for kernel in kernels]
        distinct = list({near: None for parts in around for _, near in parts})
        factors: dict[Kernel, float] = {}
        for rows, together in by_kind(distinct):
            _, found = features(together, hardware, self.kinds, columns())
            inputs = np.stack([np.broadcast_to(one, len(rows)) for one in found], axis=1).astype(np.float32)
            factors.update(zip((distinct[i] for i in rows), self.perceptron(inputs).tolist(), strict=True))
        return [
            float(baseline(kernel, hardware)) * math.exp(sum(share * factors[near] for share, near in parts))
            for kernel, parts in zip(kernels, around, strict=True)
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the model for JSON."""
        return {
            "model": "learned",
            "kinds": list(self.kinds),
            "widths": {kind: [list(one) for one in widths] for kind, widths in self.widths.items()},
            "perceptron": self.perceptron.to_json(),
        }


def _bracket(known: Sequence[int], value: int) -> list[tuple[float, int]]:
    """The values of the sorted list `known` on both sides of `value`, and the weight of each."""
    at = bisect_left(known, value)
    if at == len(known):
        return [(1.0, known[-1])]
    if at == 0 or known[at] == value:
        return [(1.0, known[at])]
    low, high = known[at - 1], known[at]
    share = math.log(value / low) / math.log(high / low)
    return [(1 - share, low), (share, high)]


@dataclass(frozen=True)
class Linear:
    """Constant milliseconds per kernel, per multiply–accumulate and per byte moved; some are 0.

    rates: (kind, kernel size or 0 for any, ms per kernel, ms per MAC, ms per byte). If a size is missing, the next
    smaller size of the kind is used. large: (kind, kernel size, bytes, additional ms per MAC) for kernels of exactly
    that size that read at least that many bytes, because a cache is too small.
    """

    rates: tuple[tuple[str, int, float, float, float], ...]
    large: tuple[tuple[str, int, int, float], ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of kernel that the model predicts."""
        return tuple(dict.fromkeys(rate[0] for rate in self.rates))

    def ms(self, kernel: Kernel, hardware: Hardware) -> float:
        """The time of the kernel in ms, for its whole batch."""
        done = work(kernel, hardware)
        each, mac, byte = self.rate(kernel)
        for kind, size, least, more in self.large:
            if (kind, size) == (kernel.kind, kernel.kernel) and done.in_bytes >= least:
                mac += more
        return float(each + mac * done.macs + byte * done.bytes)

    def many(self, kernels: Sequence[Kernel], hardware: Hardware) -> list[float]:
        """The times in ms of many kernels of the model's kinds, for their whole batches."""
        return [self.ms(kernel, hardware) for kernel in kernels]

    def rate(self, kernel: Kernel) -> tuple[float, float, float]:
        """Return ms per kernel, per multiply–accumulate and per byte, without those of `large`."""
        fitting = [rate for rate in self.rates if rate[0] == kernel.kind]
        _, _, each, mac, byte = max(fitting, key=lambda rate: (rate[1] <= kernel.kernel, rate[1]))
        return each, mac, byte

    def parts(self, kernel: Kernel, hardware: Hardware) -> list[tuple[Term, float]]:
        """Return the terms that `ms` is the sum of, without those of `large`."""
        done, (each, mac, byte) = work(kernel, hardware), self.rate(kernel)
        window = window_of(kernel)
        found = ((EACH, each), (MAC, mac * done.macs), (BYTE, byte * done.bytes))
        return [(Term(part, kernel.kind, window), float(ms)) for part, ms in found]

    def to_json(self) -> dict[str, Any]:
        """Return the model for JSON."""
        stored: dict[str, Any] = {"model": "linear", "rates": [list(rate) for rate in self.rates]}
        if self.large:
            stored["large"] = [list(one) for one in self.large]
        return stored


@dataclass(frozen=True, eq=False)
class Scaled:
    """A learned model of another device, times a factor for each kind and window.

    factors: (kind, window, factor), see `posterior.window_of`.
    """

    of: Learned
    factors: tuple[tuple[str, int, float], ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of kernel that the model predicts."""
        return self.of.kinds

    @cached_property
    def _factors(self) -> dict[tuple[str, int], float]:
        return {(kind, window): factor for kind, window, factor in self.factors}

    def factor(self, kernel: Kernel) -> float:
        """Return the factor for a kernel."""
        return self._factors[kernel.kind, window_of(kernel)]

    def ms(self, kernel: Kernel, hardware: Hardware) -> float:
        """The time of the kernel in ms, for its whole batch."""
        return self.factor(kernel) * self.of.ms(kernel, hardware)

    def many(self, kernels: Sequence[Kernel], hardware: Hardware) -> list[float]:
        """The times in ms of many kernels of the model's kinds, for their whole batches."""
        times = self.of.many(kernels, hardware)
        return [self.factor(kernel) * ms for kernel, ms in zip(kernels, times, strict=True)]

    def parts(self, kernel: Kernel, hardware: Hardware) -> list[tuple[Term, float]]:
        """Return the terms that `ms` is the sum of."""
        return [(Term(MODEL, kernel.kind, window_of(kernel)), self.ms(kernel, hardware))]

    def to_json(self) -> dict[str, Any]:
        """Return the model for JSON."""
        return {"model": "scaled", "factors": [list(one) for one in self.factors], "of": self.of.to_json()}


def windows(kind: str) -> tuple[int, ...]:
    """Return the windows that `window_of` tells apart for a kind of kernel."""
    return (1, 2) if kind == CONV else (0,)


Model: TypeAlias = Learned | Linear | Scaled


def model_from_json(stored: dict[str, Any]) -> Model:
    """Read a model from JSON. Raises ValueError, KeyError or TypeError for data that `to_json` cannot have written."""
    if stored["model"] == "learned":
        widths = {str(kind): Widths(*map(tuple, found)) for kind, found in stored["widths"].items()}
        if any(not _rising(one) for two in widths.values() for one in two):
            raise ValueError("measured widths that are not whole numbers in order")
        return Learned(_known(stored["kinds"]), Perceptron.from_json(stored["perceptron"]), widths)
    if stored["model"] == "linear":
        # `profilecheck.py` checks the numbers.
        rates = tuple((k, s, each, mac, byte) for k, s, each, mac, byte in stored["rates"])
        large = tuple((k, s, least, more) for k, s, least, more in stored.get("large", ()))
        _known([*(one[0] for one in rates), *(one[0] for one in large)])
        return Linear(rates, large)
    if stored["model"] == "scaled":
        of = model_from_json(stored["of"])
        factors = tuple((kind, window, factor) for kind, window, factor in stored["factors"])
        wanted = {(kind, window) for kind in of.kinds for window in windows(kind)}
        if not isinstance(of, Learned) or {one[:2] for one in factors} != wanted:
            raise ValueError("a scaled model without a learned one, or without its factors")
        return Scaled(of, factors)
    raise ValueError(f"unknown model {stored['model']!r}, expected learned, linear or scaled")


def _rising(widths: Sequence[Any]) -> bool:
    """Whether these are numbers of channels in ascending order, at least one."""
    return all(type(c) is int and c >= 1 for c in widths) and list(widths) == sorted(set(widths)) != []


def _known(kinds: Sequence[str]) -> tuple[str, ...]:
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"unknown kind of kernel {kind!r}")
    return tuple(kinds)


def traffic(bytes_per_ms: float, launch_ms: float, without: Collection[str] = ()) -> Linear:
    """A model for kernels without weights that counts the bytes they move. without: kinds that it does not predict."""
    kinds = [kind for kind in KINDS if kind not in WEIGHTED and kind not in without]
    return Linear(tuple((kind, 0, launch_ms, 0.0, 1 / bytes_per_ms) for kind in kinds))
