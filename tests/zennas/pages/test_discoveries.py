"""Pages of searches for programs, finished or not, and how expressions are written and drawn."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from random import Random

import pytest

from tests.ZeroShotProxy.programs.trees import random_tree
from zennas.discovering.files import BEST, GENERATIONS, HEAD, RESULT, STATISTICS, TASKS
from zennas.discovering.record import read_record as read_discovery
from zennas.pages.charts import Chart
from zennas.pages.embed import Embedded
from zennas.pages.expressions import Expression, expression_of
from zennas.pages.markup import escaped, markup
from zennas.pages.mathml import mathml
from zennas.pages.parts import Beside, Diagram, Formula, Ranges, Table
from zennas.pages.record import read_record
from zennas.pages.sections import evolution, held_out, program
from ZeroShotProxy.programs.files import load, published

from .test_pages import HOSTILE, page_of


def cut(discovered: Path, folder: Path, *names: str) -> Path:
    """A copy of the search without some of its files."""
    shutil.copytree(discovered, folder)
    for name in names:
        (folder / name).unlink()
    return folder


def test_a_finished_search_shows_everything(discovered: Path, tmp_path: Path) -> None:
    found = page_of(discovered, tmp_path)
    assert found.sections == ["question", "program", "held_out", "evolution", "repeat", "machine"]
    for words in (
        "Which formula of widths, costs and expected statistics ranks networks most as their accuracies do",
        "even in the worst of 1-nasbench201-cifar10 and 2-nasbench201-cifar100?",
        "Kendall's τ, best program found",
        "merely counted",
        f"--proxy program:{discovered / BEST}",
        f"zennas discover --config {discovered}/settings.toml",
        "Higher is better.",
    ):
        assert words in found.text
    assert {"math", "svg"} <= {tag for tag, _ in found.elements}


def test_the_charts_have_the_scores_of_the_held_out_networks(discovered: Path) -> None:
    record, search = read_record(discovered), read_discovery(discovered)
    assert search.outcome is not None
    parts = held_out.parts(record)
    charts = [part for part in parts if isinstance(part, Chart)]
    ranges = [part for part in parts if isinstance(part, Ranges)]
    assert len(charts) == len(ranges) == 2
    known = {one.name: one for one in (*search.outcome.programs, *search.outcome.references)}
    for number, (chart, one) in enumerate(zip(charts, ranges, strict=True)):
        networks, (series,) = search.outcome.held_out[number], chart.series
        assert [point.values[0] for point in series.points] == list(networks.accuracies)
        assert [axis.name for axis in chart.axes[1:]] == [each.name for each in one.ranges]
        for i, name in enumerate([axis.name for axis in chart.axes[1:]], start=1):
            assert tuple(point.values[i] for point in series.points) == known[name].scores[number]
            assert one.ranges[i - 1].value == known[name].taus[number].value
        assert {each.name for each in one.ranges if not each.strong} == {
            one.name for one in search.outcome.references if one.reason is None
        }
    (table,) = (part for part in parts if isinstance(part, Table))
    assert [row[0].partition(": ")[0] for row in table.rows] == list(known)
    assert {len(row) for row in table.rows} == {5}


def test_fronts_have_costs_and_points(discovered: Path, tmp_path: Path) -> None:
    folder = cut(discovered, tmp_path / "front")
    result = json.loads((folder / RESULT).read_text())
    result["programs"][0].update(us=12.4, point=1)
    (folder / RESULT).write_text(json.dumps(result))
    (table,) = (part for part in held_out.parts(read_record(folder)) if isinstance(part, Table))
    assert table.columns[2:5] == ("µs on a unit", "point", "smallest τ")
    assert table.rows[0][2:4] == ("12", "1")
    assert {len(row) for row in table.rows} == {7}
    assert {row[2:4] for row in table.rows[1:]} == {("", "")}


def test_the_course_of_the_evolution(discovered: Path) -> None:
    beside, _ = evolution.parts(read_record(discovered))
    assert isinstance(beside, Beside)
    fitness, validity = beside.charts
    stages = read_discovery(discovered).generations
    best, median = fitness.series
    assert [point.values for point in best.points] == [(stage.number, stage.best.value) for stage in stages]
    assert [point.title for point in best.points] == [stage.best.program for stage in stages]
    assert [point.values[1] for point in median.points] == [stage.median for stage in stages]
    assert all(0 < (point.values[1] or 0) <= 100 for point in validity.series[0].points)


def test_searches_that_were_interrupted_show_what_there_is(discovered: Path, tmp_path: Path) -> None:
    folder = cut(discovered, tmp_path / "evolving", RESULT, BEST)
    found = page_of(folder, tmp_path)
    assert found.sections == ["question", "program", "evolution", "repeat", "machine"]
    for words in ("This run was interrupted", f"zennas discover --resume {folder}", "the best of generation 2"):
        assert words in found.text
    (folder / GENERATIONS).unlink()
    (folder / HEAD).unlink()
    shutil.rmtree(folder / STATISTICS / "2")
    found = page_of(folder, tmp_path)
    assert found.sections == ["question", "repeat", "machine"]
    assert "of 14 with statistics" in found.text


def test_no_text_of_a_search_leaves_its_place(discovered: Path, tmp_path: Path) -> None:
    folder = cut(discovered, tmp_path / "hostile")
    for name in (RESULT, TASKS, GENERATIONS):
        text = (folder / name).read_text()
        for known in ("1-nasbench201-cifar10", "eznas_a", "it reads", str(read_discovery(discovered).best)):
            text = text.replace(json.dumps(known)[:-1], json.dumps(f"{known}{HOSTILE}")[:-1])
        (folder / name).write_text(text)
    found = page_of(folder, tmp_path)
    assert [tag for tag, _ in found.elements].count("script") == 2
    assert not any(tag == "img" for tag, _ in found.elements)
    assert "alert(1)" in found.text  # as text


def test_a_damaged_result_is_an_error_that_names_it(discovered: Path, tmp_path: Path) -> None:
    folder = cut(discovered, tmp_path / "damaged")
    (folder / RESULT).write_text('{"programs": 3}')
    with pytest.raises(ValueError, match=r"result\.json is damaged"):
        read_record(folder)


TREES = [load(name).program.tree for name in published()] + [random_tree(Random(seed), 5) for seed in range(60)]


@pytest.mark.parametrize("tree", TREES[:: len(TREES) // 20])
def test_every_node_is_drawn_once_where_others_are_not(tree: object) -> None:
    expression = expression_of(str(tree))
    assert expression is not None
    assert str(expression) == str(tree)
    html = markup(Diagram("it", expression), Embedded())
    svg = ET.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])
    assert svg.get("aria-label") == f"it: {tree}"
    names = [one.text for one in svg.iter("text")]
    assert sorted(map(str, names)) == sorted(str(tree).replace("(", " ").replace(")", " ").replace(",", " ").split())
    boxes = [tuple(float(one.get(key, "nan")) for key in ("x", "y", "width", "height")) for one in svg.iter("rect")]
    width, height = float(svg.get("width", "0")), float(svg.get("height", "0"))
    for i, (x, y, w, h) in enumerate(boxes):
        assert 0 <= x < x + w <= width
        assert 0 <= y < y + h <= height
        assert not any(x < a + c and a < x + w and y < b + d and b < y + h for a, b, c, d in boxes[:i])
    assert str(svg.find("path").get("d")).count("M") == len(boxes) - 1  # type: ignore[union-attr]


def test_formulas_are_xml_with_every_statistic() -> None:
    for tree in TREES:
        expression = expression_of(str(tree))
        assert expression is not None
        math = ET.fromstring(mathml(expression, escaped))
        texts = [one.text for one in math.iter("mi")]
        assert texts.count("weight") == str(tree).replace("grad_weight", "").count("weight")


def plain(text: str) -> str:
    """The characters of a formula."""
    expression = expression_of(text)
    assert expression is not None
    return "".join(ET.fromstring(mathml(expression, escaped)).itertext())


@pytest.mark.parametrize(
    ("program", "written"),
    [
        ("sub(flops, sub(params, kernel))", "flops−(params−kernel)"),
        ("sub(sub(flops, params), kernel)", "flops−params−kernel"),
        ("add(flops, add(params, kernel))", "flops+params+kernel"),
        ("mul(add(flops, params), kernel)", "(flops+params)·kernel"),
        ("mul(matmul(flops, params), kernel)", "(flops×params)·kernel"),
        ("square(square(flops))", "(flops2)2"),
        ("square(add(flops, params))", "(flops+params)2"),
        ("inverse(add(flops, params))", "1flops+params"),
        ("less(flops, exp(params))", "1[flops<eparams]"),
        ("positive(frobenius(log(flops)))", "1[‖log(flops)‖>0]"),
        ("kl(sigmoid(flops), abs(params))", "kl(σ(flops),|params|)"),
    ],
)
def test_formulas_have_the_brackets_that_they_need(program: str, written: str) -> None:
    assert plain(program) == written


def test_what_is_no_tree_is_shown_as_text(discovered: Path, tmp_path: Path) -> None:
    assert expression_of("a = log(weight); b = a") is None
    folder = cut(discovered, tmp_path / "other")
    best = str(read_discovery(discovered).best)
    text = (folder / RESULT).read_text()
    (folder / RESULT).write_text(text.replace(json.dumps(best), json.dumps("s1 = log(flops)")))
    parts = program.parts(read_record(folder))
    assert not any(isinstance(part, (Formula, Diagram)) for part in parts)
    assert "s1 = log(flops)" in page_of(folder, tmp_path).text


def test_names_are_escaped_in_drawings_and_formulas() -> None:
    expression = Expression(HOSTILE, (Expression(HOSTILE),))
    for part in (Formula(expression), Diagram(HOSTILE, expression)):
        html = markup(part, Embedded())
        assert "<script" not in html
        assert "<img" not in html
