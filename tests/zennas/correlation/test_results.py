"""What a whole correlation finds and writes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import zennas
from SearchSpace import load_space
from zennas.correlation.overview import FINISHED
from zennas.correlation.result import BASELINES, read_result
from zennas.correlation.runner import resume, start
from zennas.report.listing import list_runs
from zennas.runs.store import Store, StoreError
from zennas.searching.result import read_result as read_search
from ZeroShotProxy import ScoreSettings, score

from .conftest import ACCURACIES, CELLS, NOTHING, ONE, PROXIES, tiny


def test_a_run_from_beginning_to_end(table: Path, tmp_path: Path) -> None:
    from scipy.stats import spearmanr

    folder = tmp_path / "run"
    start(folder, tiny(table), executor=ONE)
    result = read_result(folder)
    assert result.status == FINISHED
    assert {row.name for row in result.rows[:4]} == set(BASELINES)
    assert set(result.scores) == {*BASELINES, *PROXIES}
    # The network that lets nothing through fails, is counted, and is no number; so is it in the vote.
    lost = result.sample.notations.index(NOTHING)
    for name in ("snip", "zen_expected", "vote(snip+zen_expected)"):
        row = result.row(name)
        assert (row.count, row.failures) == (5, 1)
        assert row.error is not None
        assert np.flatnonzero(np.isnan(result.scores[name])).tolist() == [lost]
        last = np.nan_to_num(result.scores[name], nan=-np.inf)
        assert row.failures_last == pytest.approx(spearmanr(last, result.sample.accuracies).statistic)
    assert result.row("params").failures_last is None
    assert "the gradient of the loss is zero everywhere" in str(result.row("snip").error)
    # Cells that compute the same have the same scores; costs are each one's own.
    twins = [result.sample.notations.index(cell) for cell in CELLS[1:3]]
    assert len({float(result.scores["snip"][i]) for i in twins}) == 1
    assert [cost.params for cost in result.costs] == result.scores["params"].tolist()
    content = json.loads((folder / "report.json").read_text())
    assert content == json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert content["proxies"][0]["spearman"]["interval"]
    protocol = "\n".join(content["protocol"])
    for words in ("6 of 6 architectures", "batch of 4 from noise", "8×8 pixels", "seed 0", "own", "bootstrap"):
        assert words in protocol
    with (folder / "scores.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["arch"] for line in lines] == list(result.sample.notations)
    assert lines[lost]["snip"] == ""
    assert float(lines[twins[0]]["snip"]) == pytest.approx(result.scores["snip"][twins[0]])
    assert "| snip |" in (folder / "report.md").read_text()
    with pytest.raises(StoreError, match="already contains a run"):
        start(folder, tiny(table))


def test_pictures(table: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    start(
        tmp_path / "run",
        tiny(table, proxies=("synflow", "vote(snip+zen_expected)"), budget_params=("50%", "100%"), budget="layers=9"),
        executor=ONE,
    )
    pictures = {path.name: path.read_bytes() for path in (tmp_path / "run" / "pictures").iterdir()}
    assert set(pictures) == {
        *(f"{name}.png" for name in BASELINES),
        "synflow.png",
        "vote-snip-zen_expected.png",
        "regret-params.png",
    }
    assert all(content.startswith(b"\x89PNG") for content in pictures.values())


def test_a_run_that_calls_the_layers_depth_is_read(table: Path, tmp_path: Path) -> None:
    """Earlier versions did; a finished run's statistics are not worked out again."""
    folder = tmp_path / "run"
    start(folder, tiny(table), executor=ONE)
    with Store.open(folder) as store:
        known = store.get("statistics")
        known["depth"] = {**known["params"]}
        del known["layers"]
        store.put({"statistics": known})
    found = read_result(folder)
    assert found.row("layers").statistics == found.row("params").statistics
    assert found.scores["layers"].tolist() == [cost.layers for cost in found.costs]


def test_the_api(table: Path, tmp_path: Path) -> None:
    result = zennas.correlate(table=table, proxies=("params",), sample=6, save_dir=tmp_path / "run")
    assert result.row("params").count == 6
    again = zennas.correlate(table=table, proxies=("params",), sample=6, save_dir=tmp_path / "run", go_on=True)
    assert again.rows == result.rows
    found = list_runs(tmp_path)
    assert [one.to_json()["kind"] for one in found] == ["correlate"]
    with pytest.raises(StoreError, match="contains a run of zennas correlate, expected a run of zennas search"):
        read_search(tmp_path / "run")


def test_a_table_tells_how_long_its_networks_were_trained(tmp_path: Path) -> None:
    rows = zip(CELLS, ACCURACIES, strict=True)
    told, silent = tmp_path / "told.csv", tmp_path / "silent.csv"
    told.write_text(
        "arch,cifar10_test_12,steps_per_epoch\n" + "".join(f"{cell},{accuracy},5\n" for cell, accuracy in rows)
    )
    silent.write_text("".join(line.rpartition(",")[0] + "\n" for line in told.read_text().splitlines()))
    for path, asked, steps in ((told, None, 60), (told, 700, 700), (silent, None, 8_000)):
        folder = tmp_path / f"{path.stem}-{asked}"
        chosen = tiny(path, proxies=("mean_field",), training_steps=asked)
        start(folder, chosen, executor=ONE)
        found = read_result(folder)
        assert found.settings.training_steps == steps
        resume(folder, ONE, expected=chosen)
        for cell, value in zip(found.sample.notations, found.scores["mean_field"], strict=True):
            if cell != NOTHING:
                settings = ScoreSettings(resolution=8, num_classes=10, training_steps=steps)
                expected = score(load_space("nasbench201").read(cell), ["mean_field"], settings)  # type: ignore[attr-defined]
                assert value == pytest.approx(expected["mean_field"].value)
