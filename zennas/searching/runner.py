"""Running a search: evaluate what the strategy asks for, save as it goes, confirm and measure the best.

`start` makes a run in a folder and carries it out, `resume` continues one; `result.py` reads what came out.
A run that is killed loses at most `CHECKPOINT_SECONDS` of work, and nothing else: what was not saved
is done again from the saved state of the strategy.

Candidates are asked for one at a time. The n-th is asked when the first n - `ahead` have been told, in the order of
asking and whenever they were done: so that several can be evaluated at once, and neither where nor by how many workers
changes what the strategy sees.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

from PlainNet.files import write_text
from zennas.common.config import SETTINGS_FILE, config_text
from zennas.common.environment import environment
from zennas.common.errors import SettingsError
from zennas.common.settings_text import differences
from zennas.runs.candidate import Candidate, Measure
from zennas.runs.store import SEARCH, Store, write_failure
from zennas.searching.confirming import confirm, report
from zennas.searching.evaluation import Evaluation, Outcome, evaluated
from zennas.searching.executors.base import ExecutorSettings, Pending, Running, Work, open_executor
from zennas.searching.finals import hold
from zennas.searching.objectives.base import best_first
from zennas.searching.preparing import Prepared, fingerprints, prepare, refuse_changed, settled
from zennas.searching.result import FINISHED
from zennas.searching.settings import SearchSettings
from zennas.searching.strategies.base import Progress
from ZeroShotProxy import ProxyError

CHECKPOINT_SECONDS = 2.0
WATCH_SECONDS = 0.2
HOPELESS = 20
"""So many failures to score without one success end a search."""
BEST_FILE = "best_structure.txt"


class Watcher(Protocol):
    """Who wants to know how a search is going, see `zennas/cli/progress.py`."""

    def searching(self, progress: Progress, iterations: int, best: float | None) -> None:
        """Called a few times a second. best: the highest value so far; None for ranks, or where nothing is scored."""

    def confirming(self, done: int, total: int) -> None:
        """Called before each of the best is confirmed, and at the end."""

    def measuring(self, done: int, total: int) -> None:
        """Called before each of the best is measured on the devices of the budget, and at the end."""


class NoWatcher:
    """Wants to know nothing."""

    def searching(self, progress: Progress, iterations: int, best: float | None) -> None:
        pass

    def confirming(self, done: int, total: int) -> None:
        pass

    def measuring(self, done: int, total: int) -> None:
        pass


def start(
    folder: Path,
    settings: SearchSettings,
    watcher: Watcher = NoWatcher(),
    executor: ExecutorSettings = ExecutorSettings(),
) -> None:
    """Make a run in `folder` and carry it out.

    Raises BudgetError where nothing fits, StoreError where the folder holds a run or is in use, and
    UnknownNameError, SearchSpaceError, ProxyError, LatencyError, UnavailableError or StructureError for settings that
    cannot be. Wrong settings leave no folder behind.
    """
    settings = settled(settings)
    prepared = prepare(settings)
    prepared.search.ask(1)  # raises where nothing fits; it is pending now
    with _executor(settings, prepared, executor) as running:
        facts = {
            "settings": settings.to_json(),
            **fingerprints(settings),
            "environment": environment(),
            "created": time.time(),
            "seconds": 0.0,
            "status": "searching",
        }
        with Store.create(folder, facts) as store:
            _write(folder / SETTINGS_FILE, config_text(settings))
            _carry_out(store, settings, prepared, running, watcher)


def resume(
    folder: Path,
    watcher: Watcher = NoWatcher(),
    expected: SearchSettings | None = None,
    executor: ExecutorSettings = ExecutorSettings(),
) -> SearchSettings:
    """Continue the run in `folder` to its end; a finished run is left as it is.

    Raises SettingsError where `expected` is not what the run was started with, or the run cannot be continued
    by this version: its space, its strategy or a latency profile has changed; StoreError, RunInUseError.
    """
    with Store.open(folder) as store:
        store.require_kind(SEARCH)
        settings = SearchSettings.from_json(store.get("settings"))
        if expected is not None:
            _refuse_other(folder, settled(settings), settled(expected))
        if store.get("status") == FINISHED and (folder / BEST_FILE).is_file():
            return settings
        refuse_changed(folder, settings, {name: store.get(name) for name in _FINGERPRINTS})
        settings = settled(settings)  # in full, where an older version has left something out
        store.put({"settings": settings.to_json()})
        prepared = prepare(settings)
        state = store.get("state")
        if state is not None:
            prepared.search.restore(state, store.candidates())
        with _executor(settings, prepared, executor) as running:
            _carry_out(store, settings, prepared, running, watcher)
        return settings


_FINGERPRINTS = ("space_digest", "strategy_digest", "profile_digests")


def _refuse_other(folder: Path, ours: SearchSettings, wanted: SearchSettings) -> None:
    """Raises SettingsError naming the settings that differ."""
    different = differences(ours.to_json(), wanted.to_json())
    if different:
        raise SettingsError(f"the run in {folder} was begun with {'; '.join(different)}: choose another folder")


@contextmanager
def _executor(
    settings: SearchSettings, prepared: Prepared, chosen: ExecutorSettings
) -> Iterator[Running[Candidate, Outcome]]:
    work: Work[Candidate, Outcome] = Evaluation(settings, prepared.objective.torch)
    left = settings.iterations - prepared.search.progress().tried
    with open_executor(work, chosen, left, settings.device) as running:
        yield running


def _carry_out(
    store: Store, settings: SearchSettings, prepared: Prepared, running: Running[Candidate, Outcome], watcher: Watcher
) -> None:
    search, objective = prepared.search, prepared.objective
    if not search.done or search.pending:
        with nullcontext() if objective.torch else _unhurried_collector():
            _search(store, settings, prepared, running, watcher)
    store.put({"status": "confirming"})
    ranked = confirm(store, settings, best_first(objective, search.kept), watcher.confirming)
    best = hold(store, settings, prepared.meters, ranked, watcher.measuring) if prepared.meters else ranked[0]
    if objective.relative:
        values = dict(zip((c.id for c in search.kept), objective.values(search.kept), strict=True))
        store.add_measures(best.id, {objective.name: Measure(values[best.id])})
    report(store, settings, best)
    _write(store.folder / BEST_FILE, f"{best.structure}\n")
    store.put({"status": FINISHED, "best": best.id, "finished": time.time()})


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise write_failure(path, error) from None


def _search(
    store: Store, settings: SearchSettings, prepared: Prepared, running: Running[Candidate, Outcome], watcher: Watcher
) -> None:
    search, ahead = prepared.search, settings.ahead or 1
    began = time.monotonic() - (store.get("seconds") or 0.0)
    saved = watched = time.monotonic()
    out: deque[tuple[Candidate, Pending[Outcome]]] = deque((c, running.submit(c)) for c in search.pending)
    while out or not search.done:
        while len(out) < ahead and not search.done:
            asked = search.ask(1)
            if not asked:
                break
            out.append((asked[0], running.submit(asked[0])))
        if out:
            told = evaluated(*out.popleft())
            search.tell((told,))
            if told.error is not None:
                _refuse_hopeless(search.progress(), told.error)
        now = time.monotonic()
        if now - watched > WATCH_SECONDS:
            watched = now
            watcher.searching(search.progress(), settings.iterations, _best_value(prepared))
            if now - saved > CHECKPOINT_SECONDS:
                saved = now
                _save(store, prepared, now - began)
    _save(store, prepared, time.monotonic() - began)
    watcher.searching(search.progress(), settings.iterations, _best_value(prepared))


def _save(store: Store, prepared: Prepared, seconds: float) -> None:
    search = prepared.search
    ranked = best_first(prepared.objective, search.kept)
    facts = {
        "seconds": seconds,
        "progress": search.progress().to_json(),
        "best": ranked[0].id if ranked else None,
    }
    store.checkpoint(search.state(), search.take_changes(), facts)


def _best_value(prepared: Prepared) -> float | None:
    if prepared.objective.relative or not prepared.search.kept:
        return None
    return max(prepared.objective.values(prepared.search.kept))


def _refuse_hopeless(progress: Progress, error: str) -> None:
    """Raises ProxyError where nothing could be scored so far, after so many tries."""
    if not progress.scored and progress.rejected["failed"] >= HOPELESS:
        raise ProxyError(f"none of the first {HOPELESS} structures could be scored; the last: {error}")


@contextmanager
def _unhurried_collector() -> Iterator[None]:
    """Let Python look for reference cycles seldom: the caches are large, tuples all the way, and have none."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
