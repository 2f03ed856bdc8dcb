"""Maximise a proxy of `ZeroShotProxy`: the score of each network, or ranks among networks (`az_nas`, `vote(…)`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from zennas.runs.candidate import Candidate, Measure
from zennas.searching.objectives.base import Objective, ObjectiveKind, register
from zennas.searching.scoring import evolved_on, scores_of
from zennas.searching.settings import SearchSettings
from ZeroShotProxy import PROXIES, ArrayScore, Proxy, ensembles
from ZeroShotProxy.proxies.zen_expected import ExpectedZen

if TYPE_CHECKING:
    from PlainNet.arrays.blocks import Blocks


class SingleProxy:
    """The score of a single network, with its sign changed if necessary, so that higher is better."""

    relative = False

    def __init__(self, proxy: Proxy, settings: SearchSettings) -> None:
        info = proxy.info
        self.name, self.torch = info.name, info.torch
        self.measures: tuple[str, ...] = (info.name,)
        self.sign = info.sign
        self._score = score_function(proxy, settings)
        self._proxy, self._settings = proxy, settings

    def measure(self, candidate: Candidate) -> dict[str, Measure]:
        return {self.name: Measure(self._score(candidate))}

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        name, sign = self.name, self.sign
        return [sign * candidate.measures[name].value for candidate in candidates]

    def arrays(self, blocks: Blocks) -> ArrayScore | None:
        make = self._proxy.arrays
        return None if make is None else make(blocks, self._settings.scoring())


class RankedProxies:
    """The rank of a network among others, by the scores of several proxies."""

    relative = True

    def __init__(self, proxy: Proxy, settings: SearchSettings) -> None:
        self.name, self.measures = proxy.info.name, proxy.parts
        self.torch = any(PROXIES.get(part).info.torch for part in proxy.parts)
        self._once = _once(settings)

    def measure(self, candidate: Candidate) -> dict[str, Measure]:
        return scores_of(candidate, self.measures, self._once)

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        scores = {part: [candidate.measures[part].value for candidate in candidates] for part in self.measures}
        return ensembles.rankings([self.name], scores)[self.name]

    def indicators(self, candidates: Sequence[Candidate]) -> list[tuple[float, ...]]:
        signs = [PROXIES.get(part).info.sign for part in self.measures]
        return [
            tuple(sign * candidate.measures[part].value for part, sign in zip(self.measures, signs, strict=True))
            for candidate in candidates
        ]


def score_function(proxy: Proxy, settings: SearchSettings) -> Callable[[Candidate], float]:
    """Return a function from a candidate to its score by a proxy of single networks.

    The function raises ProxyError or StructureError if there is none.
    """
    name = proxy.info.name
    if name == "zen_expected":
        expected = ExpectedZen(settings.resolution, settings.gamma, settings.use_se)
        return lambda candidate: expected(candidate.structure)
    if proxy.info.needs == "cost":  # already known
        return lambda candidate: float(getattr(candidate.cost, name))
    once = _once(settings)
    return lambda candidate: scores_of(candidate, [name], once)[name].value


def _once(settings: SearchSettings) -> SearchSettings:
    # One repetition per candidate, as in Zen-NAS, with the seed of the candidate.
    return replace(settings, repeats=1)


def make(settings: SearchSettings) -> Objective:
    """Return the objective of `settings.proxy`. Raises UnknownNameError, or ProxyError for an expression that cannot be
    read.
    """
    proxy = evolved_on(settings)
    if proxy.ranking is not None:
        return RankedProxies(proxy, settings)
    return SingleProxy(proxy, settings)


register(ObjectiveKind("proxy", "the score of a proxy, or ranks by several", make))
