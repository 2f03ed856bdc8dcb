"""Pages of searches in supernets, finished or not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.zennas.conftest import Run
from zennas.pages.candidates import short_names
from zennas.pages.charts import Chart
from zennas.pages.parts import Table
from zennas.pages.record import read_record
from zennas.pages.sections import decisions
from zennas.pages.sections.epochs import charts_of
from zennas.pages.supernets import picks_of
from zennas.pages.words import supernet_method, supernet_question
from zennas.supernet.beginning import BEGINNING_FILE
from zennas.supernet.cost_settings import CostSettings
from zennas.supernet.history import HISTORY_FILE
from zennas.supernet.job import SearchJob
from zennas.supernet.outcome import CHECKPOINT_FILE, RESULT_FILE, SearchRecord, read_result
from zennas.supernet.recipe import SearchRecipe
from zennas.supernet.spaces import open_space

from .conftest import Read, write_sidecar, write_unfinished_training
from .test_pages import HOSTILE, LARGEST, page_of


def search_in(folder: Path) -> SearchRecord:
    found = read_record(folder).supernet
    assert found is not None
    return found


def copied(supernet: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(supernet, tmp_path / "run"))


def unfinished(supernet: Path, tmp_path: Path, epochs: int) -> Path:
    """What a search leaves that was killed after so many epochs."""
    folder = copied(supernet, tmp_path)
    (folder / RESULT_FILE).unlink()
    lines = (folder / HISTORY_FILE).read_text().splitlines(keepends=True)
    (folder / HISTORY_FILE).write_text("".join(lines[:epochs]))
    return folder


def changed(path: Path, change: Callable[[Any], None]) -> None:
    """Change what a file of JSON contains."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def table_of(folder: Path) -> Table:
    (table,) = (part for part in decisions.parts(read_record(folder)) if isinstance(part, Table))
    return table


def test_a_finished_search_shows_everything(supernet: Path, tmp_path: Path) -> None:
    found = page_of(supernet, tmp_path)
    assert found.sections == ["question", "decisions", "network", "epochs", "repeat", "machine"]
    begun = search_in(supernet).beginning
    assert begun is not None
    train, held_out = begun.images
    assert train + held_out == 80
    for words in (
        "with about 0.02 ms on this-machine-fp32, 4k parameters and 2k bytes of RAM is most accurate on digits",
        "for images of 8×8 pixels?",
        "After 2 epochs of warm-up",
        f"the weights on {train} images, the probabilities on {held_out} images that are held out, 1 step after every",
        "gradients of gates (full_v2) of the loss CE + Σ 0.1 · (E − R) / R",
        "aimed at 0.02 ms",
        "too low in another, as the weights were trained only a little",
        f"zennas train {supernet} --dataset digits",
        f"zennas proxyless --config {supernet}/settings.toml --save-dir {supernet}-again",
        "● marks the chosen one",
    ):
        assert words in found.text
    assert "processor" in found.text


def test_the_data_of_the_page_agree_with_the_run(supernet: Path, tmp_path: Path) -> None:
    data = json.loads(page_of(supernet, tmp_path).scripts[0])
    result, search = read_result(supernet), search_in(supernet)
    (networks,) = (part for part in data["parts"] if part["kind"] == "networks")
    (network,) = networks["networks"]
    assert data["texts"][network["structure"]] == str(result.structure)
    assert sum(block[5] for block in network["blocks"]) == result.costs["params"]
    assert sum(block[8] for block in network["blocks"]) == pytest.approx(
        result.costs["latency by this-machine-fp32"], rel=0.2
    )
    accuracy, loss, entropy, *costs = charts_of(search)
    assert [point.values for point in accuracy.series[0].points] == [
        (i + 1, epoch.top1) for i, epoch in enumerate(search.history)
    ]
    assert [point.values for point in loss.series[1].points] == [
        (i + 1, epoch.valid_loss) for i, epoch in enumerate(search.history) if epoch.valid_loss is not None
    ]
    assert [point.values[1] for point in entropy.series[0].points] == [epoch.entropy for epoch in search.history]
    for chart, (name, aim) in zip(
        costs, {"latency by this-machine-fp32": 0.02, "params": 4000, "ram": 2000}.items(), strict=True
    ):
        assert [point.values[1] for point in chart.series[0].points] == [one.expected[name] for one in search.history]
        assert [(limit.axis, limit.value) for limit in chart.limits] == [(0, 2.5), (1, aim)]
        assert chart.axes[1].log


