"""Pages of fronts of searches in a supernet, finished or not."""

from __future__ import annotations

import shutil
from pathlib import Path

from zennas.pages.charts import Chart
from zennas.pages.parts import Table
from zennas.pages.record import read_record
from zennas.pages.sections import network
from zennas.pages.sections import supernet_front as supernet_front_section
from zennas.runs.points import FRONT_FILE
from zennas.supernet.front_record import read_front
from zennas.supernet.outcome import RESULT_FILE

from .test_pages import LARGEST, page_of


def test_a_finished_front_shows_its_points(supernet_front: Path, tmp_path: Path) -> None:
    found = page_of(supernet_front, tmp_path)
    assert found.sections == ["question", "supernet_front", "network", "repeat", "machine"]
    assert len(found.text.encode()) < LARGEST
    for words in (
        "most accurate on digits for what they cost, around 0.02 ms on this-machine-fp32, for images of 16×16 pixels?",
        "All candidates are parts of one network, which looks at images of 8×8 pixels.",
        "CE + Σ λ · (E − R) / R, where CE is the cross-entropy, E the expectation of each cost, and R its reference; "
        "once for each strength λ",
        f"{supernet_front}@1",
        "zennas proxyless --config",
    ):
        assert words in found.text


def test_points_are_in_the_chart_and_all_searches_in_the_table(supernet_front: Path) -> None:
    record, front = read_record(supernet_front), read_front(supernet_front)
    parts = supernet_front_section.parts(record)
    charts = [part for part in parts if isinstance(part, Chart)]
    (table,) = (part for part in parts if isinstance(part, Table))
    faint, strong = charts[0].series
    assert [point.network for point in strong.points] == list(range(1, len(front.points) + 1))
    assert len(faint.points) + len(strong.points) == 3
    assert [row[0] for row in table.rows] == ["0", "1", "30"]
    assert [series.name for series in charts[1].series] == ["strength 0", "strength 1", "strength 30"]
    assert all(len(series.points) == 3 for series in charts[1].series)
    drawn = [part for part in network.parts(record) if hasattr(part, "networks")]
    assert [one.number for one in drawn[0].networks] == [point.network for point in strong.points]
    assert drawn[0].networks[0].image == 16


def test_a_front_that_was_interrupted_shows_how_far_it_came(supernet_front: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(supernet_front, tmp_path / "front"))
    (folder / FRONT_FILE).unlink()
    (folder / "strength-30" / RESULT_FILE).unlink()
    found = page_of(folder, tmp_path)
    assert found.sections == ["question", "supernet_front", "repeat", "machine"]
    assert "This run was interrupted before its end" in found.text
    assert f"zennas proxyless --resume {folder}" in found.text
