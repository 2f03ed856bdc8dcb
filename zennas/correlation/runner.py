"""Running a correlation: draw the sample, score it, save regularly, compare with the accuracies, write the report.

`start` creates a run in a folder and carries it out, `resume` continues one, and `result.py` reads the result. A run
that is killed loses at most `SAVE_SECONDS` of work: every scoring has its own seed, so repeating it gives the same
value.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from PlainNet import Cost, Structure
from SearchSpace import lasting_space, load_space
from zennas.accuracy.tables import located
from zennas.accuracy.tables import read as read_table
from zennas.common.config import SETTINGS_FILE, write_config
from zennas.common.environment import environment
from zennas.common.errors import SettingsError
from zennas.common.numbers import counted
from zennas.common.settings_text import differences
from zennas.correlation.columns import columns_json, read_columns
from zennas.correlation.data import Drawn, draw_batches, lasting_images
from zennas.correlation.limits import COUNTS, PREFIX
from zennas.correlation.overview import FINISHED, KIND, SCORING
from zennas.correlation.result import compute, scored_names
from zennas.correlation.sample import Sample, channels_of, draw, reader, shown
from zennas.correlation.scenarios import kinds_of
from zennas.correlation.scoring import ScoringWork, Task, needs_batch, needs_torch, scored
from zennas.correlation.settings import CorrelateSettings
from zennas.correlation.summary import write_report
from zennas.runs import programs
from zennas.runs.candidate import Candidate
from zennas.runs.store import FILE, Scoring, Store, reading, write_failure
from zennas.searching.executors.base import ExecutorSettings, Running, Work, open_executor
from zennas.searching.trust import Trust, trusted_space, trusted_table
from ZeroShotProxy import PROXIES, ProxyError, ScoreSettings, ensembles

Key: TypeAlias = tuple[int, str, int]
"""Identifies a scoring: candidate, proxy, repetition."""

SAVE_SECONDS = 1.0
WATCH_SECONDS = 0.2
_CHANGING = (
    "proxies",
    *(f"budget_{name}" for name in COUNTS),
    "budget_latency_ms",
    "budget",
    "latency_columns",
    "score_columns",
    "join",
)
"""Settings that can change when a run is continued, because they change no score."""
_FOUND = ("epochs", "sample", "training_steps")
"""Settings that a run finds in its table if they are not given."""
HOPELESS = 20
"""A run ends after this many failed scorings without a single success."""


class Watcher(Protocol):
    """Follows the progress of a correlation, see `zennas/cli/progress.py`."""

    def scoring(self, done: int, total: int, failed: int) -> None:
        """Called a few times per second with the networks scored, their total, and the number of failed values."""

    def comparing(self, done: int, total: int) -> None:
        """Called before each proxy is compared with the accuracies, and at the end."""


class NoWatcher:
    def scoring(self, done: int, total: int, failed: int) -> None:
        pass

    def comparing(self, done: int, total: int) -> None:
        pass


def start(
    folder: Path,
    settings: CorrelateSettings,
    executor: ExecutorSettings = ExecutorSettings(),
    watcher: Watcher = NoWatcher(),
) -> None:
    """Create a run in `folder` and carry it out with the given executor. If the settings are wrong, no folder is
    created.

    Raises TableError, DataError, UnknownNameError, SearchSpaceError, DeviceError or SettingsError if a setting is not
    valid, and StoreError if the folder contains a run or is in use.
    """
    settings = _completed(settings)
    table = read_table(settings.table)
    found = table.find(settings.dataset, settings.split, settings.epochs, settings.training)
    settings = replace(settings, epochs=found.epochs)
    if settings.training_steps is None:
        settings = replace(settings, training_steps=table.steps(found) or ScoreSettings.training_steps)
    sample, structures, costs = draw(settings, table, load_space(settings.space))
    settings = replace(settings, sample=len(sample))
    columns = _columns(settings, sample, costs)
    drawn = _drawn(settings, structures)
    facts = {
        "kind": KIND,
        "settings": settings.to_json(),
        "sample": sample.to_json(),
        "columns": columns,
        "images": None if drawn is None else drawn.to_json(),
        "program_digests": programs.digests(settings.proxies),
        "environment": environment(),
        "created": time.time(),
        "seconds": 0.0,
        "status": SCORING,
    }
    with Store.create(folder, facts) as store:
        _write_settings(folder, settings)
        store.put_candidates(_candidates(settings, structures, costs), {})
        tasks = _tasks(settings, {i: structures[i] for i in sample.distinct}, set())
        _carry_out(store, settings, tasks, drawn, executor, watcher)


def resume(
    folder: Path,
    executor: ExecutorSettings = ExecutorSettings(),
    watcher: Watcher = NoWatcher(),
    expected: CorrelateSettings | None = None,
    trust: Trust = Trust(),
) -> CorrelateSettings:
    """Continue the run in `folder` to its end, and return its settings; a finished run is left unchanged.

    expected: settings that may differ from those of the run only in the proxies, budgets and columns; existing scores
        are kept.
    trust: without `expected`, the files that the run may execute and open: its search space, and its table if the
        sample was not stored completely.

    Raises UntrustedError if such a file is not named; SettingsError if other settings differ, or if the table or the
    images have changed; StoreError if there is no run or it is damaged; and RunInUseError if another process uses it.
    """
    with Store.read(folder) as store:  # so that a finished run needs no permission to write
        store.require_kind(KIND)
        settings = CorrelateSettings.from_json(store.get("settings"))
        if store.get("status") == FINISHED and expected is None:
            return settings
    with Store.open(folder) as store:
        store.require_kind(KIND)
        settings = CorrelateSettings.from_json(store.get("settings"))
        if expected is not None:
            settings = _agreed(folder, settings, _completed(expected))
            trust = Trust(settings.space, table=settings.table)
        programs.refuse_changed(folder, settings.proxies, store.get("program_digests"))
        if expected is not None and settings.to_json() != store.get("settings"):
            _change(store, settings)
        if store.get("status") == FINISHED:
            return settings
        space = load_space(trusted_space(folder, settings.space, trust, "--space"))
        with reading(folder / FILE):
            sample = Sample.from_json(store.get("sample"))
        if len(store.costs()) < len(sample):  # killed between the two first transactions of a run
            table = trusted_table(folder, settings.table, trust)
            again, structures, costs = draw(settings, read_table(table), space)
            if again != sample:
                raise SettingsError(f"the table {table} has changed since the run in {folder} began")
            store.put_candidates(_candidates(settings, structures, costs), {})
        known = {(row.candidate, row.name, row.repeat) for row in store.scores()}
        read = reader(space)
        networks = {i: shown(read(sample.notations[i]), settings.in_channels) for i in sample.distinct}
        tasks = _tasks(settings, networks, known)
        drawn = _drawn(settings, networks.values()) if tasks else None
        if drawn is not None:
            before = store.get("images")
            if before is not None and before["digest"] != drawn.digest:
                raise SettingsError(f"the images of {settings.data} have changed since the run in {folder} began")
            store.put({"images": drawn.to_json()})
        _carry_out(store, settings, tasks, drawn, executor, watcher)
        return settings


def _change(store: Store, settings: CorrelateSettings) -> None:
    """Give the run other settings; what was compared before is kept where it is the same."""
    with reading(store.folder / FILE):
        sample, costs = Sample.from_json(store.get("sample")), store.costs()
    known = store.get("statistics") or {}
    facts = {
        "settings": settings.to_json(),
        "program_digests": {**(store.get("program_digests") or {}), **programs.digests(settings.proxies)},
        "status": SCORING,
        "columns": _columns(settings, sample, costs),
        "statistics": {name: one for name, one in known.items() if not name.startswith(PREFIX)},
        "regret": {},
    }
    store.put(facts)
    _write_settings(store.folder, settings)


def _columns(settings: CorrelateSettings, sample: Sample, costs: list[Cost]) -> dict[str, Any]:
    """What a run stores of the columns that its settings name.

    Raises TableError if one cannot be read, and WrongSettingError if no architecture fits a budget.
    """
    columns = read_columns(settings, sample.notations)
    if costs:
        kinds_of(settings, costs, columns, np.asarray(sample.accuracies))
    return columns_json(columns)


def _write_settings(folder: Path, settings: CorrelateSettings) -> None:
    """Write the file with which `zennas correlate --config` repeats the run."""
    try:
        write_config(folder / SETTINGS_FILE, settings)
    except OSError as error:
        raise write_failure(folder, error, KIND) from None


def _completed(settings: CorrelateSettings) -> CorrelateSettings:
    """Complete settings with absolute paths, full names and one device, which mean the same in any folder."""
    everything = any(name.casefold() == "all" for name in settings.proxies)
    names = [p.info.name for p in PROXIES] if everything else settings.proxies
    names = () if [name.casefold() for name in names] == ["none"] else names
    proxies = tuple(dict.fromkeys(ensembles.find(name).info.name for name in names))
    device = settings.device
    if needs_torch(ensembles.parts_of(proxies)):
        from PlainNet.device import device_of  # torch takes seconds to import

        device = str(device_of(device))
    return replace(
        settings,
        proxies=proxies,
        space=lasting_space(settings.space),
        table=str(located(settings.table).resolve()),
        join=tuple(str(Path(file).resolve()) for file in settings.join),
        data=lasting_images(settings.data),
        device=device,
    )


def _agreed(folder: Path, ours: CorrelateSettings, wanted: CorrelateSettings) -> CorrelateSettings:
    """The wanted settings, if only proxies, budgets and columns differ. Raises SettingsError naming others that do."""
    changing = {name: getattr(wanted, name) for name in _CHANGING}
    # The device is resolved only if proxies need one, so it depends on them.
    ours = replace(ours, **changing, device=wanted.device if ours.device == "auto" else ours.device)
    wanted = replace(wanted, **{name: getattr(ours, name) for name in _FOUND if getattr(wanted, name) is None})
    wanted = replace(wanted, device=ours.device if wanted.device == "auto" else wanted.device)
    different = differences(ours.to_json(), wanted.to_json())
    if different:
        raise SettingsError(f"the run in {folder} was started with {'; '.join(different)}: choose another folder")
    return wanted


def _drawn(settings: CorrelateSettings, networks: Iterable[Structure]) -> Drawn | None:
    """The batches, if a proxy needs any. Raises DataError, and WrongSettingError if networks take other images."""
    return draw_batches(settings, channels_of(networks)) if needs_batch(scored_names(settings)) else None


def _candidates(settings: CorrelateSettings, structures: list[Structure], costs: list[Cost]) -> list[Candidate]:
    pairs = enumerate(zip(structures, costs, strict=True), start=1)
    return [Candidate(i, structure, None, cost, 0, settings.seed) for i, (structure, cost) in pairs]


def _tasks(settings: CorrelateSettings, structures: dict[int, Structure], known: set[Key]) -> list[Task]:
    """The remaining tasks, by position in the sample; scores that are not random are computed once."""
    names = scored_names(settings)
    random = tuple(name for name in names if PROXIES.get(name).info.random)
    tasks = []
    for position, structure in structures.items():
        for repeat in range(settings.seeds):
            wanted = (name for name in (names if repeat == 0 else random) if (position + 1, name, repeat) not in known)
            task = Task(position + 1, structure, repeat, tuple(wanted))
            if task.names:
                tasks.append(task)
    return tasks


def _carry_out(
    store: Store,
    settings: CorrelateSettings,
    tasks: list[Task],
    drawn: Drawn | None,
    executor: ExecutorSettings,
    watcher: Watcher,
) -> None:
    if tasks:
        names = scored_names(settings)
        work: Work[Task, list[Scoring]] = ScoringWork(
            tuple(settings.scoring(repeat) for repeat in range(settings.seeds)),
            () if drawn is None else drawn.batches,
            needs_torch(names),
        )
        with open_executor(work, executor, len(tasks), settings.device) as running:
            _score(store, running, tasks, watcher)
    result = replace(compute(store, watcher.comparing), status=FINISHED)
    try:
        write_report(result)
    except OSError as error:
        raise write_failure(store.folder, error, KIND) from None
    compared = {"statistics": result.statistics_json(), "regret": result.regret_json()}
    store.put({"status": FINISHED, **compared, "finished": time.time()})


def _score(store: Store, running: Running[Task, list[Scoring]], tasks: list[Task], watcher: Watcher) -> None:
    """Carry out the tasks, and save their results every `SAVE_SECONDS`."""
    before = store.get("seconds") or 0.0
    began = saved = watched = time.monotonic()
    done, failed = 0, 0
    succeeded = any(row.error is None for row in store.scores())
    unsaved: list[Scoring] = []
    watcher.scoring(0, len(tasks), 0)
    for rows in scored(running, tasks):
        unsaved += rows
        done += 1
        failed += sum(row.error is not None for row in rows)
        succeeded = succeeded or any(row.error is None for row in rows)
        now = time.monotonic()
        if now - saved > SAVE_SECONDS:
            saved = now
            store.add_scores(unsaved, {"seconds": before + now - began})
            unsaved = []
        if now - watched > WATCH_SECONDS:
            watched = now
            watcher.scoring(done, len(tasks), failed)
        if not succeeded and done >= HOPELESS:
            break
    store.add_scores(unsaved, {"seconds": before + time.monotonic() - began})
    if not succeeded:
        raise ProxyError(f"none of {counted(done, 'network')} could be scored; last error: {rows[-1].error}")
    watcher.scoring(done, len(tasks), failed)