def test_the_table_has_all_probabilities_and_marks_what_is_chosen(supernet: Path) -> None:
    search, result, table = search_in(supernet), read_result(supernet), table_of(supernet)
    assert table.columns == (
        "decision",
        "MBConv, kernel 3, expansion 3",
        "MBConv, kernel 5, expansion 6",
        "Identity",
    )
    assert search.beginning is not None
    for row in table.rows:
        shares = search.history[-1].probabilities[row[0]]
        for k, (share, cell) in enumerate(zip(shares, row[1:], strict=False)):
            marked = search.beginning.options[row[0]][k] == result.picks[row[0]]
            assert cell == f"{'● ' if marked else ''}{100 * share:.1f} %"
    assert table.rows[1][3] == ""  # the second decision has no such candidate
    *_, chart = decisions.parts(read_record(supernet))
    assert isinstance(chart, Chart)
    assert [one.points[0].title for one in chart.series] == [f"{key}: {text}" for key, text in result.picks.items()]
    picks = picks_of(search)
    for key, series in zip(("first", "second"), chart.series, strict=True):
        k = picks[key]
        assert k is not None
        expected = [100 * epoch.probabilities[key][k] for epoch in search.history if epoch.phase == "search"]
        assert [point.values[1] for point in series.points] == expected


def test_a_search_that_was_killed_shows_what_there_is(supernet: Path, tmp_path: Path) -> None:
    folder = unfinished(supernet, tmp_path, 4)
    found = page_of(folder, tmp_path)
    assert found.sections == ["question", "decisions", "epochs", "repeat", "machine"]
    assert "interrupted before its end" in found.text
    assert f"zennas proxyless --resume {folder}" in found.text
    assert "4of 5" in found.text
    assert "the most probable one so far" in found.text
    assert "expected, aimed at 0.02 ms" in found.text
    shutil.rmtree(folder)
    folder = unfinished(supernet, tmp_path, 2)
    assert "nothing is decided yet" in page_of(folder, tmp_path).text
    (folder / HISTORY_FILE).unlink()  # killed in its first epoch
    assert page_of(folder, tmp_path).sections == ["question", "repeat", "machine"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ('{"phase": "rest"}', "phase is 'rest'"),
        ('{"phase": "search", "epoch": 1}', "KeyError"),
        (None, "other costs or decisions than in line 1"),
    ],
)
def test_a_damaged_history_is_an_error_in_a_line(
    run: Run, supernet: Path, tmp_path: Path, line: str | None, why: str
) -> None:
    folder = copied(supernet, tmp_path)
    lines = (folder / HISTORY_FILE).read_text().splitlines()
    lines[2] = lines[2].replace('"second"', '"third"') if line is None else line
    (folder / HISTORY_FILE).write_text("\n".join(lines))
    code, out, err = run("report", str(folder))
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert f"{HISTORY_FILE} is damaged, line 3: " in err
    assert why in err
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        (BEGINNING_FILE, "[]", f"{BEGINNING_FILE} cannot be read"),
        (BEGINNING_FILE, None, f"{BEGINNING_FILE} has other decisions than "),
        (RESULT_FILE, '{"structure": 1}', f"{RESULT_FILE} cannot be read"),
        ("settings.toml", 'space = "mobile"', "settings.toml has no dataset"),
        ("settings.toml", "=", "settings.toml is not a TOML file"),
    ],
)
def test_other_damaged_files_are_an_error_in_a_line(
    run: Run, supernet: Path, tmp_path: Path, name: str, content: str | None, why: str
) -> None:
    folder = copied(supernet, tmp_path)
    if content is None:
        changed(folder / name, lambda found: found["options"].pop("first"))
    else:
        (folder / name).write_text(content)
    code, out, err = run("report", str(folder))
    assert (out, len(err.splitlines())) == ("", 1)
    assert code > 0
    assert why in err


