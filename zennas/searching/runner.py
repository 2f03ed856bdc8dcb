"""Running a search: evaluate what the strategy proposes, save regularly, then confirm and measure the best.

`start` creates a run in a folder and carries it out, `resume` continues one, and `result.py` reads the result. A run
that is killed loses at most `CHECKPOINT_SECONDS` of work: everything after the last checkpoint is repeated from the
saved state of the strategy.

The strategy is asked for one candidate at a time. It is asked for the n-th when it has received the results of the
first n - `ahead`, in the order of asking, no matter when they finished. So several candidates can be evaluated at the
same time, and the strategy sees the same results for any executor and any number of workers.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol
from warnings import warn

from PlainNet.files import write_text
from SearchSpace import lasting_space
from zennas.common.config import SETTINGS_FILE, config_text
from zennas.common.environment import environment, threads
from zennas.common.errors import SettingsError, ZennasError
from zennas.common.settings_text import differences
from zennas.runs.candidate import Candidate, Measure
from zennas.runs.designed import BEST_FILE
from zennas.runs.store import FAILED, FILE, SEARCH, Store, StoreError, reading, write_failure
from zennas.searching.choosing.confirming import confirm, confirm_each, report
from zennas.searching.choosing.finals import hold
from zennas.searching.depth import with_depth_limit
from zennas.searching.evaluation import Evaluation, Outcome, evaluated
from zennas.searching.executors.base import ExecutorSettings, Pending, Running, Work, open_executor
from zennas.searching.fronts.front import FACT as FRONT_FACT
from zennas.searching.fronts.front import rivals_of, undominated
from zennas.searching.fronts.tradeoff import HYPERVOLUME_FACT
from zennas.searching.objectives.base import best_first
from zennas.searching.objectives.proxy import RankedProxies
from zennas.searching.objectives.table import TableAccuracy
from zennas.searching.preparing import (
    Prepared,
    completed,
    extended,
    fingerprints,
    prepare,
    refuse_changed,
    rehearse,
    runs_networks,
)
from zennas.searching.proposals import Proposals
from zennas.searching.result import FINISHED
from zennas.searching.scoring import confirmer
from zennas.searching.settings import SearchSettings
from zennas.searching.simulations.courses import is_simulation
from zennas.searching.strategies.base import LEARNED_FACT, Followed, Learning, Progress
from zennas.searching.targeting import with_target
from zennas.searching.telling.latency_here import HERE_FACT, latency_here
from zennas.searching.trust import Trust, trusted
from ZeroShotProxy import ProxyError

CHECKPOINT_SECONDS = 2.0
WATCH_SECONDS = 0.2
HOPELESS = 20
"""A search ends after this many failed scorings without a single success."""


class Watcher(Protocol):
    """Follows the progress of a search, see `zennas/cli/progress.py`."""

    def beginning(self, done: int, total: int, note: str) -> None:
        """Called a few times per second while a first network within the budget is looked for. done: mutations since
        the last improvement, which end the search if there are `total`. note: what the closest network has."""

    def searching(self, progress: Progress, settings: SearchSettings, best: float | None) -> None:
        """Called a few times per second. settings: have the iterations and evaluations after which the search ends.
        best: the highest value so far; None for ranks, or if there is none yet.
        """

    def confirming(self, done: int, total: int) -> None:
        """Called while the best candidates are confirmed, and at the end. total: the evaluations at most."""

    def measuring(self, done: int, total: int) -> None:
        """Called before each of the best candidates is measured on the devices of the budget, and at the end."""


class NoWatcher:
    """A watcher that does nothing."""

    def beginning(self, done: int, total: int, note: str) -> None:
        pass

    def searching(self, progress: Progress, settings: SearchSettings, best: float | None) -> None:
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
    """Create a run in `folder` and carry it out. If the settings are wrong, no folder is created.

    Raises BudgetError if nothing fits the budget, StoreError if the folder contains a run or is in use, and
    UnknownNameError, SearchSpaceError, ProxyError, LatencyError, UnavailableError or StructureError if a setting is not
    valid.
    """
    if is_simulation(folder):
        raise StoreError(f"{folder} already contains searches with many seeds: choose another folder")
    settings = completed(with_depth_limit(with_target(settings)))
    prepared = prepare(settings, watch=watcher.beginning)
    rehearse(settings, prepared.space)
    Proposals(prepared.search, settings).next()  # raises if nothing fits; the candidate is pending now
    made = environment()  # here, because the executor may use one thread
    with _executor(settings, prepared, executor) as running:
        facts = {
            "settings": settings.to_json(),
            **fingerprints(settings),
            "environment": made,
            "created": time.time(),
            "seconds": 0.0,
            "status": "searching",
        }
        with Store.create(folder, facts) as store:
            _write(folder / SETTINGS_FILE, config_text(settings))
            with _recording_failure(store):
                _carry_out(store, settings, prepared, running, watcher)


def resume(
    folder: Path,
    watcher: Watcher = NoWatcher(),
    expected: SearchSettings | None = None,
    executor: ExecutorSettings = ExecutorSettings(),
    trust: Trust = Trust(),
    iterations: int | None = None,
    note: Callable[[str], None] = warn,
) -> SearchSettings:
    """Continue the run in `folder` to its end, and return its settings; a finished run is left unchanged.

    expected: the settings that the run must have, whose search space and strategy may be executed.
    trust: otherwise, the files that may be executed.
    iterations: extends the run, finished or not, to so many iterations, which must be more than it has. If `ahead` is
        1, the result is that of a run that had them from the beginning.
    note: is told if this process runs networks on another number of threads than the run did.

    Raises UntrustedError if the search space or the strategy is a file that is not named in `trust`; WrongSettingError
    if `iterations` is too small, or if the strategy cannot be extended; SettingsError if the
    settings of the run differ from `expected`, or if its space, its strategy or a latency profile has changed;
    StoreError if there is no run or it is damaged; and RunInUseError if another process uses it.
    """
    with Store.read(folder) as store:  # so that a finished run needs no permission to write
        settings = _settings_of(store)
        if expected is not None:
            wanted = completed(with_depth_limit(with_target(expected)))
            if settings.strategy_options != SearchSettings.from_json(store.get("settings")).strategy_options:
                options = {**wanted.strategy_options, "children": 1}  # a run of before there were steps
                wanted = replace(wanted, strategy_options=options)
            _refuse_other(folder, settings, wanted)
            trust = Trust(settings.search_space, settings.strategy)
        if iterations is None and store.get("status") == FINISHED and (folder / BEST_FILE).is_file():
            trusted(folder, settings, replace(trust, everything=True))  # nothing is executed, but names must fit
            return settings
    with Store.open(folder) as store:
        settings = trusted(folder, _settings_of(store), trust)
        refuse_changed(folder, settings, {name: store.get(name) for name in _FINGERPRINTS})
        settings = completed(settings)  # completes settings that an older version left out
        if iterations is not None:
            settings = extended(folder, settings, iterations)
        if settings.to_json() != store.get("settings"):
            store.put({"settings": settings.to_json(), "status": "searching"})
            _write(folder / SETTINGS_FILE, config_text(settings))
        prepared = prepare(settings, watch=watcher.beginning)
        if runs_networks(settings, prepared.objective):
            _compare_threads(folder, store, note)
        state = store.get("state")
        if state is not None:
            with reading(folder / FILE):
                prepared.search.restore(state, store.candidates())
        with _executor(settings, prepared, executor) as running, _recording_failure(store):
            _carry_out(store, settings, prepared, running, watcher)
        return settings


@contextmanager
def _recording_failure(store: Store) -> Iterator[None]:
    """Let the run say that it failed, and why, so that nobody takes it for one that was only interrupted."""
    try:
        yield
    except StoreError:  # the disk is full, for example: the run is interrupted, and cannot say more
        raise
    except ZennasError as error:
        with suppress(StoreError):
            store.put({"status": FAILED, "error": " ".join(str(error).split())[:1000]})
        raise


def _settings_of(store: Store) -> SearchSettings:
    store.require_kind(SEARCH)
    return _one_at_a_time(SearchSettings.from_json(store.get("settings")))


def _one_at_a_time(stored: SearchSettings) -> SearchSettings:
    """The settings of a run. Before evolution had `children`, it made candidates one at a time."""
    if stored.strategy != "evolution" or "children" in stored.strategy_options:
        return stored
    return replace(stored, strategy_options={**stored.strategy_options, "children": 1})


def _compare_threads(folder: Path, store: Store, note: Callable[[str], None]) -> None:
    """Tell, and record, that the last digits of scores may differ from those of an undisturbed run."""
    made = store.get("environment") or {}
    before, now = made.get("threads"), threads()
    if before in (None, now):
        return
    store.put({"environment": {**made, "threads_on_resume": now}})
    note(
        f"the run in {folder} was started with {before} threads, and is continued with {now}: Monte Carlo scores can "
        f"differ in the fifth digit, and the order of the best with them; OMP_NUM_THREADS={before} prevents this"
    )


_FINGERPRINTS = (
    "space_digest",
    "strategy_digest",
    "profile_digests",
    "table_digests",
    "objective_digest",
    "program_digests",
)


def _refuse_other(folder: Path, ours: SearchSettings, wanted: SearchSettings) -> None:
    """Raise SettingsError, naming the settings that differ. wanted: from `completed`."""
    # Completing a strategy executes its file, so it has to be the wanted one.
    same = (lasting_space(ours.search_space), ours.strategy) == (wanted.search_space, wanted.strategy)
    different = differences(_compared(completed(ours) if same else ours), _compared(wanted))
    if different:
        raise SettingsError(f"the run in {folder} was started with {'; '.join(different)}: choose another folder")


def _compared(settings: SearchSettings) -> dict[str, object]:
    """The settings as JSON without `any_depth`, which means the limit of layers, and which older runs do not have."""
    stored = settings.to_json()
    return {**stored, "budget": {name: one for name, one in stored["budget"].items() if name != "any_depth"}}


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
    search = prepared.search
    if not search.done or search.pending:
        with nullcontext() if prepared.objective.torch else _unhurried_collector():
            _search(store, settings, prepared, running, watcher)
    store.put({"status": "confirming"})
    end = _at_points if prepared.has_points else _confirmed
    best = end(store, settings, prepared, watcher)
    _write(store.folder / BEST_FILE, f"{best.structure}\n")
    store.put({"status": FINISHED, "best": best.id, "finished": time.time()})


def _confirmed(store: Store, settings: SearchSettings, prepared: Prepared, watcher: Watcher) -> Candidate:
    """Confirm, measure and report the best, and return the chosen one."""
    search, objective = prepared.search, prepared.objective
    ranked = confirm(store, settings, objective, best_first(objective, search.kept), watcher.confirming)
    best = hold(store, settings, prepared.meters, ranked, watcher.measuring) if prepared.meters else ranked[0]
    if isinstance(objective, RankedProxies):
        values = dict(zip((c.id for c in search.kept), objective.values(search.kept), strict=True))
        store.add_measures(best.id, {objective.name: Measure(values[best.id])})
    report(store, settings, best)
    _report_column(store, prepared, [best])
    if not settings.budget.latency:
        here = latency_here(best, settings)
        store.put({HERE_FACT: None if here is None else here.to_json()})
    return best


def _at_points(store: Store, settings: SearchSettings, prepared: Prepared, watcher: Watcher) -> Candidate:
    """Confirm the points of a front, if that is asked for; store ranks among them, if they have no scores of their own;
    and return the best.
    """
    objective = prepared.objective
    points = prepared.points()
    if not points:
        raise ProxyError(f"the front in {store.folder} has no points: no structure could be scored")
    if prepared.grid is not None and confirmer(settings) is not None:
        kept = prepared.search.kept
        groups = rivals_of(prepared.grid, objective, kept, points, settings.top)
        confirmed = confirm_each(store, settings, objective, groups, watcher.confirming)
        values = {one.id: value for one, value in confirmed}
        points = undominated(prepared.grid, [one for one, _ in confirmed], list(values.values()))
        store.put({FRONT_FACT: [one.id for one in points]})
        return max(points, key=lambda one: values[one.id])
    if isinstance(objective, RankedProxies) and prepared.grid is not None:
        for point, value in zip(points, objective.values(points), strict=True):
            store.add_measures(point.id, {objective.name: Measure(value)})
    _report_column(store, prepared, points)
    return prepared.chosen(points)


def _report_column(store: Store, prepared: Prepared, best: Sequence[Candidate]) -> None:
    """Store the reported column of a table with the best."""
    if isinstance(prepared.objective, TableAccuracy):
        for candidate in best:
            store.add_measures(candidate.id, prepared.objective.report(candidate))


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise write_failure(path, error) from None


def _search(
    store: Store, settings: SearchSettings, prepared: Prepared, running: Running[Candidate, Outcome], watcher: Watcher
) -> None:
    search, ahead, proposals = prepared.search, settings.ahead or 1, Proposals(prepared.search, settings)
    began = time.monotonic() - (store.get("seconds") or 0.0)
    saved = watched = time.monotonic()
    out: deque[tuple[Candidate, Pending[Outcome]]] = deque((c, running.submit(c)) for c in search.pending)
    while out or not search.done:
        while len(out) < ahead and not search.done:
            candidate = proposals.next()
            if candidate is None:
                break
            out.append((candidate, running.submit(candidate)))
        if out:
            finished = evaluated(*out.popleft())
            proposals.receive(finished)
            if finished.error is not None:
                _refuse_hopeless(search.progress(), finished.error)
        now = time.monotonic()
        if now - watched > WATCH_SECONDS:
            watched = now
            watcher.searching(search.progress(), settings, _best_value(prepared))
            if now - saved > CHECKPOINT_SECONDS:
                saved = now
                _save(store, prepared, now - began)
    _save(store, prepared, time.monotonic() - began)
    watcher.searching(search.progress(), settings, _best_value(prepared))


def _save(store: Store, prepared: Prepared, seconds: float) -> None:
    search = prepared.search
    ranked = best_first(prepared.objective, search.kept)
    facts: dict[str, Any] = {
        "seconds": seconds,
        "progress": search.progress().to_json(),
        "best": ranked[0].id if ranked else None,
    }
    if prepared.has_points:
        points = prepared.points()
        best = prepared.chosen(points).id if points else None
        facts |= {FRONT_FACT: [one.id for one in points], "best": best}
    if isinstance(search, Followed):
        facts[HYPERVOLUME_FACT] = search.hypervolume()
    if isinstance(search, Learning):
        facts[LEARNED_FACT] = search.learned()
    store.checkpoint(search.state(), search.take_changes(), facts)


def _best_value(prepared: Prepared) -> float | None:
    if prepared.objective.relative or not prepared.search.kept:
        return None
    return max(prepared.objective.values(prepared.search.kept))


def _refuse_hopeless(progress: Progress, error: str) -> None:
    """Raise ProxyError if many structures were tried and none could be scored."""
    if not progress.scored and progress.rejected["failed"] >= HOPELESS:
        raise ProxyError(f"none of the first {HOPELESS} structures could be scored; last error: {error}")


@contextmanager
def _unhurried_collector() -> Iterator[None]:
    """Make Python search for reference cycles rarely: the large caches consist of tuples and contain none."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
