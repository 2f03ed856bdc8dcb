"""Pages of runs of every kind: what they show, that they are complete, and that no text of a run leaves its place."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import zennas
from PlainNet import parse
from PlainNet.cost import CostModel
from PlainNet.ram import RamModel
from zennas.budget.budgets import Budget
from zennas.common.errors import WrongSettingError
from zennas.pages.charts import Axis, Chart, Point, Series
from zennas.pages.document import PAGE_FILE, PageError, html_of, shown_sections, write_page
from zennas.pages.drawing import described
from zennas.pages.embed import Embedded
from zennas.pages.main_cost import main_cost
from zennas.pages.markup import markup
from zennas.pages.parts import Bar, Bars, Code, Facts, Figure, Figures, Matrix, Note, Part, Range, Ranges, Table, Text
from zennas.pages.record import Record, read_record
from zennas.pages.section import SECTIONS
from zennas.pages.sections import found, progress
from zennas.pages.survey import survey
from zennas.report.comparison.result import Comparison
from zennas.runs.store import FILE, StoreError

from .conftest import NETWORK, Read, write_sidecar, write_unfinished_training

LARGEST = 1_000_000
"""Bytes of a page."""
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&--><!--"


def page_of(folder: Path, tmp_path: Path) -> Read:
    made = write_page(folder, tmp_path / "page.html")
    assert made.path == tmp_path / "page.html"
    assert made.bytes == made.path.stat().st_size < LARGEST
    return Read(made.path)


def test_a_search_with_a_training_and_exports_shows_everything(trained: Path, tmp_path: Path) -> None:
    found = page_of(trained, tmp_path)
    wanted = ["question", "found", "network", "progress", "latency", "training", "export", "repeat", "machine"]
    assert [name for name in wanted if name not in found.sections] in ([], ["latency"])
    assert "at most 60k parameters and 8 layers" in found.text
    assert "−0.50 points" in found.text
    assert f"zennas search --config {trained}/settings.toml" in found.text
    cells = [attributes for tag, attributes in found.elements if tag == "td" and "title" in attributes]
    assert len(cells) == 100  # the confusion matrix of ten digits


def test_a_page_loads_nothing_and_runs_its_own_script_only(trained: Path, tmp_path: Path) -> None:
    found = page_of(trained, tmp_path)
    links = [
        str(attributes[name]) for _, attributes in found.elements for name in ("src", "href") if name in attributes
    ]
    assert all(link.startswith("#") or link == "data:," for link in links)
    (policy,) = (str(a["content"]) for tag, a in found.elements if a.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(found.scripts[1].encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy


def test_the_data_of_a_page_agree_with_the_run(trained: Path, tmp_path: Path) -> None:
    data = json.loads(page_of(trained, tmp_path).scripts[0])
    (networks,) = (part for part in data["parts"] if part["kind"] == "networks")
    record = read_record(trained)
    assert record.search is not None
    best = record.search.best
    assert best is not None
    first = networks["networks"][0]
    assert data["texts"][first["structure"]] == str(best.structure)
    assert sum(block[5] for block in first["blocks"]) == best.cost.params
    assert sum(block[6] for block in first["blocks"]) == best.cost.flops
    drawn = {one["number"] for one in networks["networks"]}
    charts = [part for part in data["parts"] if part["kind"] == "chart" and part["selects"]]
    strong = [point for part in charts for one in part["series"] if one["mark"] == "strong" for point in one["points"]]
    assert strong
    assert {point[2] for point in strong} <= drawn


def test_what_is_best_at_each_cost_is_drawn(searched: Path) -> None:
    known = survey(read_record(searched))
    assert known is not None
    drawn = {one.id for one in known.drawn}
    sample = sorted(known.sample, key=lambda one: (one.cost.params, -(known.value(one) or 0)))
    best = float("-inf")
    for one in sample:
        value = known.value(one)
        assert value is not None
        if value > best:
            best = value
            assert one.id in drawn


def test_a_correlation(correlated: Path, tmp_path: Path) -> None:
    found = page_of(correlated, tmp_path)
    assert found.sections[:2] == ["question", "correlation"]
    assert "How well do zen_expected rank 5 networks" in found.text
    assert "Design regret in points" in found.text


def test_a_search_that_was_killed_shows_what_there_is(searched: Path, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    shutil.copytree(searched, folder)
    with closing(sqlite3.connect(folder / FILE)) as db, db:
        db.execute("UPDATE facts SET value = '\"searching\"' WHERE name = 'status'")
        db.execute("DELETE FROM facts WHERE name IN ('finished', 'latency_here', 'confirmed')")
    found = page_of(folder, tmp_path)
    assert "interrupted before its end" in found.text
    assert f"zennas search --resume {folder}" in found.text
    assert {"found", "network", "progress"} <= set(found.sections)
    with closing(sqlite3.connect(folder / FILE)) as db, db:  # killed before its first checkpoint
        db.execute("DELETE FROM facts WHERE name IN ('best', 'progress', 'state')")
        db.execute("DELETE FROM candidates")
        db.execute("DELETE FROM measures")
    assert "found" not in page_of(folder, tmp_path).sections


def test_a_training_alone_finished_or_not(trained: Path, tmp_path: Path) -> None:
    finished = page_of(trained / "train-digits", tmp_path)
    assert finished.sections == ["question", "network", "training", "repeat", "machine"]
    write_unfinished_training(tmp_path / "killed")
    found = page_of(tmp_path / "killed", tmp_path)
    assert found.sections == ["question", "network", "training", "repeat"]
    assert "after 2 of 9 epochs" in found.text
    (tmp_path / "killed" / "history.csv").unlink()  # killed in its first epoch
    assert page_of(tmp_path / "killed", tmp_path).sections == ["question", "network", "repeat"]


def test_damaged_parts_of_a_run_are_told_and_hide_nothing(searched: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(searched, folder)
    write_unfinished_training(folder / "train-digits")
    (folder / "train-digits" / "history.csv").write_text("epoch\nmany\n")
    (folder / "export").mkdir()
    (folder / "export" / "a.onnx.json").write_text("[]")
    found = page_of(folder, tmp_path)
    assert f"Left out: {folder}/train-digits/history.csv cannot be read" in found.text
    assert f"Left out: {folder}/export/a.onnx.json cannot be read" in found.text
    assert "found" in found.sections


def test_no_text_of_a_run_leaves_its_place(searched: Path, tmp_path: Path) -> None:
    name = HOSTILE.replace("/", "∕") + "\udcff\x1b"
    folder = tmp_path / name
    shutil.copytree(searched, folder)
    write_unfinished_training(folder / "train-x", HOSTILE)
    write_sidecar(folder / "export" / f"{name}.json", 97.0, HOSTILE)
    with (folder / "settings.toml").open("a") as file:
        file.write(f"# {HOSTILE}\n")
    with closing(sqlite3.connect(folder / FILE)) as db, db:
        environment = json.dumps({"command": HOSTILE, "packages": {HOSTILE: HOSTILE}, "processor": HOSTILE})
        db.execute("UPDATE facts SET value = ? WHERE name = 'environment'", (environment,))
        db.execute("UPDATE measures SET name = ? WHERE name = 'zen_expected'", (HOSTILE,))
    found = page_of(folder, tmp_path)
    assert [tag for tag, _ in found.elements if tag in ("script", "img")] == ["script", "script"]
    assert not [attribute for _, attributes in found.elements for attribute in attributes if attribute.startswith("on")]
    assert HOSTILE in found.text
    assert any(HOSTILE in text for text in axes_of(json.loads(found.scripts[0])))


def axes_of(data: dict[str, list[dict[str, object]]]) -> list[str]:
    charts = [part for part in data["parts"] if part["kind"] == "chart"]
    return [axis["name"] for part in charts for axis in part["axes"]]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "part",
    [
        Text(HOSTILE),
        Note(HOSTILE, HOSTILE),
        Figures((Figure(HOSTILE, HOSTILE, HOSTILE, HOSTILE),)),
        Facts(((HOSTILE, HOSTILE),)),
        Table((HOSTILE,), ((HOSTILE,),)),
        Code(HOSTILE, HOSTILE, folded=True),
        Ranges(HOSTILE, 0, 1, (Range(HOSTILE, 0.5, 0.4, 0.6, HOSTILE),)),
        Bars(HOSTILE, (Bar(HOSTILE, 0.5, HOSTILE),)),
        Matrix((HOSTILE, "b"), ((1, 2), (0, 3))),
        Chart(HOSTILE, (Axis(HOSTILE),), (0,), (0,), (Series(HOSTILE, "strong", (Point((1.0,), HOSTILE),)),)),
    ],
    ids=lambda part: type(part).__name__,
)
def test_every_part_escapes_its_texts(part: Part, tmp_path: Path) -> None:
    data = Embedded()
    path = tmp_path / "part.html"
    path.write_text(f"{markup(part, data)}<script>{data.text()}</script>")
    found = Read(path)
    assert [tag for tag, _ in found.elements if tag in ("script", "img")] == ["script"]
    assert HOSTILE in found.text or HOSTILE in str(json.loads(found.scripts[0])["texts"])


def test_values_that_are_no_numbers_are_left_out_of_the_data() -> None:
    data = Embedded()
    points = (Point((float("nan"), 1)), Point((float("inf"), 2)), Point((None, 123456789)), Point((1 / 3, 4)))
    data.add(Chart("", (Axis("a"), Axis("b")), (0,), (1,), (Series("", "line", points),)))
    (part,) = json.loads(data.text())["parts"]
    values = [values for values, *_ in part["series"][0]["points"]]
    assert values == [[None, 1], [None, 2], [None, 123456789], [0.333333, 4]]


def test_a_network_of_very_many_blocks_stays_small(tmp_path: Path) -> None:
    write_unfinished_training(tmp_path / "deep")
    settings = tmp_path / "deep" / "settings.toml"
    deep = "ConvKX(3,8,3,1)" + "ConvKX(8,8,3,1)" * 5000
    settings.write_text(settings.read_text().replace(NETWORK, deep))
    found = page_of(tmp_path / "deep", tmp_path)
    assert "4,853 more blocks" in found.scripts[0]


def test_every_section_has_a_place_of_its_own_and_shows_nothing_of_nothing(tmp_path: Path) -> None:
    nothing = Record(tmp_path, "front", "finished")
    assert [section.name for section, _ in shown_sections(nothing)] == ["question"]
    assert all(section.title and section.name.isidentifier() for section in SECTIONS)
    assert "A run of zennas front." in html_of(nothing, shown_sections(nothing))


def test_the_page_is_written_to_the_run_and_can_be_written_again(searched: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(searched, folder)
    assert zennas.page(folder).path == folder / PAGE_FILE
    before = (folder / PAGE_FILE).read_text()
    assert zennas.page(str(folder)).path == folder / PAGE_FILE
    assert (folder / PAGE_FILE).read_text() == before
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".report")]


def test_what_is_no_run_is_refused_and_nothing_is_written(searched: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, message in (
        (tmp_path / "no", "does not exist"),
        (tmp_path / "empty", "contains no run and no training"),
    ):
        with pytest.raises(StoreError, match=message):
            write_page(folder)
    with pytest.raises(PageError, match="is a folder, expected a file"):
        write_page(searched, tmp_path / "empty")
    assert not list((tmp_path / "empty").iterdir())


def test_a_front_shows_its_points(tmp_path: Path) -> None:
    folder = tmp_path / "sizes"
    zennas.front(
        over="params",
        between="20k:60k",
        points=3,
        max_layers=8,
        proxy="zen_expected",
        iterations=300,
        resolution=16,
        device="cpu",
        save_dir=folder,
    )
    known = survey(read_record(folder))
    assert known is not None
    assert known.search.front is not None
    points = known.search.front.points
    assert {one.id for one in known.drawn} == {one.id for one in points}
    assert known.title(points[0]) == f"point 1 of {len(points)}, {folder}@1"
    text = page_of(folder, tmp_path).text
    assert "at every cost, from 20k to 60k parameters" in text
    assert "Those in colour are the points of the front." in text


def test_a_comparison(compared: Comparison, tmp_path: Path) -> None:
    made = zennas.page(compared, out=tmp_path / "page.html")
    assert made.bytes == made.path.stat().st_size < LARGEST
    assert made.sections == ("question", "comparison", "network", "repeat", "machine")
    found = Read(made.path)
    assert "6 networks" in found.text
    assert "pi5-onnxruntime has not measured" in found.text
    data = json.loads(found.scripts[0])
    (chart,) = (part for part in data["parts"] if part["kind"] == "chart")
    (points,) = (one["points"] for one in chart["series"])
    axes = [axis["name"] for axis in chart["axes"]]
    for point, row in zip(points, compared.rows, strict=True):
        values = dict(zip(axes, point[0], strict=True))
        assert (values["parameters"], values["FLOPs"]) == (row.cost.params, row.cost.flops)
        assert (data["texts"][point[1]], point[2]) == (row.label, row.number)
    assert [point[3] for point in points] == [1, 0, 0, 0, 0, 0]
    assert all(axis["log"] for axis in chart["axes"] if axis["name"] in ("parameters", "FLOPs", "activations"))
    (networks,) = (part for part in data["parts"] if part["kind"] == "networks")
    drawn = {one["number"]: sum(block[5] for block in one["blocks"]) for one in networks["networks"]}
    assert drawn == {row.number: row.cost.params for row in compared.rows if row.network.structure is not None}


def test_a_comparison_of_very_many_networks_stays_small(tmp_path: Path) -> None:
    names = [NETWORK.replace("(8,16,", f"(8,{width},").replace("(16,32", f"({width},32") for width in range(8, 208)]
    made = zennas.page(zennas.compare(names), out=tmp_path / "page.html")
    assert made.bytes < LARGEST
    found = Read(made.path)
    assert len([tag for tag, _ in found.elements if tag == "tr"]) > len(names)
    assert "How do (1) " in found.text
    assert "194 more compare?" in found.text


def test_no_text_of_a_comparison_leaves_its_place(tmp_path: Path) -> None:
    place = tmp_path / (HOSTILE.replace("/", "∕") + "\udcff\x1b")
    place.write_text(NETWORK)
    found = Read(zennas.page(zennas.compare([str(place), NETWORK]), out=tmp_path / "page.html").path)
    assert [tag for tag, _ in found.elements if tag in ("script", "img")] == ["script", "script"]
    assert not [attribute for _, attributes in found.elements for attribute in attributes if attribute.startswith("on")]


def test_a_comparison_alone_and_places_that_are_none(tmp_path: Path) -> None:
    alone = zennas.compare([NETWORK], latency=())
    assert "What does (1) SuperConvK3BNRELU" in Read(zennas.page(alone, out=tmp_path / "page.html").path).text
    with pytest.raises(PageError, match="is a folder, expected a file"):
        zennas.page(alone, out=tmp_path)
    with pytest.raises(WrongSettingError, match="name a file with out"):
        zennas.page(alone)
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_surface_shows_two_costs_and_colours_by_the_score(surface: Path, tmp_path: Path) -> None:
    record = read_record(surface)
    known, (_, chart) = survey(record), found.parts(record)
    assert known is not None
    assert isinstance(chart, Chart)
    assert chart.colour is not None
    names = [chart.axes[i].name for i in (chart.x[0], chart.y[0], chart.colour)]
    assert names == ["parameters", "RAM", "zen_expected"]
    assert {point.network for point in chart.series[1].points} == {one.id for one in known.search.points}
    text = page_of(surface, tmp_path).text
    assert "at every cost, from 20k to 100k parameters and 4k bytes to 40k bytes of RAM" in text
    assert "the lighter and larger the dot" in text


def test_goals_are_shown_against_each_other(goals: Path, tmp_path: Path) -> None:
    chart = found.parts(read_record(goals))[-1]
    assert isinstance(chart, Chart)
    assert chart.colour is not None
    assert [chart.axes[i].name for i in (chart.x[0], chart.y[0], chart.colour)] == ["parameters", "zen_expected", "RAM"]
    text = page_of(goals, tmp_path).text
    assert "combine high zen_expected, low params and low ram best" in text
    assert "How the front grew" in text
    assert "best so far" not in text


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("MBConv(8,16,3,6,2)", "8 → 16 channels, kernel 3, expansion 6, stride 2"),
        ("BN(8)", "8 channels"),
        ("NB201Cell(16,1,0,3,4,2,1)", "16 channels, e10 skip_connect, e20 none, e21 nor_conv_3x3, e30 avg_pool_3x3"),
    ],
)
def test_blocks_are_described_in_words(block: str, words: str) -> None:
    (spec,) = parse(block).blocks
    name, detail = described(spec, 1)
    assert name == block.partition("(")[0] and detail.startswith(words)


def test_reasons_for_rejections_are_words(searched: Path) -> None:
    record = read_record(searched)
    assert record.search is not None
    rejected = {"ram": 3, "latency pixel3": 2, "no latency pixel3": 1, "outside profile pixel3": 1, "rules": 1}
    counts = {**record.search.counts, "tried": 10, "rejected": rejected}
    told = progress.parts(replace(record, search=replace(record.search, counts=counts)))
    (bars,) = (part for part in told if isinstance(part, Bars))
    assert [bar.name for bar in bars.bars] == [
        *("too much RAM", "too slow on pixel3", "no latency is known on pixel3", "outside what was measured on pixel3"),
        *("against the rules of the chip", "kept for a while"),
    ]


def test_the_chart_begins_with_the_limit_that_binds(searched: Path) -> None:
    search = read_record(searched).search
    assert search is not None and search.best is not None

    def about(**limits: Any) -> str:
        assert search is not None
        return main_cost(replace(search, settings=replace(search.settings, budget=Budget(**limits))))

    best, far = search.best.cost, 10**9
    ram = RamModel(CostModel(16, 10))(search.best.structure)
    assert about() == "params"
    assert about(layers=best.layers) == "layers"
    assert about(layers=best.layers, flops=far) == "flops"
    assert about(params=best.params, flops=best.flops) == "params"
    assert about(params=best.params, ram=ram) == "ram"
    assert about(params=best.params, ram=far) == "params"
