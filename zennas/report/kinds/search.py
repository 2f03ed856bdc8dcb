"""Searches in a list of runs."""

from __future__ import annotations

from zennas.common.numbers import counted, format_count
from zennas.report.kind import RunKind, register
from zennas.report.scores import score_text
from zennas.runs.store import SEARCH
from zennas.searching.fronts.goals import names_of
from zennas.searching.result import SearchResult, read_result


def _asked(result: SearchResult) -> str:
    over = "" if result.front is None else f"front over {result.front.grid}, "
    over = over if result.tradeoff is None else f"front of {names_of(result.tradeoff.goals)}, "
    return f"{result.settings.search_space}, {over}{result.settings.budget}"


def _found(result: SearchResult) -> str:
    best, tried = result.best, f"{result.counts['tried']:,} tried"
    if best is None:
        return f"nothing yet, {tried}" if result.error is None else f"failed: {result.error}"
    if result.front is not None or result.tradeoff is not None:
        followed = None if result.tradeoff is None else result.tradeoff.hypervolume
        volume = "" if followed is None else f", hypervolume {followed.value:.4g}"
        return f"{counted(len(result.points), 'point')}{volume}; {tried}"
    score, cost = score_text(best, result.settings), best.cost
    return (
        f"score {score}, {format_count(cost.params)} params, {format_count(cost.flops)} FLOPs, {cost.layers} layers; "
        f"{tried}"
    )


register(RunKind(SEARCH, SearchResult, read_result, lambda result: result.folder, _asked, _found))
