"""The result of a search, read from its run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PlainNet import Options
from PlainNet.lowering import lower
from zennas.budget.target import Fit, fit_limits
from zennas.runs.candidate import Candidate
from zennas.runs.store import FAILED, FILE, SEARCH, Store, StoreError, in_use, reading
from zennas.searching.choosing.confirming import CONFIRMATION_FACT, CONFIRMED_FACT, Confirmation
from zennas.searching.choosing.finals import FACT
from zennas.searching.fronts.front import FACT as FRONT_FACT
from zennas.searching.fronts.front import Points, grid_of, memories_in_use
from zennas.searching.fronts.goals import VECTOR, known_goals
from zennas.searching.fronts.tradeoff import HYPERVOLUME_FACT, Hypervolume, Tradeoff
from zennas.searching.settings import SearchSettings
from zennas.searching.strategies.base import LEARNED_FACT
from zennas.searching.telling.latency_here import HERE_FACT, LatencyHere
from zennas.searching.telling.latency_report import LatencyReport, latency_json, latency_reports
from zennas.searching.telling.meaning import score_meaning, score_name
from zennas.searching.telling.remarks import remarks, start_remark
from zennas.searching.telling.unlimited import unlimited_remark

FINISHED = "finished"
_NO_MEMORIES: Mapping[str, int] = {}


@dataclass(frozen=True)
class SearchResult:
    """The result of a search: of a finished run, or the result so far of an unfinished one.

    status: "searching" or "confirming" while a process works on it, "finished", "failed", or "interrupted".
    best: the best candidate; None before the first checkpoint.
    confirmed: the candidates whose scores were confirmed, best first.
    confirmation: how they were confirmed, and with how many evaluations; None if they were not, or by a version that
        did not store it.
    latency: the latency of the best candidate on each device of the budget.
    measured: the candidates whose latency was measured at the end, best first.
    failures: the errors of failed scorings, and how often each occurred.
    seconds: the time spent searching.
    error: why the search failed, if it did.
    here: what the best candidate costs on the machine of the search, if no budget limits latency and it is known.
    front: the points of a front over costs, of which `best` has the highest score; None for another search.
    tradeoff: the points of a search for several goals, of which `best` is a balanced one.
    learned: what the strategy has learned besides, by name, such as the most probable structure of a policy.
    """

    folder: Path
    status: str
    settings: SearchSettings
    best: Candidate | None
    confirmed: tuple[Candidate, ...]
    counts: dict[str, Any]
    failures: dict[str, int]
    seconds: float
    created: float
    environment: dict[str, Any]
    latency: tuple[LatencyReport, ...] = ()
    measured: tuple[Candidate, ...] = ()
    error: str | None = None
    here: LatencyHere | None = None
    confirmation: Confirmation | None = None
    front: Points | None = None
    tradeoff: Tradeoff | None = None
    learned: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def points(self) -> tuple[Candidate, ...]:
        """The points of a front, over costs or of several goals; none for another search."""
        found = self.front or self.tradeoff
        return () if found is None else found.points

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks about the budget of a finished search: what did not bind, limits that nobody asked for, and what has
        no limit."""
        if self.best is None or self.status != FINISHED:
            return ()
        if self.tradeoff is not None:  # one point for all says nothing of the budget
            return start_remark(self.settings.iterations, self.counts)
        found = remarks(self.settings.budget, self.best, self.memories(self.best), self.counts["rejected"])
        free = unlimited_remark(self.settings.budget, self.best)
        return (*start_remark(self.settings.iterations, self.counts), *found, *free)

    def memories(self, candidate: Candidate) -> dict[str, int]:
        """Return the RAM and flash of a candidate in bytes, by name, if a budget limits them or they are goals."""
        return memories_in_use(self.settings, candidate)

    @property
    def fit(self) -> Fit | None:
        """Whether the best network fits what the search was asked for, from its whole arena, its file, and each of its
        operators; None without a target and rules."""
        chosen = self.settings
        if self.best is None or (chosen.target is None and not chosen.rules):
            return None
        graph = lower(
            self.best.structure,
            resolution=chosen.resolution,
            num_classes=chosen.num_classes,
            options=Options(use_se=chosen.use_se),
        )
        return fit_limits(graph, chosen.target or "the rules", chosen.budget.memories(), chosen.rules)

    @property
    def score_meaning(self) -> str | None:
        """What the search maximises and what this score means; None if a package that defines it is not here."""
        return score_meaning(self.settings)

    def to_json(self) -> dict[str, Any]:
        best = None if self.best is None else candidate_json(self.best, self.memories(self.best))
        return {
            "best_structure": None if self.best is None else str(self.best.structure),
            **({} if best is None else {"cost": best["cost"], "scores": best["scores"]}),
            "score_meaning": self.score_meaning,
            "latency": [report.to_json() for report in self.latency],
            "latency_here": None if self.here is None else self.here.to_json(),
            "budget": self.settings.budget.to_json(),
            **({} if self.fit is None else {"target": self.fit.to_json()}),
            "counts": self.counts,
            **({"learned": dict(self.learned)} if self.learned else {}),
            "notes": list(self.notes),
            "failures": self.failures,
            "seconds": round(self.seconds, 3),
            "status": self.status,
            **({} if self.error is None else {"error": self.error}),
            "run": str(self.folder),
            **({} if self.front is None else self._front_json(self.front)),
            **({} if self.tradeoff is None else self.tradeoff.to_json(str(self.folder), self.memories)),
            "confirmed": [self._confirmed_json(candidate) for candidate in self.confirmed],
            **({} if self.confirmation is None else {"confirmation": self._confirmation_json(self.confirmation)}),
            "measured": [candidate_json(candidate, self.memories(candidate)) for candidate in self.measured],
        }

    def _confirmed_json(self, candidate: Candidate) -> dict[str, Any]:
        known = {} if self.confirmation is None else self.confirmation.repeats
        return {
            **candidate_json(candidate, self.memories(candidate)),
            **({"repeats": known[candidate.id]} if candidate.id in known else {}),
        }

    def _front_json(self, front: Points) -> dict[str, Any]:
        costs = [axis.over for axis in front.grid.axes]
        confirmed = None if self.confirmation is None else self.confirmation.measure
        points = front.to_json(str(self.folder), score_name(self.settings), self.memories, confirmed)
        return {"over": costs[0] if len(costs) == 1 else costs, "points": points}

    @staticmethod
    def _confirmation_json(confirmation: Confirmation) -> dict[str, Any]:
        """Without the repetitions, which the confirmed candidates have."""
        return {name: value for name, value in confirmation.to_json().items() if name != "repeats"}


