"""What the time of a network may be the sum of, and how well the rates are known beforehand. No torch.

A `Law` has terms with unknown rates. The logarithms of the rates have a normal prior: a device has a speed, computing,
memory and launches have speeds of their own, and so has each kind of kernel. `adapting.py` finds the rates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from latency.fitting.robust import Floats
from latency.kernels import KINDS, UNFUSED, WEIGHTED, Fusion, Kernel
from latency.predicting.features import Hardware
from latency.predicting.models import Linear, windows
from latency.predicting.posterior import BYTE, CONSTANT, EACH, MAC, MODEL, Term, window_of
from latency.predicting.profile import Profile

FUSIONS = (
    UNFUSED,
    replace(UNFUSED, zeros="run"),
    Fusion(zeros="run", repeats="once"),
    Fusion(),
    Fusion(addition=False),
    Fusion(addition=False, zeros="removed"),
    Fusion(addition=False, zeros="removed", repeats="once"),
)
"""What devices are known to fuse: eager frameworks nothing, graph compilers most."""
USUAL_MS = {CONSTANT: 0.1, EACH: 0.01, MAC: 1e-7, BYTE: 2e-7}
"""Rates of a device that nothing is known of, in ms; a wrong speed is no harm, as the prior is wide."""


@dataclass(frozen=True)
class Widths:
    """Standard deviations of the prior of the logarithms of rates, each relative to the one before.

    speed: of a device. part: of launches, of computing, and of memory. kind: of each kind of kernel. source: of a
    kind's factor to another device's time.
    """

    speed: float = 3.0
    part: float = 1.0
    kind: float = 1.0
    source: float = 0.5


@dataclass(frozen=True, eq=False)
class Law:
    """What a network's time may be the sum of.

    fusion: which kernels a network has. terms: K of them, the constant last. row: the parts (K,) of a kernel's time at
    the rates that are expected. source: the profile that the law follows, None for one that follows none.
    """

    fusion: Fusion
    terms: tuple[Term, ...]
    row: Callable[[Kernel], Floats]
    source: Profile | None

    def __str__(self) -> str:
        if self.source is not None:
            return f"as in {self.source.name}"
        fused = self.fusion.rules()
        return f"with {', '.join(fused)} fused" if fused else "with nothing fused"

    def times(self, kernels: Mapping[Kernel, int]) -> Floats:
        """Return the parts (K,) of a network's time at the rates that are expected."""
        found = np.zeros(len(self.terms))
        found[-1] = USUAL_MS[CONSTANT]
        for kernel, count in kernels.items():
            found += count * self.row(kernel)
        return found


def usual_law(fusion: Fusion, hardware: Hardware) -> Law:
    """Return the law of a device that nothing is known of: each kind of kernel has a rate per kernel, MAC and byte."""
    usual = usual_rates()
    terms = tuple(term for kind in KINDS for term in _usual_terms(kind))
    return _law(fusion, terms, lambda kernel: usual.parts(kernel, hardware), None)


def source_law(source: Profile) -> Law:
    """Return the law of a device that resembles another one: each kind of kernel is slower or faster by a factor.

    Kinds for which the source has no time have usual rates instead.
    """
    usual, idle = usual_rates(), _idle_kinds(source)
    terms: list[Term] = []
    for model in source.models:
        for kind in model.kinds:
            terms += _usual_terms(kind) if kind in idle else [Term(MODEL, kind, window) for window in windows(kind)]

    def parts(kernel: Kernel) -> list[tuple[Term, float]]:
        kernel = source.measured_as(kernel)
        if kernel.kind in idle:
            return usual.parts(kernel, source.hardware)
        return [(Term(MODEL, kernel.kind, window_of(kernel)), source.kernel_ms(kernel))]

    return _law(source.fusion, tuple(terms), parts, source)


def _law(
    fusion: Fusion,
    terms: tuple[Term, ...],
    parts: Callable[[Kernel], list[tuple[Term, float]]],
    source: Profile | None,
) -> Law:
    terms = (*terms, Term(CONSTANT))
    places = {term: i for i, term in enumerate(terms)}
    known: dict[Kernel, Floats] = {}

    def row(kernel: Kernel) -> Floats:
        if kernel not in known:
            found = known[kernel] = np.zeros(len(terms))
            for term, ms in parts(kernel):
                if term in places:  # the others are 0
                    found[places[term]] += ms
        return known[kernel]

    return Law(fusion, terms, row, source)


def _usual_terms(kind: str) -> list[Term]:
    parts = (EACH, MAC, BYTE) if kind in WEIGHTED else (EACH, BYTE)
    return [Term(part, kind, window) for window in windows(kind) for part in parts]


def usual_rates() -> Linear:
    """Return the rates of a device that nothing is known of."""
    macs = {kind: USUAL_MS[MAC] if kind in WEIGHTED else 0.0 for kind in KINDS}
    return Linear(
        tuple((kind, at, USUAL_MS[EACH], macs[kind], USUAL_MS[BYTE]) for kind in KINDS for at in windows(kind))
    )


def _idle_kinds(source: Profile) -> set[str]:
    """The kinds of which all rates are 0, because the fit of the source could not tell them apart from others."""
    linear = [model for model in source.models if isinstance(model, Linear)]
    used = {rate[0] for model in linear for rate in model.rates if any(rate[2:])}
    return {kind for model in linear for kind in model.kinds} - used


def laws_for(hardware: Hardware, sources: Sequence[Profile]) -> list[Law]:
    """Return the laws that compete: those of an unknown device, and one for each source."""
    return [*(usual_law(fusion, hardware) for fusion in FUSIONS), *map(source_law, sources)]


def prior_covariance(terms: Sequence[Term], widths: Widths = Widths()) -> Floats:
    """Return the covariance (K, K) of the logarithms of the rates before anything is measured."""
    parts = np.array([EACH if term.part == CONSTANT else term.part for term in terms])
    own = np.diag([(widths.source if term.part == MODEL else widths.kind) ** 2 for term in terms])
    found: Floats = widths.speed**2 + widths.part**2 * (parts[:, None] == parts) + own
    return found
