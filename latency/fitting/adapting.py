"""A profile from the latencies of a few whole networks: `zennas latency adapt`. No torch.

    profile = adapted(blank, graphs, ms)              # from nothing
    profile = adapted(blank, graphs, ms, sources)     # or from what is known of other devices

The rates of a law (`laws.py`) are the most probable ones (MAP) after the measurements, whose errors have Student's
distribution, so that a spoilt measurement does not decide; their covariance is Laplace's. Several laws compete, because
it is unknown what the device fuses; the one with the largest evidence becomes the profile. docs/adr/0026 says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from latency.base import LatencyError
from latency.fitting.errors import errors
from latency.fitting.fit import ranges
from latency.fitting.laws import USUAL_MS, Law, Widths, laws_for, prior_covariance, usual_rates
from latency.fitting.robust import Floats, most_probable
from latency.kernels import Kernel, group
from latency.predicting.models import Learned, Linear, Model, Scaled, windows
from latency.predicting.posterior import BYTE, CONSTANT, EACH, MAC, MODEL, Posterior, Term, window_of
from latency.predicting.profile import Profile
from PlainNet.ops import OpGraph

LEFT_OUT = "measured networks, each left out once"
LEAST = 10
"""The fewest networks from which a profile is made."""


@dataclass(frozen=True, eq=False)
class Adapted:
    """A profile from whole networks. left_out: (N,), the time of each batch in ms as the others predict it."""

    profile: Profile
    left_out: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Fit:
    """The most probable rates of a law.

    logs, covariance, spread, evidence: as in `robust.Logs`; the factors are those to the expected rates.
    """

    law: Law
    logs: Floats
    covariance: Floats
    spread: float
    evidence: float

    def ms(self, times: Floats) -> Floats:
        """Return the times (N,) of networks in ms, from their parts (N, K) at the expected rates."""
        found: Floats = times @ np.exp(self.logs)
        return found


def fitted(law: Law, times: Floats, ms: Floats, widths: Widths = Widths()) -> Fit:
    """Fit a law to networks. times: (N, K), their parts at the expected rates. ms: (N,), measured."""
    return Fit(law, *most_probable(times, ms, prior_covariance(law.terms, widths)))


def best_fit(laws: Sequence[tuple[Law, Floats]], ms: Floats, widths: Widths = Widths()) -> Fit:
    """Fit each law to its parts (N, K) and the measured times (N,), and return the fit with the largest evidence."""
    return max((fitted(law, times, ms, widths) for law, times in laws), key=lambda fit: fit.evidence)


def adapted(blank: Profile, graphs: Sequence[OpGraph], ms: Sequence[float], sources: Sequence[Profile] = ()) -> Adapted:
    """Return a profile from whole networks, with its predictions of each network when that is left out.

    blank: a profile without models that describes device, back end, precision and batch. ms: measured times for whole
    batches. sources: profiles of devices that may be similar. Raises LatencyError for fewer than `LEAST` different
    networks, and ProfileError if a source does not know their kernels.
    """
    if len(graphs) < LEAST:
        raise LatencyError(f"{len(graphs)} measured networks, expected at least {LEAST}: measure more")
    laws, seen = [], []
    for law in laws_for(blank.hardware, sources):
        kernels = [Counter(kernel for kernel, _ in group(graph, law.fusion, blank.batch)) for graph in graphs]
        laws.append((law, np.array([law.times(one) for one in kernels])))
        seen.append(kernels)
    measured = np.array(ms)
    best = best_fit(laws, measured)
    left_out = _left_out(laws, measured)
    held = errors(left_out, measured.tolist())
    own = seen[[law for law, _ in laws].index(best.law)]
    made = profile_of(best, blank, len(graphs))
    about = {"method": _method(best, len(graphs)), "held_out": {LEFT_OUT: held.to_json()}}
    made = replace(made, ranges=ranges([kernel for one in own for kernel in one]), about=about)
    return Adapted(made, tuple(left_out))


def _left_out(laws: Sequence[tuple[Law, Floats]], ms: Floats) -> list[float]:
    predicted = []
    for i in range(len(ms)):
        others = np.arange(len(ms)) != i
        fit = best_fit([(law, times[others]) for law, times in laws], ms[others])
        times = next(times for law, times in laws if law is fit.law)
        predicted.append(float(fit.ms(times[i : i + 1])[0]))
    return predicted


def profile_of(fit: Fit, blank: Profile, count: int) -> Profile:
    """Return the profile of a fit. count: of measured networks."""
    law = fit.law
    factors = dict(zip(law.terms, np.exp(fit.logs).tolist(), strict=True))
    posterior = Posterior(law.terms, fit.covariance, fit.spread, count)
    usual = usual_rates()
    models: list[Model] = []
    if law.source is None:
        models.append(Linear(tuple(_times_factors(rate, factors) for rate in usual.rates)))
    else:
        for model in law.source.models:
            models += _scaled(model, factors, usual)
    return replace(
        blank,
        hardware=blank.hardware if law.source is None else law.source.hardware,
        fusion=law.fusion,
        models=tuple(models),
        overhead_ms=USUAL_MS[CONSTANT] * factors[Term(CONSTANT)],
        posterior=posterior,
    )


_Rate: TypeAlias = tuple[str, int, float, float, float]


def _times_factors(rate: _Rate, factors: Mapping[Term, float]) -> _Rate:
    """A rate with the factors of its terms; those without one are 0."""
    kind, window, *values = rate
    each, mac, byte = (
        ms * factors.get(Term(part, kind, window), 1.0) for part, ms in zip((EACH, MAC, BYTE), values, strict=True)
    )
    return kind, window, each, mac, byte


def _scaled(model: Model, factors: Mapping[Term, float], usual: Linear) -> list[Model]:
    """The model of a source with the factors of its kinds and windows, and usual rates for kinds that it has idle."""
    if isinstance(model, Scaled):
        return [Scaled(model.of, tuple((k, w, f * factors[Term(MODEL, k, w)]) for k, w, f in model.factors))]
    if isinstance(model, Learned):
        return [Scaled(model, tuple((k, w, factors[Term(MODEL, k, w)]) for k in model.kinds for w in windows(k)))]
    rates: list[_Rate] = []
    for kind in model.kinds:
        if Term(MODEL, kind, windows(kind)[0]) not in factors:
            rates += [_times_factors(rate, factors) for rate in usual.rates if rate[0] == kind]
            continue
        sizes = {rate[1] for rate in model.rates if rate[0] == kind} | set(windows(kind))
        for size in sorted(sizes):
            probe = Kernel(kind, 1, 8, 8, 8, 8, max(size, 1))
            factor = factors[Term(MODEL, kind, window_of(probe))]
            each, mac, byte = model.rate(probe)
            rates.append((kind, size, factor * each, factor * mac, factor * byte))
    large = tuple(
        (kind, size, least, more * factors[Term(MODEL, kind, window_of(Kernel(kind, 1, 8, 8, 8, 8, size)))])
        for kind, size, least, more in model.large
        if kind not in {rate[0] for rate in usual.rates if Term(MODEL, rate[0], rate[1]) not in factors}
    )
    return [Linear(tuple(rates), large)]


def _method(fit: Fit, count: int) -> str:
    of = "rates per kernel, multiply–accumulate and byte" if fit.law.source is None else "factors for each kind"
    constant = USUAL_MS[CONSTANT] * np.exp(fit.logs[-1])
    return (
        f"The sum of a network's kernels, {fit.law}, plus {constant:.4f} ms per batch. "
        f"{count} whole networks were measured; {of} are the most probable ones. The interval of a prediction follows "
        f"from what these networks leave open, and from a spread of {100 * fit.spread:.1f} % of measured latencies."
    )
