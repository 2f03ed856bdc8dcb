"""Curves over seeds: what incumbent and oracle are, and that random search is what probability says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zennas
from SearchSpace.nasbench201 import all_cells
from tests.zennas.table_files import worth, write_table
from zennas.budget.budgets import BudgetError
from zennas.common.errors import SettingsError, WrongSettingError
from zennas.report.kind import kind_of_run
from zennas.report.listing import list_runs
from zennas.runs.store import StoreError
from zennas.searching.simulations.courses import Course
from zennas.searching.simulations.curves import Curves, band, standard_error
from zennas.searching.simulations.running import Simulation, continue_simulation, read_simulation


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
    course = Course(0, (1.0, 3.0, 2.0, 3.0, 4.0), (10.0, 8.0, 12.0, 13.0, 11.0), 0, (1.0, 2.0, 3.0, 4.0, 5.0))
    curves = Curves.of([course], 6)
    assert curves.incumbent.tolist() == [[10, 8, 8, 8, 11, 11]]
    assert curves.oracle.tolist() == [[10, 10, 12, 13, 13, 13]]
    assert curves.complete == 0
    both = Curves.of([course, Course(0, (5.0,) * 6, (14.0,) * 6, 0, (2.0, 3.0, 4.0, 5.0, 6.0, 9.0))], 6)
    assert both.complete == 1
    content = both.to_json()
    assert content["evaluations"] == [1, 2, 3, 4, 5, 6]
    assert content["incumbent"] == [12, 11, 11, 11, 12.5, 12.5]
    assert band(both.oracle).shape == (2, 6)
    assert standard_error(np.array([1.0])) == 0
    assert standard_error(np.array([1.0, 3.0])) == pytest.approx(1)


def test_over_seconds_a_curve_has_what_each_search_had_by_then() -> None:
    one = Course(0, (1.0, 2.0, 3.0), (10.0, 20.0, 30.0), 0, (1.0, 4.0, 5.0))
    two = Course(0, (1.0, 2.0, 3.0), (40.0, 50.0, 60.0), 0, (2.0, 4.0, 7.0))
    found = Curves.of([one, two], 3).over_seconds()
    assert found.seconds.tolist() == [2, 4, 6]  # the mean times, from when both have a network
    assert found.incumbent.tolist() == [[10, 20, 30], [40, 50, 50]]
    assert found.to_json()["oracle"] == [25, 35, 40]


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


def test_the_time_of_trainings_is_part_of_the_seconds(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv")
    head, *lines = table.read_text().splitlines()
    timed = [f"{head},hours", *(f"{line},3600" for line in lines)]
    (tmp_path / "timed.csv").write_text("\n".join(timed) + "\n")
    objective = f"table:{tmp_path / 'timed.csv'}:c10_val"
    seconds = simulate(tmp_path, objective=objective, seconds_column="hours").curves.seconds
    assert (seconds >= 3600 * np.arange(1, 31)).all()
    assert (seconds < 3600 * np.arange(1, 31) + 600).all()
    with pytest.raises(WrongSettingError, match="--seconds-column hours is a column of a table"):
        simulate(tmp_path, objective="proxy", report_column=None, seconds_column="hours")


def test_an_interrupted_simulation_goes_on_to_the_same_end(tmp_path: Path) -> None:
    whole = simulate(tmp_path, strategy="aging")
    parts = tmp_path / "parts"

    def stop(done: int, total: int, what: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    asked = {**whole_settings(whole), "seeds": 3, "save_dir": parts, "workers": 1}
    with pytest.raises(KeyboardInterrupt):
        zennas.simulate(**asked, progress=stop)
    assert read_simulation(parts).status == "interrupted"
    with (parts / "courses.jsonl").open("a") as file:
        file.write('{"chosen_by": [1.')  # as a killed process leaves it
    again = continue_simulation(parts)
    assert again.status == "finished"
    assert again.curves.to_json() == whole.curves.to_json()
    assert continue_simulation(parts).curves.to_json() == whole.curves.to_json()  # which is finished
    assert zennas.simulate(**asked, go_on=True).curves.to_json() == whole.curves.to_json()
    with pytest.raises(SettingsError, match="was started with seeds 3, not 4"):
        zennas.simulate(**{**asked, "seeds": 4}, go_on=True)


def whole_settings(found: Simulation) -> dict[str, Any]:
    settings = found.settings
    names = ("search_space", "objective", "report_column", "budget_evaluations", "strategy")
    return {name: getattr(settings, name) for name in names}


@pytest.mark.parametrize("line", ["", "[]", '{"format": 2}', "nonsense", '{"format": 1, "seeds": "many"}'])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "courses.jsonl").write_text(f"{line}\n")
    with pytest.raises(StoreError, match=r"courses\.jsonl is damaged") as caught:
        read_simulation(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_damaged_line_is_refused(tmp_path: Path) -> None:
    found = simulate(tmp_path)
    with (found.folder / "courses.jsonl").open("a") as file:
        file.write('{"seed": 3, "chosen_by": [1.0], "reported": [], "ranked": 0, "seconds": []}\n')
    with pytest.raises(StoreError, match="line 5: ValueError: a search has values of different numbers of networks"):
        read_simulation(found.folder)


@pytest.mark.parametrize("change", ["a line is missing", "a line is there twice", "a value is infinite"])
def test_lines_that_do_not_belong_there_are_refused(tmp_path: Path, change: str) -> None:
    path = simulate(tmp_path).folder / "courses.jsonl"
    first, *lines = path.read_text().splitlines(keepends=True)
    if change == "a line is missing":
        del lines[1]
    elif change == "a line is there twice":
        lines.insert(1, lines[0])
    else:
        lines[1] = (
            lines[1].replace('"reported": [', '"reported": [1e999, ').replace('"chosen_by": [', '"chosen_by": [1, ')
        )
        lines[1] = lines[1].replace('"seconds": [', '"seconds": [0, ')
    path.write_text("".join([first, *lines]))
    for work in (read_simulation, continue_simulation):
        with pytest.raises(StoreError, match=r"line 3: ValueError: (seed \d, expected 1|a value is not)"):
            work(path.parent)


def test_a_folder_has_one_search_or_many(tmp_path: Path) -> None:
    found = simulate(tmp_path)
    with pytest.raises(StoreError, match="already contains searches with many seeds"):
        zennas.search(**whole_settings(found), save_dir=found.folder)
    assert not (found.folder / "run.sqlite").exists()


def test_a_budget_that_nothing_meets_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(BudgetError, match="has params"):
        simulate(tmp_path, budget_params=10)
    assert not (tmp_path / "run1").exists()


def test_it_is_listed_shown_and_written_as_a_page(tmp_path: Path) -> None:
    found = simulate(tmp_path)
    (one,) = (run for run in list_runs(tmp_path) if isinstance(run, Simulation))
    assert one.curves.to_json() == found.curves.to_json()
    assert kind_of_run(one).found(one).endswith("after 30 trained")
    page = zennas.page(found.folder)
    assert {"question", "curves", "repeat"} <= set(page.sections)
    assert '>--seeds</span> <span class="word">3</span>' in page.path.read_text()


def test_what_is_no_simulation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongSettingError, match="add --budget-evaluations"):
        simulate(tmp_path, budget_evaluations=None)
    with pytest.raises(WrongSettingError, match="expected a table"):
        simulate(tmp_path, objective="proxy", report_column=None)
    assert not (tmp_path / "run1").exists()
    simulate(tmp_path)
    with pytest.raises(StoreError, match=r"already contains searches with many seeds"):
        simulate(tmp_path)
