"""Running a search: score what it asks for, save as it goes, confirm and measure the best, write the result.

`start` makes a run in a folder and carries it out, `resume` continues one; `result.py` reads what came out.
A run that is killed loses at most `CHECKPOINT_SECONDS` of work, and nothing else: what was not saved
is done again from the saved state of the random generator.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from latency.base import LatencyError
from PlainNet import Options, StructureError, parse
from PlainNet.cost import CostModel
from PlainNet.files import write_text
from SearchSpace import SPACES, SearchSpace, full_name, load_space
from zennas.budget.meters import Device, devices, digests, settled_latency
from zennas.common.environment import environment
from zennas.common.errors import SettingsError
from zennas.common.settings_text import differences
from zennas.runs.candidate import Candidate
from zennas.runs.store import SEARCH, Store, write_failure
from zennas.searching.finals import hold
from zennas.searching.objectives.proxy import (
    CONFIRMATION,
    CONFIRMED,
    Fitness,
    evaluate,
    evolved_on,
    fitness,
    is_confirmed,
    own_measure,
    reported,
    runs_networks,
    scores_of,
)
from zennas.searching.result import FINISHED
from zennas.searching.settings import SearchSettings
from zennas.searching.strategies.evolution import Evolution
from ZeroShotProxy import ProxyError

CHECKPOINT_SECONDS = 2.0
WATCH_SECONDS = 0.2
HOPELESS = 20
"""So many failures to score without one success end a search."""
BEST_FILE = "best_structure.txt"


class Watcher(Protocol):
    """Who wants to know how a search is going, see `zennas/cli/progress.py`."""

    def searching(self, search: Evolution, settings: SearchSettings) -> None:
        """Called a few times a second."""

    def confirming(self, done: int, total: int) -> None:
        """Called before each of the best is confirmed, and at the end."""

    def measuring(self, done: int, total: int) -> None:
        """The same where the best are measured on the devices of the budget."""


class NoWatcher:
    def searching(self, search: Evolution, settings: SearchSettings) -> None:
        pass

    def confirming(self, done: int, total: int) -> None:
        pass

    def measuring(self, done: int, total: int) -> None:
        pass


def start(folder: Path, settings: SearchSettings, watcher: Watcher = NoWatcher()) -> None:
    """Make a run in `folder` and carry it out.

    Raises BudgetError where nothing fits, StoreError where the folder holds a run or is in use, and
    UnknownNameError, SearchSpaceError, ProxyError, LatencyError or StructureError for settings that cannot be.
    Wrong settings leave no folder behind.
    """
    settings = _settled(settings)
    search, function, meters = _prepare(settings)
    first = search.ask(1)
    facts = {
        "settings": settings.to_json(),
        "space_digest": _digest(settings),
        "profile_digests": digests(settings.budget),
        "environment": environment(),
        "created": time.time(),
        "seconds": 0.0,
        "status": "searching",
    }
    with Store.create(folder, facts) as store:
        _tell(search, first, function)
        store.checkpoint(search.state(), search.take_changes(), {})
        _carry_out(store, settings, search, function, meters, watcher)


def resume(folder: Path, watcher: Watcher = NoWatcher(), expected: SearchSettings | None = None) -> SearchSettings:
    """Continue the run in `folder` to its end; a finished run is left as it is.

    Raises SettingsError where `expected` is not what the run was started with, or the run cannot be continued
    by this version: its space or a latency profile has changed; StoreError, RunInUseError.
    """
    with Store.open(folder) as store:
        store.require_kind(SEARCH)
        settings = SearchSettings.from_json(store.get("settings"))
        if expected is not None:
            _refuse_other(folder, settings, _settled(expected))
        if store.get("status") == FINISHED and (folder / BEST_FILE).is_file():
            return settings
        if store.get("space_digest") != _digest(settings):
            raise SettingsError(f"the search space {settings.search_space} has changed since the run in {folder} began")
        _refuse_other_profiles(folder, settings, store.get("profile_digests") or {})
        search, function, meters = _prepare(settings)
        state = store.get("state")
        if state is not None:
            search.restore(state, store.candidates())
        _carry_out(store, settings, search, function, meters, watcher)
        return settings


def _refuse_other_profiles(folder: Path, settings: SearchSettings, known: dict[str, str]) -> None:
    """Raises SettingsError where a latency profile is no longer what the run began with."""
    way_out = "restore the profile, or begin anew in another folder"
    try:
        now = digests(settings.budget)
    except LatencyError as error:
        raise SettingsError(f"the run in {folder} cannot go on: {error}; {way_out}") from None
    for source, digest in now.items():
        if known.get(source) != digest:
            raise SettingsError(
                f"the latency profile of {source} has changed since the run in {folder} began: {way_out}"
            )


def _refuse_other(folder: Path, ours: SearchSettings, wanted: SearchSettings) -> None:
    """Raises SettingsError naming the settings that differ."""
    different = differences(ours.to_json(), wanted.to_json())
    if different:
        raise SettingsError(f"the run in {folder} was begun with {'; '.join(different)}: choose another folder")


def _settled(settings: SearchSettings) -> SearchSettings:
    """The settings that say the same from another folder and on another machine: full paths, one device."""
    device = settings.device
    reported(settings)  # raises where there is no such proxy
    if runs_networks(settings):
        from PlainNet.device import device_of  # torch takes seconds to import

        device = str(device_of(settings.device))
    return replace(
        settings,
        budget=settled_latency(settings.budget),
        search_space=full_name(settings.search_space),
        device=device,
    )


def _prepare(settings: SearchSettings) -> tuple[Evolution, Fitness, list[Device]]:
    initial = None if settings.initial is None else parse(settings.initial)
    space: SearchSpace = load_space(settings.search_space, initial)
    model = CostModel(settings.resolution, settings.num_classes, Options(use_se=settings.use_se))
    meters = devices(settings.budget, settings.network)
    search = Evolution(
        space,
        model,
        settings.budget,
        meters,
        iterations=settings.iterations,
        population_size=settings.population_size,
        seed=settings.seed,
    )
    return search, fitness(settings), meters


def _digest(settings: SearchSettings) -> str | None:
    """A fingerprint of the user's search space; None for a space of this project. Raises SettingsError."""
    if settings.search_space in SPACES:
        return None
    try:
        return sha256(Path(settings.search_space).read_bytes()).hexdigest()
    except OSError as error:
        raise SettingsError(f"search space {settings.search_space} cannot be read: {error.strerror}") from None


