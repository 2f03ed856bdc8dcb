"""`zennas search --seeds`: the table of the curve, JSON, and wrong usage."""

from __future__ import annotations

import json
from pathlib import Path

from tests.zennas.conftest import Run
from tests.zennas.table_files import write_table


def arguments(folder: Path) -> list[str]:
    table = write_table(folder / "t.csv", share=0.3)
    return (
        f"search --search-space nasbench201 --objective table:{table}:c10_val --report-column c10_test "
        "--strategy aging --budget-evaluations 70 --seeds 2"
    ).split()


def test_the_curve_is_printed_and_drawn(run: Run, tmp_path: Path) -> None:
    code, out, err = run(*arguments(tmp_path), "--save-dir", str(tmp_path / "mine"))
    assert (code, err) == (0, "")
    assert "c10_test in percent, mean over 2 seeds" in out
    lines = [line.split()[0] for line in out.splitlines() if line.strip()[:1].isdigit()]
    assert lines == ["1", "2", "5", "10", "20", "50", "64", "70"]
    assert str(tmp_path / "mine" / "curve.json") in out.replace("\n", "")


def test_json_has_one_value_an_evaluation(run: Run, tmp_path: Path) -> None:
    code, out, _ = run(*arguments(tmp_path), "--save-dir", str(tmp_path / "mine"), "--json")
    assert code == 0
    curve = json.loads(out)["curve"]
    assert curve["evaluations"] == list(range(1, 71))
    assert len(curve["incumbent"]) == len(curve["oracle"]) == 70
    assert curve["oracle"] == sorted(curve["oracle"])


def test_wrong_usage(run: Run, tmp_path: Path) -> None:
    code, _, err = run(*arguments(tmp_path)[:-4], "--seeds", "2", "--save-dir", str(tmp_path / "mine"))
    assert code == 2
    assert "--budget-evaluations" in err
    assert not (tmp_path / "mine").exists()


def test_it_is_continued_listed_and_shown(run: Run, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    _, first, _ = run(*arguments(tmp_path), "--save-dir", str(mine), "--json")
    courses = (mine / "courses.jsonl").read_text().splitlines(keepends=True)
    (mine / "courses.jsonl").write_text("".join(courses[:2]))  # as if it had been interrupted
    (mine / "curve.json").unlink()
    code, out, _ = run("runs", str(mine))
    assert code == 0 and "interrupted after 1 of 2 seeds" in out.replace("\n", " ")
    code, out, _ = run("search", "--resume", str(mine), "--json")
    assert code == 0 and json.loads(out)["curve"] == json.loads(first)["curve"]
    code, out, _ = run("runs", str(tmp_path))
    assert code == 0 and "simulate" in out and "aging, 2 seeds" in out
    code, _, err = run("search", "--resume", str(mine), "--iterations", "10")
    assert code == 2 and "continued as they were begun" in err
