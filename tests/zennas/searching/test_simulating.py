"""Curves over seeds: what incumbent and oracle are, and that random search is what probability says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import zennas
from SearchSpace.nasbench201 import all_cells
from tests.zennas.table_files import worth, write_table
from zennas.common.errors import WrongSettingError
from zennas.runs.store import StoreError
from zennas.searching.curves import Course, Curves, band, standard_error
from zennas.searching.simulating import Simulation


def simulate(folder: Path, *, seeds: int = 3, workers: int = 1, strategy: str = "random", **more: object) -> Simulation:
    settings = {
        "search_space": "nasbench201",
        "objective": f"table:{write_table(folder / 't.csv')}:c10_val",
        "report_column": "c10_test",
        "budget_evaluations": 30,
        "strategy": strategy,
        **more,
    }
    return zennas.simulate(seeds=seeds, workers=workers, save_dir=folder / f"run{workers}", **settings)


def test_incumbent_and_oracle() -> None:
    course = Course((1.0, 3.0, 2.0, 3.0, 4.0), (10.0, 8.0, 12.0, 13.0, 11.0))
    curves = Curves.of([course], 6)
    assert curves.incumbent.tolist() == [[10, 8, 8, 8, 11, 11]]
    assert curves.oracle.tolist() == [[10, 10, 12, 13, 13, 13]]
    assert curves.complete == 0
    both = Curves.of([course, Course((5.0,) * 6, (14.0,) * 6)], 6)
    assert both.complete == 1
    content = both.to_json()
    assert content["evaluations"] == [1, 2, 3, 4, 5, 6]
    assert content["incumbent"] == [12, 11, 11, 11, 12.5, 12.5]
    assert band(both.oracle).shape == (2, 6)
    assert standard_error(np.array([1.0])) == 0
    assert standard_error(np.array([1.0, 3.0])) == pytest.approx(1)


def test_random_search_reaches_what_probability_says(tmp_path: Path) -> None:
    found = simulate(tmp_path, seeds=150)
    values = np.sort([worth(cell) - 1 for cell in all_cells()])
    below = np.arange(len(values) + 1) / len(values)
    for n in (1, 3, 10, 30):
        expected = float(values @ np.diff(below**n))
        here = found.curves.oracle[:, n - 1]
        assert abs(here.mean() - expected) < 3 * standard_error(here)
    assert (found.curves.oracle == found.curves.incumbent).all()  # both columns have one order


def test_any_number_of_processes_gives_one_curve(tmp_path: Path) -> None:
    one, two = simulate(tmp_path, strategy="aging"), simulate(tmp_path, workers=2, strategy="aging")
    assert one.curves.to_json() == two.curves.to_json()
    stored = json.loads((tmp_path / "run2" / "curve.json").read_text())
    assert stored["curve"] == two.curves.to_json()
    assert (stored["maximised"], stored["reported"], stored["seeds"]) == ("c10_val", "c10_test", 3)
    assert (tmp_path / "run2" / "settings.toml").is_file()


def test_seeds_are_those_of_single_searches(tmp_path: Path) -> None:
    found = simulate(tmp_path, strategy="aging", seed=4)
    single = zennas.search(
        search_space="nasbench201",
        objective=found.settings.objective,
        report_column="c10_test",
        budget_evaluations=30,
        strategy="aging",
        seed=5,
        save_dir=tmp_path / "single",
    )
    assert single.best is not None
    assert found.curves.incumbent[1, -1] == single.best.measures["c10_test"].value


def test_searches_that_end_early_are_counted(tmp_path: Path) -> None:
    found = simulate(tmp_path, iterations=10)
    assert found.curves.complete == 0
    assert (found.curves.oracle[:, 10:] == found.curves.oracle[:, 9:10]).all()


def test_what_is_no_simulation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongSettingError, match="add --budget-evaluations"):
        simulate(tmp_path, budget_evaluations=None)
    with pytest.raises(WrongSettingError, match="expected a table"):
        simulate(tmp_path, objective="proxy", report_column=None)
    assert not (tmp_path / "run1").exists()
    simulate(tmp_path)
    with pytest.raises(StoreError, match=r"already contains curve\.json"):
        simulate(tmp_path)
