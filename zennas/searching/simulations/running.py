"""One search of a table for each of many seeds, in processes, and the curve of the best network.

These searches are no runs: a seed gives the same networks again, in less time than a run takes to store. The folder has
the settings, a line for each seed (`courses.py`), the curve as JSON and, with matplotlib, as a picture.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from latency.measuring.conditions import cores
from PlainNet import Options
from PlainNet.cost import CostModel
from PlainNet.files import write_bytes, write_text
from PlainNet.lock import LockError, locked
from zennas.common.config import SETTINGS_FILE, config_text
from zennas.common.environment import can_draw, environment
from zennas.common.errors import SettingsError, WrongSettingError
from zennas.common.limits import check_whole
from zennas.common.progress import WorkProgress, unwatched
from zennas.common.settings_text import differences
from zennas.runs.store import FILE, StoreError, take_lock, write_failure
from zennas.searching.depth import with_depth_limit
from zennas.searching.executors.base import ExecutorSettings, Work, open_executor
from zennas.searching.objectives.base import objective_of
from zennas.searching.objectives.table import ABSENT, TableAccuracy
from zennas.searching.preparing import completed, prepare, rehearse, runs_networks
from zennas.searching.proposals import Proposals
from zennas.searching.result import FINISHED
from zennas.searching.settings import SearchSettings
from zennas.searching.simulations.courses import (
    Course,
    Header,
    append,
    begin,
    cut_off,
    is_simulation,
    read_courses,
    read_header,
)
from zennas.searching.simulations.curves import Curves
from zennas.searching.simulations.tables import refuse_changed_tables, table_digests
from zennas.searching.targeting import with_target
from zennas.searching.trust import Trust, trusted
from ZeroShotProxy import ProxyError

CURVE_FILE = "curve.json"
PICTURE_FILE = "curve.png"
FEW = 8
"""Seeds up to which a single process is as fast as several, which take a second to start."""


@dataclass(frozen=True, eq=False)
class Simulation:
    """The result of one search for each of many seeds.

    settings: complete, with the first of the seeds. columns: the one that is maximised, and the one that is reported.
    curves: of the seeds that have been searched with, which are fewer than `seeds` if it was interrupted.
    folder: where the files are. environment, created: where it was begun, and when, in seconds.
    """

    settings: SearchSettings
    seeds: int
    columns: tuple[str, str]
    curves: Curves
    folder: Path
    environment: dict[str, Any]
    created: float

    @property
    def timed(self) -> str:
        """What the seconds of the curves are the time of."""
        return "search and trainings" if self.settings.seconds_column is not None else "the search alone"

    @property
    def status(self) -> str:
        """Whether all seeds have been searched with: "finished", or else "interrupted"."""
        return FINISHED if len(self.curves.oracle) == self.seeds else "interrupted"

    def to_json(self) -> dict[str, Any]:
        settings, curves = self.settings, self.curves
        return {
            "run": str(self.folder),
            "status": self.status,
            "settings": settings.to_json(),
            "seeds": self.seeds,
            "searched": len(curves.oracle),
            "maximised": self.columns[0],
            "reported": self.columns[1],
            "complete": curves.complete,
            **({"ranked": curves.ranked} if curves.ranked else {}),
            "curve": curves.to_json(),
            "over_seconds": curves.over_seconds().to_json(),
            "folder": str(self.folder),
        }


@dataclass(frozen=True)
class Seeds:
    """The work: from a seed to the course of its search. torch: whether the guide runs networks."""

    settings: SearchSettings
    torch: bool

    def prepare(self) -> Callable[[int], Course]:
        """Return the function that carries out the search of a seed."""
        settings = self.settings
        model = CostModel(settings.resolution, settings.num_classes, Options(use_se=settings.use_se))
        return lambda seed: course(replace(settings, seed=seed), model)


def simulate(
    settings: SearchSettings,
    seeds: int,
    folder: Path,
    executor: ExecutorSettings = ExecutorSettings(),
    progress: WorkProgress = unwatched,
    go_on: bool = False,
) -> Simulation:
    """Search a table once for each of `seeds` seeds, from `settings.seed` on, and write the curve to `folder`.

    progress: called with the number of searches done, their total, and what they are.
    go_on: whether to continue a simulation in the folder, which must have the same settings.

    Raises WrongSettingError if the objective is no table or the evaluations are not limited, StoreError if the folder
    contains a run or another simulation or cannot be written, SettingsError if the settings differ, and what
    `runner.start` raises before a run begins.
    """
    check_whole("seeds", seeds, WrongSettingError, most=100_000)
    if settings.budget_evaluations is None:
        raise WrongSettingError("a curve over trained networks has an end: add --budget-evaluations N, like 300")
    settings = completed(with_depth_limit(with_target(settings)))
    if go_on and is_simulation(folder):
        _refuse_other(folder, settings, seeds)
        return continue_simulation(folder, Trust(everything=True), executor, progress)
    _refuse_used(folder)
    prepared = prepare(settings)
    objective = prepared.objective
    if not isinstance(objective, TableAccuracy):
        raise WrongSettingError(
            f"the objective of a simulation is {settings.objective}, expected a table: --objective table:FILE:COLUMN"
        )
    rehearse(settings, prepared.space)
    columns = objective.column, objective.reported or objective.column
    header = Header(settings, seeds, columns, table_digests(settings), environment(), time.time())
    with _written(folder), locked(folder, "the simulation", take_lock):
        return _carry_out(folder, header, [], executor, progress)


def continue_simulation(
    folder: Path,
    trust: Trust = Trust(),
    executor: ExecutorSettings = ExecutorSettings(),
    progress: WorkProgress = unwatched,
) -> Simulation:
    """Continue a simulation that was interrupted; a finished one is only read.

    Raises UntrustedError if the search space or the strategy is a file that is not named in `trust`, SettingsError if a
    table has changed, StoreError if the file is damaged, and RunInUseError if another process works on it.
    """
    header = read_header(folder)
    if len(read_courses(folder, header)) >= header.seeds and (folder / CURVE_FILE).is_file():
        return read_simulation(folder)
    settings = trusted(folder, header.settings, trust)
    refuse_changed_tables(folder, settings, header.digests)
    with _written(folder), locked(folder, "the simulation", take_lock):
        cut_off(folder)
        return _carry_out(folder, header, read_courses(folder, header), executor, progress)


def read_simulation(folder: Path) -> Simulation:
    """Read the simulation in a folder, however far it came.

    Raises StoreError if there is none, if no search had ended yet, or if it is damaged.
    """
    header = read_header(folder)
    courses = read_courses(folder, header)
    if not courses:
        raise StoreError(f"no search of the simulation in {folder} had ended: continue it with --resume {folder}")
    return _simulation(folder, header, courses)


def _simulation(folder: Path, header: Header, courses: Sequence[Course]) -> Simulation:
    evaluations = header.settings.budget_evaluations or max(len(one.reported) for one in courses)
    curves = Curves.of(courses[: header.seeds], evaluations)
    return Simulation(header.settings, header.seeds, header.columns, curves, folder, header.environment, header.created)


def _carry_out(
    folder: Path, header: Header, courses: list[Course], executor: ExecutorSettings, progress: WorkProgress
) -> Simulation:
    """Search with the seeds that have no course yet. Nothing is written before the first search has ended."""
    settings, left = header.settings, range(len(courses), header.seeds)
    work: Work[int, Course] = Seeds(settings, runs_networks(settings, objective_of(settings)))
    if executor.workers is None and len(left) > FEW and not settings.device.startswith("cuda"):
        executor = replace(executor, workers=1 if executor.executor == "serial" else cores())
    with open_executor(work, executor, len(left), settings.device) as running:
        out = [running.submit(settings.seed + i) for i in left]
        for one in out:
            course_of_seed = one.result()
            if not courses:
                begin(folder, header)
                write_text(folder / SETTINGS_FILE, config_text(settings))
            courses.append(course_of_seed)
            append(folder, course_of_seed)
            progress(len(courses), header.seeds, "seeds")
    found = _simulation(folder, header, courses)
    if can_draw():
        from zennas.searching.simulations.picture import curve_png

        write_bytes(folder / PICTURE_FILE, curve_png(found))
    write_text(folder / CURVE_FILE, json.dumps(found.to_json(), indent=2, allow_nan=False) + "\n")
    return found


def course(settings: SearchSettings, model: CostModel | None = None) -> Course:
    """Carry out the search of complete settings, whose objective is a table, in memory.

    model: see `prepare`.

    Raises BudgetError if nothing fits the budget, and ProxyError if the table has none of the networks that were tried.
    """
    prepared = prepare(settings, model)
    search, objective = prepared.search, prepared.objective
    assert isinstance(objective, TableAccuracy)
    proposals = Proposals(search, settings)
    chosen_by, reported, seconds = [], [], []
    began, trained = time.perf_counter(), 0.0
    while not search.done:
        candidate = proposals.next()
        if candidate is None:
            continue
        if objective.absent(candidate.structure) is None:
            measured = candidate.evaluated(objective.measure(candidate))
            chosen_by.append(measured.measures[objective.column].value)
            reported.append(objective.reported_value(candidate.structure))
            trained += objective.seconds(candidate.structure)
            seconds.append(time.perf_counter() - began + trained)
        else:  # the structure that a strategy begins with; others are rejected before
            measured = candidate.evaluated(ABSENT)
        proposals.receive(measured)
        search.take_changes()
    if not reported:
        raise ProxyError(
            f"seed {settings.seed} trained no network: none of {search.progress().tried:,} fits the budget and is in "
            "the table"
        )
    return Course(settings.seed, tuple(chosen_by), tuple(reported), search.progress().ranked, tuple(seconds))


def _refuse_used(folder: Path) -> None:
    if is_simulation(folder):
        raise StoreError(
            f"{folder} already contains searches with many seeds: continue them with --resume {folder}, or choose "
            "another folder"
        )
    if (folder / FILE).exists():
        raise StoreError(f"{folder} already contains a run: choose another folder")
    if folder.is_file():
        raise StoreError(f"{folder} is a file, expected a folder")


def _refuse_other(folder: Path, settings: SearchSettings, seeds: int) -> None:
    """Raise SettingsError, naming what differs, unless the simulation in the folder has these settings."""
    header = read_header(folder)
    ours = {**header.settings.to_json(), "seeds": header.seeds}
    different = differences(ours, {**settings.to_json(), "seeds": seeds})
    if different:
        raise SettingsError(
            f"the simulation in {folder} was started with {'; '.join(different)}: choose another folder"
        )


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise write_failure(folder, error) from None
    except LockError as error:
        raise StoreError(str(error)) from None
