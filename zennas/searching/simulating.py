"""One search of a table for each of many seeds, in processes, and the curve of the best network.

These searches are not stored one by one: a seed gives the same networks again, in less time than storing takes. The
folder has the settings, the curve as JSON and, with matplotlib, as a picture.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from latency.measuring.conditions import cores
from PlainNet import Options
from PlainNet.cost import CostModel
from PlainNet.files import write_bytes, write_text
from zennas.common.config import SETTINGS_FILE, config_text
from zennas.common.errors import WrongSettingError
from zennas.common.limits import check_whole
from zennas.common.progress import WorkProgress, unwatched
from zennas.runs.store import FILE, StoreError, write_failure
from zennas.searching.curves import Course, Curves
from zennas.searching.depth import with_depth_limit
from zennas.searching.executors.base import ExecutorSettings, Work, open_executor
from zennas.searching.objectives.table import ABSENT, TableAccuracy
from zennas.searching.preparing import completed, prepare, rehearse, runs_networks
from zennas.searching.proposals import Proposals
from zennas.searching.settings import SearchSettings
from ZeroShotProxy import ProxyError

CURVE_FILE = "curve.json"
PICTURE_FILE = "curve.png"
FEW = 8
"""Seeds up to which a single process is as fast as several, which take a second to start."""


@dataclass(frozen=True, eq=False)
class Simulation:
    """The result of one search for each of many seeds.

    settings: complete, with the first of the seeds. columns: the one that is maximised, and the one that is reported.
    folder: where the files are.
    """

    settings: SearchSettings
    seeds: int
    columns: tuple[str, str]
    curves: Curves
    folder: Path

    def to_json(self) -> dict[str, Any]:
        settings, curves = self.settings, self.curves
        return {
            "settings": settings.to_json(),
            "seeds": self.seeds,
            "maximised": self.columns[0],
            "reported": self.columns[1],
            "complete": curves.complete,
            **({"ranked": curves.ranked} if curves.ranked else {}),
            "curve": curves.to_json(),
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
) -> Simulation:
    """Search a table once for each of `seeds` seeds, from `settings.seed` on, and write the curve to `folder`.

    progress: called with the number of searches done, their total, and what they are.

    Raises WrongSettingError if the objective is no table or the evaluations are not limited, StoreError if the folder
    contains a run or another curve or cannot be written, and what `runner.start` raises before a run begins.
    """
    check_whole("seeds", seeds, WrongSettingError, most=100_000)
    _refuse_used(folder)
    if settings.budget_evaluations is None:
        raise WrongSettingError("a curve over trained networks has an end: add --budget-evaluations N, like 300")
    settings = completed(with_depth_limit(settings))
    prepared = prepare(settings)
    objective, evaluations = prepared.objective, settings.budget_evaluations
    if not isinstance(objective, TableAccuracy) or evaluations is None:
        raise WrongSettingError(
            f"the objective of a simulation is {settings.objective}, expected a table: --objective table:FILE:COLUMN"
        )
    rehearse(settings, prepared.space)
    work: Work[int, Course] = Seeds(settings, runs_networks(settings, objective))
    if executor.workers is None and seeds > FEW and not settings.device.startswith("cuda"):
        executor = replace(executor, workers=1 if executor.executor == "serial" else cores())
    courses = []
    with open_executor(work, executor, seeds, settings.device) as running:
        out = [running.submit(settings.seed + i) for i in range(seeds)]
        for i, one in enumerate(out, start=1):
            courses.append(one.result())
            progress(i, seeds, "seeds")
    columns = objective.column, objective.reported or objective.column
    found = Simulation(settings, seeds, columns, Curves.of(courses, evaluations), folder)
    _write(found)
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
    chosen_by, reported = [], []
    while not search.done:
        candidate = proposals.next()
        if candidate is None:
            continue
        if objective.absent(candidate.structure) is None:
            measured = candidate.evaluated(objective.measure(candidate))
            chosen_by.append(measured.measures[objective.column].value)
            reported.append(objective.reported_value(candidate.structure))
        else:  # the structure that a strategy begins with; others are rejected before
            measured = candidate.evaluated(ABSENT)
        proposals.receive(measured)
        search.take_changes()
    if not reported:
        raise ProxyError(
            f"seed {settings.seed} trained no network: none of {search.progress().tried:,} fits the budget and is in "
            "the table"
        )
    return Course(tuple(chosen_by), tuple(reported), search.progress().ranked)


def _refuse_used(folder: Path) -> None:
    for name in (CURVE_FILE, FILE):
        if (folder / name).exists():
            raise StoreError(f"{folder} already contains {name}: choose another folder")
    if folder.is_file():
        raise StoreError(f"{folder} is a file, expected a folder")


def _write(found: Simulation) -> None:
    folder = found.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / SETTINGS_FILE, config_text(found.settings))
        if can_draw():
            from zennas.searching.curve_picture import curve_png

            write_bytes(folder / PICTURE_FILE, curve_png(found))
        write_text(folder / CURVE_FILE, json.dumps(found.to_json(), indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise write_failure(folder, error) from None


def can_draw() -> bool:
    """Return whether matplotlib is installed, which draws the picture."""
    return find_spec("matplotlib") is not None
