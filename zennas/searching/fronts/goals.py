"""Goals: what a search for several objectives asks for, as names and directions.

`--maximise NAME` names a proxy whose score should be high. `--minimise NAME` names a cost, or a proxy whose score
should be low. `searching/objectives/vector.py` measures them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zennas.budget.memories import MEMORIES
from zennas.common.errors import WrongSettingError, ZennasError
from zennas.runs.candidate import Candidate
from zennas.searching.scoring import CONFIRMED
from zennas.searching.settings import SearchSettings
from ZeroShotProxy import ensembles

COSTS = ("params", "flops", "activations", "layers", *MEMORIES)
"""The costs that can be goals; latencies, as `latency:` and the source of a limit, are others."""
LATENCY = "latency:"
VECTOR = "vector"
"""The name of the objective whose values are several goals."""
STRATEGY = "nsga2"
"""The strategy for several goals, if none is named."""
FEWEST, MOST = 2, 6


@dataclass(frozen=True)
class Goal:
    """One objective of several.

    name: that of its measure. sign: -1 if lower is better. cost: whether it is a cost, otherwise a proxy.
    source: of a latency.
    """

    name: str
    sign: int
    cost: bool = False
    source: str | None = None

    @property
    def direction(self) -> str:
        return "maximise" if self.sign > 0 else "minimise"

    def __str__(self) -> str:
        return f"{'high' if self.sign > 0 else 'low'} {self.name}"

    def value(self, candidate: Candidate) -> float:
        """Return the value of a measured candidate; higher is better."""
        return self.sign * candidate.measures[self.name].value


def with_goals(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by name with the objective and the strategy that goals need, unless they are named."""
    found = dict(values)
    if found.get("maximise") or found.get("minimise"):
        found = {"objective": VECTOR, "strategy": STRATEGY, **found}
    return found


def goals_of(settings: SearchSettings) -> tuple[Goal, ...]:
    """Return the goals of a search, those to maximise first.

    Raises WrongSettingError if there are fewer than two or too many, if one is named twice, if a proxy ranks
    populations or is better in the other direction, or for a latency without a budget; and UnknownNameError or
    ProxyError for a proxy that does not exist.
    """
    goals = [_proxy(name, 1) for name in settings.maximise]
    goals += [_least(name, settings) for name in settings.minimise]
    if not FEWEST <= len(goals) <= MOST:
        raise WrongSettingError(
            f"the search has {len(goals)} of --maximise and --minimise, expected {FEWEST} to {MOST} goals"
            + (f"; for one score, use --proxy {goals[0].name}" if len(goals) == 1 and not goals[0].cost else "")
        )
    names = [goal.name for goal in goals]
    for name in names:
        if names.count(name) > 1:
            raise WrongSettingError(f"{name} is named as a goal {names.count(name)} times, expected different goals")
    return tuple(goals)


def check_goals(settings: SearchSettings) -> None:
    """Raise WrongSettingError if goals do not go with the other settings, and what `goals_of` raises."""
    asked = bool(settings.maximise or settings.minimise)
    if settings.objective != VECTOR:
        if asked:
            raise WrongSettingError(
                f"the objective is {settings.objective}, which has no goals: leave out --objective, or --maximise and "
                "--minimise"
            )
        return
    goals_of(settings)
    if settings.strategy == "front":
        raise WrongSettingError(
            "the strategy front looks for one score over costs, not for several goals: leave out --strategy, or "
            "--maximise and --minimise"
        )
    if settings.confirm_by is not None:
        raise WrongSettingError("the points of several goals are not confirmed: leave out --confirm-by")
    if settings.report:
        raise WrongSettingError(
            f"several goals report no further proxies ({', '.join(settings.report)}): leave them out"
        )


def known_goals(settings: SearchSettings) -> tuple[Goal, ...]:
    """Return the goals of a run, also if a package that defines a proxy is not here."""
    try:
        return goals_of(settings)
    except ZennasError:
        return (*(Goal(name, 1) for name in settings.maximise), *(Goal(name, -1) for name in settings.minimise))


def names_of(goals: Iterable[Goal]) -> str:
    """Return goals in words: `high zico and low params`."""
    *first, last = map(str, goals)
    return f"{', '.join(first)} and {last}" if first else last


def _least(name: str, settings: SearchSettings) -> Goal:
    if name in COSTS:
        return Goal(name, -1, cost=True)
    if name.startswith(LATENCY):
        return _latency(name.removeprefix(LATENCY), settings)
    return _proxy(name, -1)


def _proxy(name: str, sign: int) -> Goal:
    flags = {1: "--maximise", -1: "--minimise"}
    if sign > 0 and (name.startswith(LATENCY) or name in ("layers", *MEMORIES)):
        raise WrongSettingError(f"{name} is a cost, so it cannot be maximised: use --minimise {name}")
    info = ensembles.find("zen_expected" if name.casefold() == CONFIRMED else name).info
    if info.needs == "population":
        parts = " ".join(f"{flags[1]} {part}" for part in ensembles.find(name).parts)
        raise WrongSettingError(
            f"proxy {info.name} ranks a population, so it has no value of its own to be a goal: name what it ranks by, "
            f"{parts}"
        )
    if info.sign != sign:
        better = "higher" if info.higher_is_better else "lower"
        raise WrongSettingError(f"{better} is better for proxy {info.name}: use {flags[-sign]} {name}")
    return Goal(info.name, sign)


def _latency(name: str, settings: SearchSettings) -> Goal:
    limits: Sequence[Any] = settings.budget.latency
    for limit in limits:
        if name in (limit.label, limit.source, limit.source.removeprefix("predictor:")):
            return Goal(f"{LATENCY}{limit.label}", -1, cost=True, source=limit.source)
    known = ", ".join(f"{LATENCY}{limit.label}" for limit in limits)
    raise WrongSettingError(
        f"{LATENCY}{name} has no budget, so it is not known of candidates"
        f"{f' (known: {known})' if known else ''}: add --budget-latency-ms MS --latency-backend predictor:{name}"
    )
