"""Which cost a search is about: what its chart shows first, and what its networks are the best for."""

from __future__ import annotations

from math import inf

from zennas.budget.memories import MEMORIES
from zennas.runs.candidate import Candidate
from zennas.searching.result import SearchResult

_BINDS = 0.8
"""A limit is thought to bind if the best network needs this share of it."""


def main_cost(search: SearchResult) -> str:
    """Return the cost that a search is about: the source of a latency, or a name in `Cost` or `MEMORIES`.

    Of the costs that the budget limits, in the order latencies, memories, counts, it is the first whose limit binds, or
    else the one that comes closest to it. Layers, which are often limited for other reasons, come last.
    """
    budget, best = search.settings.budget, search.best
    counts = sorted(budget.limits().items(), key=lambda one: one[0] == "layers")
    limits = {
        **{limit.source: limit.ms for limit in budget.latency},
        **budget.memories(),
        **dict(counts),
    }
    if len(limits) > 1:
        limits.pop("layers", None)
    if not limits:
        return "params"
    if best is None:
        return next(iter(limits))
    used = {name: cost_of(search, best, name) / limit for name, limit in limits.items()}
    return next((name for name, share in used.items() if share >= _BINDS), max(used, key=used.__getitem__))


def cost_of(search: SearchResult, candidate: Candidate, name: str) -> float:
    """A cost by a name as `main_cost` gives it; infinity for a latency that is not known."""
    if name in MEMORIES:
        return float(search.memories(candidate)[name])
    return candidate.latency[name].ms if name in candidate.latency else float(getattr(candidate.cost, name, inf))
