"""Correlations that cannot start, or cannot end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from PlainNet import parse
from SearchSpace.nasbench201 import all_cells
from tests.conftest import SMALL
from zennas.accuracy.tables import AccuracyTable, Column
from zennas.accuracy.tables.csvfile import write_csv
from zennas.correlation.runner import start
from zennas.correlation.scoring import ScoringWork, Task, scored
from zennas.correlation.settings import CorrelateError
from zennas.searching.executors.base import ExecutorSettings, open_executor

from .conftest import ONE, scorings, tiny


def test_wrong_settings_leave_no_folder(table: Path, tmp_path: Path) -> None:
    for changes, message in (
        ({"proxies": ("snap",)}, "unknown proxy 'snap'"),
        ({"proxies": ()}, "proxies is .., expected at least one name"),
        ({"data": "nowhere"}, "there is no data"),
        ({"dataset": "cifar100"}, "has no cifar100 test accuracy"),
        ({"split": "train"}, "split is 'train', expected val or test"),
        ({"space": "nasbench999"}, "unknown search space"),
        ({"sample": 1}, "sample is 1, expected at least 2"),
        ({"table": str(tmp_path / "none.csv")}, "cannot be read"),
    ):
        with pytest.raises(ValueError if "data" not in changes else RuntimeError, match=message):
            start(tmp_path / "run", tiny(table, **changes))
    assert not (tmp_path / "run").exists()


def test_a_fault_of_this_program_ends_the_run(table: Path) -> None:
    tasks = [Task(i, parse(SMALL), 0, ("zen",)) for i in range(3)]
    work = ScoringWork((), (), torch=True)  # settings that are not there: no fault of a network
    for executor in (ExecutorSettings("serial"), ExecutorSettings("pool", 1)):
        with (
            open_executor(work, executor, len(tasks)) as running,
            pytest.raises(CorrelateError, match=r"scoring SuperConvK3BNRELU.* fails: IndexError: tuple index out of"),
        ):
            list(scored(running, tasks))


def test_hopeless_runs_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zennas.correlation.runner.HOPELESS", 2)
    cells = [str(cell) for cell in all_cells() if set(cell.edges[3:]) == {0}][:4]
    table = AccuracyTable("", tuple(cells), {Column("cifar10"): np.arange(4.0)})
    write_csv(table, tmp_path / "t.csv")
    with pytest.raises(ValueError, match="none of 2 networks could be scored; last error: proxy snip"):
        start(
            tmp_path / "run",
            tiny(tmp_path / "t.csv", sample=4, proxies=("snip",)),
            executor=ONE,
        )


def test_a_few_networks_that_all_fail_are_an_error_too(tmp_path: Path) -> None:
    cells = [str(cell) for cell in all_cells() if set(cell.edges[3:]) == {0}][:3]
    write_csv(AccuracyTable("", tuple(cells), {Column("cifar10"): np.arange(3.0)}), tmp_path / "t.csv")
    with pytest.raises(ValueError, match="none of 2 networks could be scored; last error: proxy snip"):
        start(
            tmp_path / "run",
            tiny(tmp_path / "t.csv", sample=3, proxies=("snip",)),
            executor=ONE,
        )
    assert len(scorings(tmp_path / "run")) == 2  # two of the three cost the same; why they fail can be read
