"""What is printed is data: whatever a name contains, it is shown whole, without commanding the terminal."""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

import ZenNet
from tests.conftest import SMALL
from tests.zennas.conftest import Run
from zennas.accuracy.evaluation import EvaluationResult
from zennas.api import search
from zennas.budget.budgets import LatencyLimit
from zennas.cli import console, display
from zennas.cli.console import OUT
from zennas.cli.errors import lines
from zennas.cli.eval import print_evaluation
from zennas.cli.render import print_run_list, print_search, print_training, table
from zennas.cli.zoo import _print_model, _print_zoo
from zennas.common.text import printable
from zennas.named.zoo import Zoo
from zennas.report.listing import DamagedRun
from zennas.runs.candidate import Latency
from zennas.searching.result import SearchResult
from zennas.searching.telling.latency_report import LatencyReport
from zennas.training.history import Epoch
from zennas.training.outcome import TrainResult

ROOT = Path(__file__).resolve().parents[3]

NASTY = [
    "runs[v2]",
    "[/]",
    "[bold]x[/bold]",
    ":smile:",
    "a\x1b[31mred\x1b[0m",
    "b\x9b2J",
    "line\nfeed",
    "\udcff",
    "界" * 30,
]
names = st.sampled_from(NASTY) | st.text(
    st.characters(exclude_characters="\0/") | st.sampled_from("[]\x1b\n:\\"), min_size=1, max_size=40
)
widths = st.sampled_from(["20", "80", "200"])


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    """The result of a small search."""
    folder = tmp_path_factory.mktemp("search") / "run"
    return search(budget_params="60k", max_layers=8, iterations=40, proxy="params", save_dir=folder, batch_size=4)


@contextmanager
def printed(columns: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setenv("COLUMNS", columns)
        patch.setattr("sys.stdout", stream)
        patch.setattr("sys.stderr", stream)
        yield stream


def printing_of(result: SearchResult, name: str) -> dict[str, Callable[[], None]]:
    """Printing functions whose output contains `name`."""
    folder = Path(name)
    report = LatencyReport(LatencyLimit(1.0, f"predictor:{name}"), Latency(predicted=0.5), (name,))
    evaluation = EvaluationResult(name, name, 50.0, 90.0, 4, 1.0, 4.0, "cpu", "fp32", 4, 32, None, 10, (name,), name)
    epochs = (Epoch(1, 0.1, 2.0, 50.0, 50.0, 90.0, 1.0, 4.0),)
    training = TrainResult(folder, 50.0, 90.0, 1.0, epochs, {name: 1}, 10, (name,))
    info = {**ZenNet.model_info("zennet_digits_params100k_res16"), "name": name, "note": name}
    zoo = Zoo((info,), {name: name})
    moved = replace(result, folder=folder)

    def a_wide_table() -> None:
        rows = table(name, "other")
        rows.add_row(name, name)
        OUT.print(rows)

    return {
        "search": lambda: print_search(replace(moved, latency=(report,), failures={name: 2})),
        "list": lambda: print_run_list([moved, DamagedRun(folder, name)]),
        "training": lambda: print_training(training),
        "evaluation": lambda: print_evaluation(evaluation),
        "model": lambda: _print_model(info),
        "zoo": lambda: _print_zoo(zoo),
        "table": a_wide_table,
        "line": lambda: OUT.print(name),
        "told": lambda: console.tell(name),
        "error": lambda: console.tell_error(f"error: {lines(name)}"),
    }


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=names, columns=widths)
def test_every_name_is_shown_whole(
    found: SearchResult, name: str, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for what, printing in printing_of(found, name).items():
        with printed(columns, monkeypatch) as stream:
            printing()
        text = stream.getvalue()
        assert all(line.isprintable() for line in text.split("\n")), what
        assert printable(str(Path(name)) if what in ("list", "training") else name) in text, what


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("columns", ["20", "80"])
def test_runs_with_nasty_names(
    run: Run, found: SearchResult, name: str, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    folder = Path("all") / name
    folder.parent.mkdir(parents=True)
    found.folder.rename(folder)
    try:
        for arguments in (("runs", str(folder.parent)), ("runs", str(folder)), ("search", "--resume", str(folder))):
            code, out, _ = run(*arguments)
            assert code == 0
            assert printable(str(folder)) in out
        assert json.loads(run("runs", str(folder.parent), "--json")[1])[0]["run"] == str(folder)
    finally:
        folder.rename(found.folder)


@settings(max_examples=40)
@given(name=names)
def test_bars_show_any_note(name: str) -> None:
    stream = io.StringIO()
    terminal = Console(file=stream, force_terminal=True, width=100, markup=False, emoji=False)
    with display.bars(terminal) as bars:
        display.Display(bars).show(name, 1, 2, name)
    assert "\x1b[31mred" not in stream.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_narrow_encodings_lose_nothing(found: SearchResult, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    monkeypatch.setattr("sys.stdout", stream)
    with console.session():
        print_search(replace(found, failures={"é ≤ 界": 1}))
        stream.flush()
    text = raw.getvalue().decode(encoding)
    assert "params <= 60k, layers <= 8" in text
    assert r"<= \u754c" in text


@given(names)
def test_an_error_is_one_line(name: str) -> None:
    assert lines(f"cannot read {name}").isprintable()


def test_a_parse_error_keeps_its_place() -> None:
    assert lines("column 1: unknown\n  Foo\x1b(3)\n  ^") == "column 1: unknown\n  Foo\\x1b(3)\n  ^"


def test_wrong_usage_is_one_line_at_any_width(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    code, out, err = run("search", "--budget-params", "1X\x1b[31m[/]")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(r"error: Invalid value for '--budget-params': '1X\x1b[31m[/]' is not a number")
    assert err.endswith("; see: zennas search --help\n")
    assert run("analyze", SMALL, "--nonsense\x1b")[0] == 2


def test_brackets_and_colons_are_text_on_terminals_too() -> None:
    terminal = console.DataConsole()
    terminal.file = stream = io.StringIO()
    terminal.print("[bold]x[/bold]", "y:smile:")
    assert stream.getvalue() == "[bold]x[/bold]\ny:smile:\n"


PROGRAMS = [*ROOT.glob("*.py"), *(ROOT / "zennas/cli").rglob("*.py"), *(ROOT / "zennas/legacy").rglob("*.py")]
"""Files that print."""
MAY_PRINT = {"print_json", "_version", "tell_error", "log", "print_csv", "main"}
"""Functions that use print: for JSON, CSV and numbers, and where the console itself is made."""


def test_there_is_one_console() -> None:
    for path in PROGRAMS:
        tree = ast.parse(path.read_text())
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        printing = {
            function.name
            for function in functions
            for node in ast.walk(function)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        }
        assert printing <= MAY_PRINT, path
        assert path.name == "console.py" or not re.search(r"\bConsole\(", path.read_text()), path
