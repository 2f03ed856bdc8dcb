"""Correlations under budgets, and with columns of files: what they find, store and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import zennas
from tests.zennas.conftest import Run
from zennas.accuracy.tables import TableError
from zennas.common.errors import SettingsError, WrongSettingError
from zennas.correlation.choices import RANDOM
from zennas.correlation.limits import Limit, combined_limit, count_limits, latency_limits, score_column
from zennas.correlation.result import read_result
from zennas.correlation.runner import resume, start
from zennas.runs.store import Store

from .conftest import ACCURACIES, CELLS, ONE, scorings, tiny

LATENCIES = (9.0, 2.0, 2.5, None, 1.5, 8.0)


@pytest.fixture
def more(tmp_path: Path) -> Path:
    """Latencies and scores of five of the six cells, in another order; one score is not finite."""
    path = tmp_path / "more.csv"
    lines = [
        f"{CELLS[i]},{LATENCIES[i]},{-ACCURACIES[i]},{'-inf' if i == 1 else i}"
        for i in (5, 4, 2, 1, 0)
    ]  # fmt: skip
    path.write_text("\n".join(["arch_str,pixel3_latency,error,place", *lines, ""]))
    return path


def test_limits() -> None:
    values = [(one.value, one.share) for one in count_limits(("0.2M,10%", "1e3"))]
    assert values == [(200_000, None), (None, 0.1), (1000, None)]
    assert latency_limits(("4, pixel3=0.5ms",))[1] == Limit("pixel3=0.5ms", 0.5, None, "pixel3")
    assert [(part.name, part.limit.value) for part in combined_limit("params=0.2M+pixel3=4ms")] == [
        ("params", 200_000),
        ("pixel3", 4.0),
    ]
    assert [(one.lower, one.row) for one in map(score_column, ("zen", "zen:lower"))] == [
        (False, "column:zen"),
        (True, "column:zen:lower"),
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget_params": "many"}, "budget_params: 'many' is not a number; expected a whole number of at least 1"),
        ({"budget_params": "120%"}, "'120%' is out of range; expected a share of the sample above 0% and at most 100%"),
        ({"budget_flops": (True,)}, "budget_flops is True, expected text"),
        ({"budget_layers": "1,,2"}, "budget_layers: '' is not a number"),
        ({"budget_latency_ms": "4"}, "expected a latency column for it: name one with --latency-column, or write pix"),
        ({"budget_latency_ms": "=4"}, "'=4' names no latency column"),
        ({"budget_latency_ms": "a=-4"}, "'-4' is out of range; expected milliseconds above 0"),
        ({"budget_latency_ms": "a=x"}, "'x' is not a number; expected milliseconds like 4"),
        ({"latency_columns": ("a",)}, "latency_columns has a, which no budget limits"),
        ({"budget": "params"}, "'params' is no budget, expected one like params=0.2M"),
        ({"budget": "params=1k+params=2k"}, "limits params twice"),
        ({"score_columns": (":lower",)}, "names no column"),
        ({"score_columns": ("a", "a")}, "score_columns has 'a' twice"),
        ({"join": ("a.csv",)}, "join is a.csv, but no column is asked for"),
        ({"proxies": ("none",)}, "proxies is .., expected at least one name"),
        (
            {"budget_params": "20"},
            "no architecture of the sample fits params ≤ 20, expected at least .*k, the smallest",
        ),
        (
            {"budget": "params=100%+layers=1"},
            "no architecture of the sample fits the budget params=100%.layers=1; the ",
        ),
    ],
)
def test_wrong_budgets_in_one_line(table: Path, tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(WrongSettingError, match=message) as caught:
        start(tmp_path / "run", tiny(table, **{"proxies": ("params",), **changes}), ONE)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_run_under_budgets(table: Path, more: Path, tmp_path: Path) -> None:
    chosen = tiny(
        table,
        proxies=("zen_expected",),
        budget_params=("50%", "100%"),
        budget_latency_ms=("2,9", "pixel3=60%"),
        latency_columns=("pixel3",),
        budget="layers=100%+pixel3=2ms",
        score_columns=("error:lower", "place"),
        join=(str(more),),
    )
    folder = tmp_path / "run"
    start(folder, chosen, ONE)
    result = read_result(folder)
    assert [one.kind.name for one in result.regret] == ["params", "pixel3_latency", "combined"]
    params, latency, combined = result.regret
    accuracies, costs = np.array(result.sample.accuracies), np.array([cost.params for cost in result.costs])
    small = costs <= np.quantile(costs, 0.5)
    assert [one.best for one in params.kind.scenarios] == [accuracies[small].max(), 94.0]
    assert [one.fitting for one in params.kind.scenarios] == [int(small.sum()), 6]
    assert [one.label for one in latency.kind.scenarios] == ["2 ms", "pixel3=60% (2.5 ms)", "9 ms"]
    assert [(one.fitting, one.best) for one in latency.kind.scenarios] == [(2, 88.5), (3, 88.5), (5, 94.0)]
    assert [one.label for one in combined.kind.scenarios] == ["layers=100%+pixel3=2ms"]
    expected = [accuracies[small].max() - accuracies[small].mean(), 94 - accuracies.mean()]
    assert [one and one.value for one in params.row(RANDOM).by_budget] == pytest.approx(expected)
    # The error orders as the accuracy does, but for the cell that has none.
    error = latency.row("column:error:lower")
    assert [one and one.value for one in error.by_budget] == [0, 0, 0]
    assert result.row("column:error:lower").statistics.spearman is not None
    assert result.row("column:error:lower").statistics.spearman.value == pytest.approx(1)
    assert (result.row("column:error:lower").count, result.row("column:place").count) == (5, 4)
    assert latency.rows[0].name == RANDOM
    assert {row.name for row in latency.rows} == {RANDOM, *result.scores}
    content = json.loads((folder / "report.json").read_text())
    assert content["regret"][1]["budgets"][0] == {"label": "2 ms", "limit": 2.0, "fitting": 2, "best": 88.5}
    assert content["regret"][1]["rows"][0]["proxy"] == RANDOM
    assert "pixel3_latency: from more.csv, for 5 of 6 architectures" in content["protocol"]
    text = (folder / "report.md").read_text()
    assert "design regret in points, params ≤ 50%" in text
    assert "| best accuracy that fits |" in text
    assert result.regret_json() == read_result(folder).regret_json()
    with Store.read(folder) as store:
        assert store.get("regret") == result.regret_json()


def test_budgets_and_columns_may_change_and_scores_stay(table: Path, more: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    start(folder, tiny(table, proxies=("naswot",)), ONE)
    before = scorings(folder)
    assert read_result(folder).regret == ()
    changed = tiny(table, proxies=("naswot",), budget_layers="9", score_columns=("place",), join=(str(more),))
    resume(folder, ONE, expected=changed)
    result = read_result(folder)
    assert scorings(folder) == before
    assert [one.kind.name for one in result.regret] == ["layers"]
    assert result.row("column:place").statistics.spearman is not None
    # Another file with the same column.
    lines = [f"{cell},{-place}" for place, cell in enumerate(CELLS)]
    other = tmp_path / "other.csv"
    other.write_text("\n".join(["arch,place", *lines, ""]))
    resume(folder, ONE, expected=tiny(table, proxies=("naswot",), score_columns=("place",), join=(str(other),)))
    again = read_result(folder)
    assert again.row("column:place").count == 6
    assert again.row("column:place").statistics != result.row("column:place").statistics
    assert again.row("naswot") == result.row("naswot")
    with pytest.raises(SettingsError, match="was started with sample 6, not 5"):
        resume(folder, ONE, expected=tiny(table, proxies=("naswot",), sample=5))
    with pytest.raises(WrongSettingError, match="no architecture of the sample fits params ≤ 1, expected"):
        resume(folder, ONE, expected=tiny(table, proxies=("naswot",), sample=6, budget_params="1"))


def test_columns_alone_score_no_network(table: Path, more: Path, tmp_path: Path) -> None:
    result = zennas.correlate(
        table=table,
        proxies=("none",),
        sample=6,
        score_columns=("place",),
        join=(str(more),),
        budget_params=(10_000_000, "50%"),
        save_dir=tmp_path / "run",
    )
    assert scorings(tmp_path / "run") == []
    assert set(result.scores) == {"flops", "params", "activations", "layers", "column:place"}
    assert [one.label for one in result.regret_of("params").kind.scenarios][1] == "10M"


def test_columns_joined_by_index(tmp_path: Path) -> None:
    cells = enumerate(zip(CELLS, ACCURACIES, strict=True))
    own = tmp_path / "own.csv"
    own.write_text("\n".join(["index,arch,accuracy", *(f"{i},{cell},{value}" for i, (cell, value) in cells), ""]))
    other = tmp_path / "other.csv"
    other.write_text("\n".join(["index,score", *(f"{i},{i * i}" for i in (3, 1, 2)), ""]))
    chosen = tiny(own, dataset="accuracy", proxies=("none",), score_columns=("score",), join=(str(other),))
    start(tmp_path / "run", chosen, ONE)
    result = read_result(tmp_path / "run")
    found = dict(zip(result.sample.notations, result.scores["column:score"].tolist(), strict=True))
    assert [found[cell] for cell in CELLS[1:4]] == [1, 4, 9]
    assert np.isnan([found[CELLS[i]] for i in (0, 4, 5)]).all()


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (
            f"arch,plaice\n{CELLS[0]},1\n",
            "place",
            r"no column 'place' in .*did you mean plaice\? columns: arch, .*--join",
        ),
        (f"arch,place\n{CELLS[0]},one\n", "place", "line 2: place is 'one', expected a number"),
        (f"arch,place\n{CELLS[0]},\n", "place", "has no place for any of 6 architectures of the sample"),
        (f"arch,place\n{CELLS[0]},1\n{CELLS[0]},2\n", "place", "line 3 repeats .* of line 2"),
        (f"arch,place\n{CELLS[0]}\n", "place", "line 2 has 1 cells, expected 2"),
        ("arch,place\n", "place", "has no line after its header"),
        ("place\n1\n", "place", "has neither architectures nor index"),
        ("index,place\n1,1\n", "place", "can only be joined by its column index, which the table lacks"),
        (
            f"arch,cifar10_test_200\n{CELLS[0]},1\n",
            "cifar10_test_200",
            "is in .*table.csv and .*more.csv, expected one",
        ),
        (f"arch,place\n{CELLS[0]},1\n", "arch", "column arch is in"),
    ],
)
def test_wrong_columns_in_one_line(table: Path, tmp_path: Path, content: str, name: str, message: str) -> None:
    path = tmp_path / "more.csv"
    path.write_text(content)
    with pytest.raises(TableError, match=message) as caught:
        start(tmp_path / "run", tiny(table, proxies=("none",), score_columns=(name,), join=(str(path),)), ONE)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_the_command(table: Path, more: Path, run: Run) -> None:
    options = ["--proxy", "none", "--sample", "6", "--join", str(more), "--score-column", "place", "--resamples", "20"]
    budgets = ["--budget-params", "50%,1M", "--budget-params", "2M", "--budget-latency-ms", "50%"]
    more_budgets = ["--latency-column", "pixel3", "--budget", "params=1M+pixel3=9ms"]
    words = ["correlate", "--table", str(table), *options, *budgets, *more_budgets]
    code, out, err = run(*words, "--save-dir", "mine")
    assert (code, err) == (0, "")
    for text in (
        "params ≤ 50% (",
        "1M, 2M",
        "pixel3_latency ≤ 50% (2.5 ms)",
        "random pick",
        "best of 10",
        "column:place",
    ):
        assert text in out
    code, _, err = run("correlate", "--config", "mine/settings.toml", "--save-dir", "again")
    assert (code, err) == (0, "")
    assert read_result(Path("again")).regret_json() == read_result(Path("mine")).regret_json()
    code, out, _ = run("runs", "mine", "--json")
    assert [one["kind"] for one in json.loads(out)["regret"]] == ["params", "pixel3_latency", "combined"]
    code, out, err = run(*words, "--latency-column", "pixel4", "--save-dir", "other")
    assert (code, out) == (1, "")
    assert "there is no column 'pixel4'" in err
    assert "did you mean pixel3_latency?" in err
    assert err.count("\n") == 1
