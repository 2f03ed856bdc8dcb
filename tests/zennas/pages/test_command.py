"""`zennas report`, and what `zennas runs` lists beside searches."""

from __future__ import annotations

import json
from pathlib import Path

from tests.zennas.conftest import Run

from .conftest import write_unfinished_training


def test_the_command_writes_a_page_and_names_it(run: Run, searched: Path, tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    code, out, _ = run("report", str(searched), "--out", str(page))
    assert code == 0
    assert out.startswith(f"{page}: ")
    assert page.read_text().startswith("<!DOCTYPE html>")
    code, out, _ = run("report", str(searched), "--out", str(page), "--json")
    found = json.loads(out)
    assert found["page"] == str(page)
    assert found["bytes"] == page.stat().st_size
    assert found["sections"][:2] == ["question", "found"]


def test_a_place_that_cannot_be_written_to_is_an_error_in_a_line(run: Run, searched: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    code, out, err = run("report", str(searched), "--out", str(tmp_path / "file" / "page.html"))
    assert code == 1
    assert out == ""
    assert "page.html cannot be written" in err
    assert len(err.splitlines()) == 1
    assert (tmp_path / "file").read_text() == "mine"


def test_every_kind_of_run_is_listed_with_what_came_out(
    run: Run, trained: Path, correlated: Path, tmp_path: Path
) -> None:
    for folder in (trained, correlated):
        (tmp_path / "runs").mkdir(exist_ok=True)
        (tmp_path / "runs" / folder.name).symlink_to(folder)
    write_unfinished_training(tmp_path / "runs" / "killed")
    code, out, _ = run("runs", "--json")
    assert code == 0
    kinds = {Path(one["run"]).name: one["kind"] for one in json.loads(out)}
    assert kinds == {
        "trained": "search",
        "train-digits": "train",
        "net.int8.onnx": "export",
        "net.onnx": "export",
        "correlated": "correlate",
        "killed": "train",
    }
    _, out, _ = run("runs")
    for words in ("came out", "params ≤ 60k", "300 tried", "top-1 41.50 % after 2 epochs", "-0.50 points", "Spearman"):
        assert words in " ".join(out.split())