def _carry_out(
    store: Store,
    settings: SearchSettings,
    search: Evolution,
    function: Fitness,
    meters: Sequence[Device],
    watcher: Watcher,
) -> None:
    if not search.done:
        with nullcontext() if evolved_on(settings).torch else _unhurried_collector():
            _search(store, settings, search, function, watcher)
    store.put({"status": "confirming"})
    ranked = sorted(search.population, key=lambda c: (-(c.fitness or 0.0), c.id))
    ranked = _confirm(store, settings, ranked, watcher)
    best = hold(store, settings, meters, ranked, watcher.measuring) if meters else ranked[0]
    if not is_confirmed(settings):
        store.add_measures(best.id, own_measure(best, settings))
    _report(store, settings, best)
    _write_best(store.folder / BEST_FILE, best)
    store.put({"status": FINISHED, "best": best.id, "finished": time.time()})


def _report(store: Store, settings: SearchSettings, best: Candidate) -> None:
    """Score the winner with the proxies that rank nothing; one that fails is noted and costs no result."""
    known = store.candidates([best.id])[0].measures
    for name in reported(settings):
        if name in known:
            continue
        try:
            store.add_measures(best.id, scores_of(best, [name], settings))
        except (ProxyError, StructureError) as error:
            store.add_failure(best.id, str(error))


def _write_best(path: Path, best: Candidate) -> None:
    try:
        write_text(path, f"{best.structure}\n")
    except OSError as error:
        raise write_failure(path, error) from None


def _search(store: Store, settings: SearchSettings, search: Evolution, function: Fitness, watcher: Watcher) -> None:
    began = time.monotonic() - (store.get("seconds") or 0.0)
    saved = watched = time.monotonic()
    while not search.done:
        _tell(search, search.ask(1), function)
        now = time.monotonic()
        if now - watched > WATCH_SECONDS:
            watched = now
            watcher.searching(search, settings)
            if now - saved > CHECKPOINT_SECONDS:
                saved = now
                store.checkpoint(search.state(), search.take_changes(), {"seconds": now - began})
    store.checkpoint(search.state(), search.take_changes(), {"seconds": time.monotonic() - began})
    watcher.searching(search, settings)


def _tell(search: Evolution, asked: list[Candidate], function: Fitness) -> None:
    scored = [evaluate(candidate, function) for candidate in asked]
    search.tell(scored)
    if not search.scored and search.rejected["failed"] >= HOPELESS:
        raise ProxyError(f"none of the first {HOPELESS} structures could be scored; the last: {scored[-1].error}")


def _confirm(store: Store, settings: SearchSettings, ranked: list[Candidate], watcher: Watcher) -> list[Candidate]:
    """The `top` best by fitness, best first: by fitness, or by their Monte-Carlo scores."""
    if not ranked:
        raise ProxyError("no structure could be scored; see the errors with: zennas runs FOLDER")
    top = ranked[: settings.top]
    if not is_confirmed(settings):
        return top
    known = {candidate.id: candidate.measures for candidate in store.candidates(c.id for c in top)}
    failure: Exception | None = None
    for i, candidate in enumerate(top):
        watcher.confirming(i, len(top))
        if not known[candidate.id]:
            try:
                known[candidate.id] = scores_of(candidate, CONFIRMATION, settings)
            except ProxyError as error:
                failure = error
                store.add_failure(candidate.id, str(error))
            store.add_measures(candidate.id, known[candidate.id])
    watcher.confirming(len(top), len(top))
    confirmed = [candidate for candidate in top if known[candidate.id]]
    if not confirmed:
        raise ProxyError(f"none of the best {len(top)} could be confirmed; the last: {failure}")
    return sorted(confirmed, key=lambda c: -known[c.id][CONFIRMED].value)


@contextmanager
def _unhurried_collector() -> Iterator[None]:
    """Let Python look for reference cycles seldom: the caches are large, tuples all the way, and have none."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