def test_a_folder_without_the_beginning_still_gives_a_page(supernet: Path, tmp_path: Path) -> None:
    folder = copied(supernet, tmp_path)
    (folder / BEGINNING_FILE).unlink()
    assert page_of(folder, tmp_path).sections == ["question", "decisions", "network", "epochs", "repeat"]
    table, result = table_of(folder), read_result(folder)
    assert table.columns == ("decision", "chosen", "candidate 1", "candidate 2", "candidate 3")
    assert {row[0]: row[1] for row in table.rows} == dict(result.picks)
    assert sum("● " in cell for row in table.rows for cell in row) == 2
    changed(folder / RESULT_FILE, lambda found: found.update(sampled=True))  # which one was drawn is not known
    assert not any("● " in cell for row in table_of(folder).rows for cell in row)


def test_a_network_that_was_drawn_is_marked_and_told(supernet: Path, tmp_path: Path) -> None:
    folder = copied(supernet, tmp_path)
    first = "MBConv(8,8,3,3,1)"
    changed(folder / RESULT_FILE, lambda found: found.update(sampled=True, picks={**found["picks"], "first": first}))
    assert table_of(folder).rows[0][1].startswith("● ")
    text = page_of(folder, tmp_path).text
    assert "● marks the drawn one" in text
    assert "the accuracy is that of the most probable one" in text
    assert f"zennas proxyless --sample --config {folder}" in text


def test_trainings_and_exports_inside_are_shown(supernet: Path, tmp_path: Path) -> None:
    folder = copied(supernet, tmp_path)
    write_unfinished_training(folder / "train-digits")
    write_sidecar(folder / "export" / "net.int8.onnx.json", 97.5)
    (folder / "export" / "a.onnx.json").write_text("[]")
    found = page_of(folder, tmp_path)
    assert {"training", "export"} <= set(found.sections)
    assert "after 2 of 9 epochs" in found.text
    assert f"Left out: {folder}/export/a.onnx.json cannot be read" in found.text


def test_no_text_of_a_search_leaves_its_place(supernet: Path, tmp_path: Path) -> None:
    folder = copied(supernet, tmp_path)
    lines = [json.loads(line) for line in (folder / HISTORY_FILE).read_text().splitlines()]
    for line in lines:
        line["probabilities"] = {HOSTILE: line["probabilities"]["first"]}
        line["expected"] = {HOSTILE: 1.5}
    (folder / HISTORY_FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
    names = [f"{HOSTILE}{k}" for k in range(3)]

    def begin(found: Any) -> None:
        found["options"] = {HOSTILE: names}
        found["aims"] = [{"name": HOSTILE, "unit": HOSTILE, "reference": 1}]
        found["device"] = found["environment"]["command"] = HOSTILE

    changed(folder / BEGINNING_FILE, begin)
    changed(
        folder / RESULT_FILE,
        lambda found: found.update(picks={HOSTILE: names[2]}, costs={HOSTILE: 2}, expected={HOSTILE: 1}),
    )
    settings = folder / "settings.toml"
    text = settings.read_text().replace('dataset = "digits"', f"dataset = {json.dumps(HOSTILE)}")
    settings.write_text(f"{text}# {HOSTILE}\n")
    found = page_of(folder, tmp_path)
    assert found.sections == ["question", "decisions", "network", "epochs", "repeat", "machine"]
    assert [tag for tag, _ in found.elements if tag in ("script", "img")] == ["script", "script"]
    assert not [attribute for _, attributes in found.elements for attribute in attributes if attribute.startswith("on")]
    assert HOSTILE in found.text
    assert f"{HOSTILE}: {names[2]}" in json.loads(found.scripts[0])["texts"]


@pytest.mark.parametrize("space", ["mobile", "nasbench201"])
def test_long_searches_with_many_decisions_have_small_pages(space: str, tmp_path: Path) -> None:
    options = open_space(space).options
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / CHECKPOINT_FILE).write_bytes(b"")
    (folder / "settings.toml").write_text(f'dataset = "imagenet"\nspace = "{space}"\nresolution = 224\n')
    lines = []
    for number in range(1000):
        shares = {key: [0.123456789] * len(texts) for key, texts in options.items()}
        phase = {"phase": "search", "epoch": number + 1, "valid_loss": 1.23456, "valid_top1": 56.789}
        numbers = dict.fromkeys(("lr", "loss", "top1", "entropy", "seconds"), 1.2345678)
        lines.append(json.dumps({**phase, **numbers, "expected": {"flops": 1e8}, "probabilities": shares}) + "\n")
    (folder / HISTORY_FILE).write_text("".join(lines))
    found = page_of(folder, tmp_path)
    assert "the space mobile" in found.text or space != "mobile"
    data = json.loads(found.scripts[0])
    assert sum(len(one["points"]) for part in data["parts"] for one in part["series"]) < 10_000
    assert (tmp_path / "page.html").stat().st_size < LARGEST / 2


