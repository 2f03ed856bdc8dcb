"""What the score of a search means, in one line for its report."""

from __future__ import annotations

from zennas.common.errors import ZennasError
from zennas.searching.fronts.goals import VECTOR, Goal, goals_of
from zennas.searching.objectives.base import kind_of
from zennas.searching.scoring import evolved_on
from zennas.searching.settings import SearchSettings
from ZeroShotProxy import ensembles


def _goal_meaning(goal: Goal) -> str:
    if goal.cost:
        return f"{goal.name} (lower is better)"
    info = ensembles.find(goal.name).info
    return f"{info.name}: {info.meaning}{'' if info.higher_is_better else ' (lower is better)'}"


def score_name(settings: SearchSettings) -> str | None:
    """Return the name of the measure that a search maximises; None if its objective is no proxy, or is not here."""
    try:
        return evolved_on(settings).info.name if settings.objective == "proxy" else None
    except ZennasError:
        return None


def score_meaning(settings: SearchSettings) -> str | None:
    """Return the name of what a search maximises and what its score means, as `zen: how strongly …`.

    None if it comes from an installed package that is not here.
    """
    try:
        if settings.objective == VECTOR:
            return "; ".join(map(_goal_meaning, goals_of(settings)))
        if settings.objective != "proxy":
            return f"{settings.objective}: {kind_of(settings).summary}"
        info = ensembles.find(settings.proxy).info
    except ZennasError:  # results can be read without the packages that made them
        return None
    direction = "" if info.higher_is_better else " (lower is better)"
    return f"{info.name}: {info.meaning}{direction}"
