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
from latency.fitting.errors import Errors, errors
from latency.fitting.fit import ranges
from latency.fitting.laws import USUAL_MS, Floats, Law, Widths, laws_for, prior_covariance, usual_rates
from latency.kernels import Kernel, group
from latency.predicting.models import Learned, Linear, Model, Scaled, windows
from latency.predicting.posterior import BYTE, CONSTANT, EACH, MAC, MODEL, Posterior, Term, window_of
from latency.predicting.profile import Profile
from PlainNet.ops import OpGraph

LEFT_OUT = "measured networks, each left out once"
LEAST = 10
"""The fewest networks from which a profile is made."""
_SPREADS = (0.01, 0.02, 0.04, 0.07, 0.12, 0.2, 0.35)
"""Standard deviations of the logarithm of a measured time that are tried."""
_USUAL_SPREAD = 0.05
_FREEDOM = 4.0
"""Degrees of freedom of Student's distribution."""
_STEPS, _CLOSE, _STIFFEST = 60, 1e-6, 1e8


@dataclass(frozen=True, eq=False)
class Fit:
    """The most probable rates of a law.

    logs: (K,), logarithms of the factors to the expected rates. covariance: (K, K), of these. spread: standard
    deviation of the logarithm of a measured time. evidence: logarithm of the probability of the measurements.
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
    prior = prior_covariance(law.terms, widths)
    precision, size = np.linalg.inv(prior).astype(np.float64), np.linalg.slogdet(prior)[1]
    logs = np.full(len(law.terms), np.median(np.log(ms / times.sum(axis=1))))
    tried = []
    for spread in _SPREADS:
        logs, curvature, loss = _most_probable(times, np.log(ms), precision, logs, spread)
        volume = np.linalg.slogdet(curvature)[1] + size
        evidence = -loss - len(ms) * np.log(spread) - volume / 2 - np.log(spread / _USUAL_SPREAD) ** 2 / 2
        covariance = np.linalg.inv(curvature).astype(np.float64)
        tried.append(Fit(law, logs, covariance, spread, float(evidence)))
    best = max(tried, key=lambda fit: fit.evidence)
    shares = np.exp([fit.evidence - best.evidence for fit in tried])
    spread = float(np.sqrt(shares @ np.square(_SPREADS) / shares.sum()))
    return replace(best, spread=spread, evidence=best.evidence + float(np.log(shares.sum())))


def _most_probable(
    times: Floats, log_ms: Floats, precision: Floats, logs: Floats, spread: float
) -> tuple[Floats, Floats, float]:
    """Minimise the loss by Gauss-Newton steps, damped where they do not lead down (Levenberg and Marquardt).

    Returns the logarithms (K,), the curvature (K, K) of the loss, and the loss, which is the negative logarithm of the
    probability of logarithms and measurements.
    """

    def state(logs: Floats) -> tuple[float, Floats, Floats]:
        parts = times * np.exp(logs)
        whole = parts.sum(axis=1)
        off = log_ms - np.log(whole)
        heavy = (_FREEDOM + 1) * np.log1p(off**2 / (_FREEDOM * spread**2)).sum()
        return (logs @ precision @ logs + heavy) / 2, off, parts / whole[:, None]

    damping = 1e-2
    loss, off, shares = state(logs)
    for _ in range(_STEPS):
        weights, curvature = _curvature(off, shares, precision, spread)
        slope = precision @ logs - shares.T @ (weights * off)
        lower = loss
        while damping < _STIFFEST:
            step = np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), slope)
            lower, off_there, shares_there = state(logs - step)
            if lower < loss:
                logs, off, shares, damping = logs - step, off_there, shares_there, max(damping / 5, 1e-9)
                break
            damping *= 4
        if loss - lower < _CLOSE:
            break
        loss = lower
    return logs, _curvature(off, shares, precision, spread)[1], loss


def _curvature(off: Floats, shares: Floats, precision: Floats, spread: float) -> tuple[Floats, Floats]:
    """The weights (N,) of Student's distribution, and the curvature (K, K) with these weights held."""
    weights = (_FREEDOM + 1) / (_FREEDOM + (off / spread) ** 2) / spread**2
    return weights, precision + (shares.T * weights) @ shares


def best_fit(laws: Sequence[tuple[Law, Floats]], ms: Floats, widths: Widths = Widths()) -> Fit:
    """Fit each law to its parts (N, K) and the measured times (N,), and return the fit with the largest evidence."""
    return max((fitted(law, times, ms, widths) for law, times in laws), key=lambda fit: fit.evidence)


def adapted(blank: Profile, graphs: Sequence[OpGraph], ms: Sequence[float], sources: Sequence[Profile] = ()) -> Profile:
    """Return a profile from whole networks, with its errors on each network when that is left out.

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
    held = _left_out(laws, measured)
    own = seen[[law for law, _ in laws].index(best.law)]
    made = profile_of(best, blank, len(graphs))
    about = {"method": _method(best, len(graphs)), "held_out": {LEFT_OUT: held.to_json()}}
    return replace(made, ranges=ranges([kernel for one in own for kernel in one]), about=about)


def _left_out(laws: Sequence[tuple[Law, Floats]], ms: Floats) -> Errors:
    predicted = []
    for i in range(len(ms)):
        others = np.arange(len(ms)) != i
        fit = best_fit([(law, times[others]) for law, times in laws], ms[others])
        times = next(times for law, times in laws if law is fit.law)
        predicted.append(float(fit.ms(times[i : i + 1])[0]))
    return errors(predicted, ms.tolist())


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
