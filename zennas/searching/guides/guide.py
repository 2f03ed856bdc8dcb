"""What guides a search that trains networks: a cheap score, by which it chooses what to train.

`--warm-up N` draws N structures and trains the best of them by the score first, or teaches a policy by them.
`--move-proposal N` scores N neighbours of a parent, or N draws of a policy, and trains the best, as in Abdelfattah et
al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021. The score is a proxy, a rank aggregation of proxies, or a column
of a table: `table:FILE:cifar10_synflow`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from PlainNet import Structure, StructureError
from PlainNet.cost import CostModel
from zennas.accuracy.lookup import ColumnName, column_name, finite, lasting
from zennas.common.errors import WrongSettingError, ZennasError
from zennas.runs.candidate import Candidate, Measure, Missing
from zennas.searching.objectives.base import Objective, objective_of
from zennas.searching.objectives.table import PREFIX, TableAccuracy, scored
from zennas.searching.settings import SearchSettings

LAST = -math.inf
"""The score of a structure that has none: it comes last."""


@dataclass(frozen=True)
class Guide:
    """A cheap score and what it is used for.

    rank: returns a score for each of some structures, higher is better, `LAST` where there is none.
    warm_up: how many structures are drawn and scored before the search, or 0.
    moves: how many neighbours of a parent, or draws of a policy, are scored for one proposal, or 0.
    at_random: the share of moves that are chosen at random instead; None for what is usual: a quarter of neighbours,
        and none of a policy's draws, which are random as they are.
    relative: whether a score depends on the other structures.
    """

    rank: Callable[[Sequence[Structure]], list[float]]
    warm_up: int = 0
    moves: int = 0
    at_random: float | None = None
    relative: bool = False

    def best_first(self, structures: Sequence[Structure]) -> list[int]:
        """Return the positions of the structures, best first; of equal ones, the first comes first."""
        distinct: dict[Structure, int] = {}
        places = [distinct.setdefault(one, len(distinct)) for one in structures]
        scores = self.rank(list(distinct))
        return sorted(range(len(structures)), key=lambda i: -scores[places[i]])


def guided(settings: SearchSettings) -> bool:
    """Return whether a search has a warm-up or move proposals."""
    return bool(settings.warm_up or settings.move_proposal)


def check_guide(settings: SearchSettings, draws: bool, moves: bool) -> None:
    """Raise WrongSettingError unless a warm-up and moves go with the other settings.

    draws, moves: whether the strategy has them, see `strategies.base.Strategy`.
    """
    for asked, has, flag, why in (
        (settings.warm_up, draws, "--warm-up", "it begins with nothing that a score could choose"),
        (settings.move_proposal, moves, "--move-proposal", "it chooses a proposal neither by parents nor by a policy"),
    ):
        if asked and not has:
            raise WrongSettingError(
                f"the strategy {settings.strategy} has no {flag}, as {why}: leave it out, or use --strategy aging"
            )
        if asked and settings.warm_up_proxy is None:
            raise WrongSettingError(f"{flag} {asked:,} needs a score: add --warm-up-proxy NAME, like synflow")
    if settings.move_random is not None and not settings.move_proposal:
        raise WrongSettingError(f"--move-random {settings.move_random:g} is not used: add --move-proposal N")
    if settings.warm_up_proxy is not None and not guided(settings):
        raise WrongSettingError(
            f"--warm-up-proxy {settings.warm_up_proxy} is not used: add --warm-up N or --move-proposal N"
        )


def lasting_guide(settings: SearchSettings) -> str | None:
    """Return the name of the score, with an absolute path if it is in a file."""
    column = guide_column(settings)
    return settings.warm_up_proxy if column is None else f"{PREFIX}{lasting(column)}"


def guide_column(settings: SearchSettings) -> ColumnName | None:
    """Return the column of a file that a search is guided by; None if it is a proxy, or if there is no guide."""
    name = settings.warm_up_proxy
    if name is None or not name.casefold().startswith(PREFIX):
        return None
    return column_name(name[len(PREFIX) :])


def scoring_settings(settings: SearchSettings) -> SearchSettings:
    """Return settings whose objective is the proxy that guides a search."""
    assert settings.warm_up_proxy is not None
    return replace(
        settings,
        objective="proxy",
        proxy=settings.warm_up_proxy,
        maximise=(),
        minimise=(),
        report_column=None,
        seconds_column=None,
    )


def guide_of(settings: SearchSettings, model: CostModel, objective: Objective) -> Guide | None:
    """Return the guide of a search; None without one.

    Raises UnknownNameError or ProxyError for an unknown proxy, and TableError for a file or a column.
    """
    if not guided(settings):
        return None
    column = guide_column(settings)
    warm_up, moves, at_random = settings.warm_up or 0, settings.move_proposal or 0, settings.move_random
    if column is not None:
        return Guide(_by_column(column, settings.search_space, objective), warm_up, moves, at_random)
    scoring = objective_of(scoring_settings(settings))
    return Guide(_by_proxy(scoring, settings.seed, model), warm_up, moves, at_random, scoring.relative)


def _by_column(
    name: ColumnName, search_space: str, objective: Objective
) -> Callable[[Sequence[Structure]], list[float]]:
    if isinstance(objective, TableAccuracy):
        lines, values = objective.trained.lines, objective.trained.joined(name)
    else:
        lines, values = scored(name, search_space)

    def rank(structures: Sequence[Structure]) -> list[float]:
        found = (finite(values, lines.line(one)) for one in structures)
        return [LAST if value is None else value for value in found]

    return rank


def _finite(found: Measure | Missing) -> bool:
    return isinstance(found, Measure) and math.isfinite(found.value)


def _by_proxy(objective: Objective, seed: int, model: CostModel) -> Callable[[Sequence[Structure]], list[float]]:
    # The seed of the search for all structures: a score is the same whenever it is computed, also after a kill.
    known: dict[Structure, Candidate | None] = {}

    def measured(structure: Structure) -> Candidate | None:
        try:
            candidate = Candidate(len(known) + 1, structure, None, model(structure), 0, seed)
            found = objective.measure(candidate)
        except (ZennasError, StructureError):  # it ranks last
            return None
        return candidate.evaluated(found) if all(map(_finite, found.values())) else None

    def rank(structures: Sequence[Structure]) -> list[float]:
        for one in structures:
            if one not in known:
                known[one] = measured(one)
        scored = [candidate for one in structures if (candidate := known[one]) is not None]
        values = dict(zip((one.structure for one in scored), objective.values(scored), strict=True)) if scored else {}
        return [values.get(one, LAST) for one in structures]

    return rank