def test_candidates_have_short_names_that_tell_them_apart() -> None:
    mobile = [short_names(texts) for texts in open_space("mobile").options.values()]
    assert mobile[0][:2] == ("MBConv, kernel 3, expansion 3", "MBConv, kernel 5, expansion 3")
    assert len({name for names in mobile for name in names}) == 7
    assert short_names(["ConvKX(32,64,1,2)BN(64)", "MBConvRELU(32,64,3,3,2)"]) == ("ConvKX, BN", "MBConvRELU")
    cells = next(iter(open_space("nasbench201").options.values()))
    assert short_names(cells) == cells
    assert short_names(["MBConv(8,8,3,3,1)", "MBConv"]) == ("MBConv(8,8,3,3,1)", "MBConv")


def test_decisions_without_common_names_have_numbered_columns(supernet: Path, tmp_path: Path) -> None:
    folder = copied(supernet, tmp_path)

    def begin(found: Any) -> None:
        found["options"] = {f"d{i}": ["MBConv(8,8,3,3,1)", f"name{i}"] for i in range(13)}

    changed(folder / BEGINNING_FILE, begin)
    lines = [json.loads(line) for line in (folder / HISTORY_FILE).read_text().splitlines()]
    for line in lines:
        line["probabilities"] = {f"d{i}": [0.25, 0.75] for i in range(13)}
    (folder / HISTORY_FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
    table = table_of(folder)
    assert table.columns == ("decision", "1", "2")
    assert table.rows[12] == ("d12", "25.0 % MBConv", "● 75.0 % name12")


def test_questions_and_methods_in_words() -> None:
    job = SearchJob("digits")
    assert supernet_question(job) == (
        "Which network of the space mobile is most accurate on digits, for images of 32×32 pixels?"
    )
    told = supernet_method(job, None)
    assert "the weights on 90 % of the training images, the probabilities on 10 % that are held out" in told
    assert "after every 5 weight steps, by gradients of gates (full_v2) of the loss CE, the cross-entropy." in told
    costs: dict[str, Any] = {"latency_backend": ("table:lut/phone.csv",), "ref_latency_ms": (80.0,), "ref_flops": 10**8}
    assert "with about 80 ms by phone.csv and 100M FLOPs is" in supernet_question(
        SearchJob("digits", costs=CostSettings(**costs))
    )
    mul = supernet_method(SearchJob("digits", costs=CostSettings(cost_form="mul", **costs)), (9, 1))
    assert "CE · Π (E / R)^0.3" in mul
    log = supernet_method(SearchJob("digits", costs=CostSettings(cost_form="mul#log", **costs)), (9, 1))
    assert "0.2 · CE · Π (log E / log R)^0.3" in log
    recipe = SearchRecipe(arch_update="reinforce", warmup=False)
    drawn = supernet_method(SearchJob("digits", recipe=recipe, costs=CostSettings(**costs)), (9, 1))
    assert "Without a warm-up" in drawn
    assert "REINFORCE with the reward accuracy · Π (R / cost)^0.1" in drawn


def test_a_page_of_a_search_never_imports_torch(supernet: Path, tmp_path: Path) -> None:
    page = str(tmp_path / "page.html")
    code = f"import sys, zennas; zennas.page({str(supernet)!r}, out={page!r}); print('torch' in sys.modules)"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "False"
    assert Read(Path(page)).sections[0] == "question"
