"""`zennas latency suggest` and `adapt` as a user meets them: from a list of cells to a profile that searches use."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import latency
from latency.base import LatencyError
from latency.predicting.profile import load_profile
from PlainNet import Structure, StructureError, lower
from PlainNet.ops import OpGraph
from SearchSpace import nasbench201
from tests.zennas.conftest import Run
from zennas.report import adapting

CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"


CELLS = [str(nasbench201.Cell201((3, 2, 1, 4, 3, chosen))) for chosen in range(5)]
CELLS += [str(nasbench201.Cell201((2, 2, 1, 4, 3, chosen))) for chosen in range(5)]


@pytest.fixture
def measured(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list of suggested cells with the latencies that another profile predicts."""
    monkeypatch.setattr(adapting, "POOL", 12)
    monkeypatch.setattr(adapting, "TARGETS", 4)
    code, out, _ = run("latency", "suggest", "--seed", "3")
    assert code == 0
    rows = list(csv.DictReader(out.splitlines()))
    assert len({row["arch"] for row in rows}) == 10
    assert {row["latency_ms"] for row in rows} == {""}
    assert run("latency", "suggest", "--seed", "3")[1] == out
    for row in rows:
        structure = nasbench201.network(nasbench201.Cell201.parse(row["arch"]))
        row["latency_ms"] = f"{latency.predict(structure, 'pi5-onnxruntime', num_classes=10):.4g}"
    path = tmp_path / "ten.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["arch", "latency_ms"])
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_ten_latencies_make_a_profile(run: Run, tmp_path: Path, measured: Path) -> None:
    code, out, _ = run(
        "latency", "adapt", "--measured", "ten.csv", "--from", "pi5-litert", "--device", "a board", "--out", "mine.json"
    )
    assert code == 0
    assert "measured networks, each left out once: within ±10 %" in out
    made = load_profile(tmp_path / "mine.json")
    assert (made.name, made.device) == ("mine", "a board")
    assert "10 whole networks were measured" in (tmp_path / "mine.md").read_text()
    code, out, _ = run("latency", "predict", CELL, "--profile", "mine.json", "--json")
    found = json.loads(out)
    true = latency.predict(nasbench201.network(nasbench201.Cell201.parse(CELL)), "pi5-onnxruntime")
    assert found["latency_ms"] == pytest.approx(true, rel=0.15)
    assert found["low_ms"] < found["latency_ms"] < found["high_ms"]
    assert found["share_in_interval_percent"] == 90
    assert (
        "90 % of measured latencies lie in it, as far as 10 measured networks tell"
        in run("latency", "predict", CELL, "--profile", "mine.json")[1]
    )
    (tmp_path / "cells").write_text(f"{CELL}\n")
    (row,) = csv.DictReader(run("latency", "predict", "--profile", "mine.json", "--archs", "cells")[1].splitlines())
    assert float(row["low_ms"]) == pytest.approx(found["low_ms"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "\n".join(text.splitlines()[:9]), "8 different networks with a latency_ms, expected at least 10"),
        (lambda text: text.replace("latency_ms", "time"), "expected latency_ms and one of arch"),
        (lambda text: text.replace(",", ";"), "genotype, separated by commas"),
        (lambda text: text.replace("\n", ",latency_ms\n", 1), "has 2 columns latency_ms, expected one"),
        (lambda text: text.replace(",1\n", ",-3\n"), "line 2: latency_ms is '-3'"),
        (lambda text: text + "nothing,3\n", "line 12"),
        (lambda _: "", "of an empty file"),
    ],
)
def test_wrong_lists_are_refused(run: Run, tmp_path: Path, change: Callable[[str], str], message: str) -> None:
    rows = [f"{cell},{1 + i}" for i, cell in enumerate(CELLS)]
    (tmp_path / "ten.csv").write_text(change("\n".join(["arch,latency_ms", *rows, ""])))
    code, _, err = run("latency", "adapt", "--measured", "ten.csv", "--space", "nasbench201", "--out", "mine.json")
    assert code != 0
    assert message in " ".join(err.split())
    assert not (tmp_path / "mine.json").exists()


def test_typing_mistakes_have_the_largest_errors(run: Run, tmp_path: Path) -> None:
    rows = [f"{cell},{1 + 0.01 * i}" for i, cell in enumerate(CELLS)]
    rows[3] = f"{CELLS[3]},1030"
    (tmp_path / "ten.csv").write_text("\n".join(["arch,latency_ms", *rows, ""]))
    arguments = ("latency", "adapt", "--measured", "ten.csv", "--batch-size", "2", "--out", "mine.json")
    code, out, err = run(*arguments, "--json")
    assert code == 0, err
    found = json.loads(out)["left_out"]
    assert (len(found), found[0]["arch"], found[0]["measured"]) == (10, CELLS[3], 1030)
    assert found[0]["predicted"] == pytest.approx(1, rel=0.5)
    code, out, _ = run(*arguments)
    first = out.splitlines()[1]
    assert CELLS[3] in first
    assert first.split()[-2:] == ["-99.9", "%"]
    assert "from 1 to 1030 ms per image" in (tmp_path / "mine.md").read_text()


def test_structures_that_are_too_large_are_not_suggested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapting, "POOL", 12)
    monkeypatch.setattr(adapting, "TARGETS", 4)
    refused = []

    def lowered(structure: Structure, **options: Any) -> OpGraph:
        if len(refused) < left:
            refused.append(str(structure))
            raise StructureError("the structure has too many weights")
        return lower(structure, **options)

    monkeypatch.setattr(adapting, "lower", lowered)
    left = 8
    found = adapting.suggested("XXBL", adapting.Inputs("XXBL"), 3, seed=0)
    assert len(found) == 3
    assert not set(found) & set(refused)
    left = 100
    with pytest.raises(LatencyError, match="XXBL has 0 different networks at 32 pixels, expected more than 3: lower"):
        adapting.suggested("XXBL", adapting.Inputs("XXBL"), 3, seed=0)


def test_a_profile_has_a_name_that_ends_in_json(run: Run) -> None:
    assert run("latency", "adapt", "--measured", "ten.csv", "--out", "mine")[0] == 2