def candidate_json(candidate: Candidate, memories: Mapping[str, int] = _NO_MEMORIES) -> dict[str, Any]:
    """Return a candidate as JSON. memories: in bytes by name, those that matter."""
    scores = {name: measure.to_json() for name, measure in candidate.measures.items()}
    latency = {source: latency_json(found) for source, found in candidate.latency.items()}
    return {
        "structure": str(candidate.structure),
        "cost": {**candidate.cost.to_json(), **memories},
        "scores": scores,
        **({"missing": dict(candidate.missing)} if candidate.missing else {}),
        **({"latency": latency} if latency else {}),
    }


def read_result(folder: Path) -> SearchResult:
    """Return the result of the search in `folder`.

    Raises StoreError if there is no run or it is damaged, and SettingsError if another version wrote it.
    """
    with Store.read(folder) as store:
        store.require_kind(SEARCH)
        with reading(folder / FILE):
            return _result(folder, store)


def _result(folder: Path, store: Store) -> SearchResult:
    settings = SearchSettings.from_json(store.get("settings"))
    confirmed = store.get(CONFIRMED_FACT)
    if confirmed is None:  # before format 4 of runs, only confirmed candidates had measures
        confirmed = store.measured("zen")
    about = store.get(CONFIRMATION_FACT)
    chosen = store.get("best")
    latency: dict[str, Any] = store.get(FACT) or {}
    finalists = sorted({number for device in latency.values() for number in device["measured"]})
    grid, points = grid_of(settings), store.get(FRONT_FACT) or []
    wanted = [*confirmed, *finalists, *points, *([] if chosen is None else [chosen])]
    found = {c.id: c for c in store.candidates(wanted)}
    absent = next((number for number in wanted if number not in found), None)
    if absent is not None:
        raise StoreError(f"{folder / FILE} is damaged: it refers to candidate {absent}, which it does not contain")
    best = None if chosen is None else found[chosen]
    progress = store.get("progress") or store.get("state") or {}  # the state, before format 4 of runs
    counts = {
        "tried": progress.get("tried", 0),
        "scored": progress.get("scored", 0),
        "members": store.count_members(),
        "rejected": progress.get("rejected", {}),
        **({"ranked": progress["ranked"]} if progress.get("ranked") else {}),
    }
    status, here = store.get("status"), store.get(HERE_FACT)
    return SearchResult(
        folder,
        status if status in (FINISHED, FAILED) or in_use(folder) else "interrupted",
        settings,
        best,
        tuple(found[number] for number in confirmed),
        counts,
        store.failures(),
        store.get("seconds") or 0.0,
        store.get("created") or 0.0,
        store.get("environment") or {},
        latency_reports(best, settings.budget.latency, latency),
        tuple(found[number] for number in _best_first(finalists, confirmed, found)),
        str(store.get("error")) if status == FAILED else None,
        None if here is None else LatencyHere.from_json(here),
        None if about is None else Confirmation.from_json(about),
        None if grid is None else Points(grid, tuple(found[number] for number in points)),
        _tradeoff(settings, tuple(found[number] for number in points), store.get(HYPERVOLUME_FACT)),
        store.get(LEARNED_FACT) or {},
    )


def _tradeoff(settings: SearchSettings, points: tuple[Candidate, ...], followed: Any) -> Tradeoff | None:
    if settings.objective != VECTOR:
        return None
    goals = known_goals(settings)
    return Tradeoff(goals, points, None if followed is None else Hypervolume.from_json(goals, followed))


def _best_first(numbers: list[int], confirmed: list[int], found: dict[int, Candidate]) -> list[int]:
    """Ordered by the confirmed scores, otherwise by the first of their measures."""
    place = {number: i for i, number in enumerate(confirmed)}

    def key(number: int) -> tuple[int, float, int]:
        values = [measure.value for measure in found[number].measures.values()]
        return place.get(number, len(place)), -values[0] if values else 0.0, number

    return sorted(numbers, key=key)


def find_runs(folder: Path) -> list[Path]:
    """Return the folders of runs in `folder` and its direct subfolders, oldest first; first of all, subfolders that
    cannot be looked into.

    Raises StoreError if `folder` cannot be read.
    """
    try:
        places = [folder, *(sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else [])]
    except OSError as error:
        raise StoreError(f"{folder} cannot be read: {error.strerror}") from None
    found = [(made, place) for place in places if (made := _made(place)) is not None]
    return [place for _, place in sorted(found, key=lambda one: one[0])]


def _made(folder: Path) -> float | None:
    """When the run in `folder` was changed last, in seconds; -1 if nobody may know, None if there is no run."""
    try:
        return (folder / FILE).stat().st_mtime if (folder / FILE).is_file() else None
    except PermissionError:
        return -1.0
    except OSError:  # it vanished
        return None
