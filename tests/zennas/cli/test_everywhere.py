"""What every command understands: -h, --quiet, --log-file, completion; and progress without a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer import rich_utils

from SearchSpace.base import SPACES
from tests.conftest import SMALL
from tests.zennas.conftest import Run
from zennas.cli import console
from zennas.cli.app import app
from zennas.cli.display import FIRST_SECONDS, SECONDS, Display


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*words, name))


COMMANDS = list(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_h_is_help(run: Run, words: tuple[str, ...]) -> None:
    code, out, err = run(*words, "-h")
    assert (code, err) == (0, "")
    assert out == run(*words, "--help")[1]


@pytest.mark.parametrize("words", [("search",), ("correlate",), ("latency", "predict")])
def test_help_lists_all_spaces(run: Run, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SPACES, "_items", {**SPACES._items})
    SPACES.names()
    SPACES.add("from_elsewhere", SPACES.get("XXBL"))
    text = " ".join(run(*words, "-h")[1].replace("│", " ").split())
    assert f"Known: {', '.join(SPACES.names())}." in text
    assert "from_elsewhere" in text


def test_help_on_a_narrow_terminal_is_cut_by_nobody(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    usual = run("search", "-h")
    assert "…" not in usual[1]
    monkeypatch.setenv("COLUMNS", "20")
    before = rich_utils.MAX_WIDTH
    assert run("search", "-h") == usual
    assert run("search", "--nonsense")[0] == 2
    assert before == rich_utils.MAX_WIDTH  # typer's, which other programs in this process use


def test_quiet_leaves_the_result_and_errors(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ["score", SMALL, "--proxy", "params"]

    def chatty(*arguments: object) -> Any:
        console.tell("a note")
        raise RuntimeError("broken")

    plain = run(*said)
    assert run("--quiet", *said) == run(*said, "--quiet") == (0, plain[1], "")
    monkeypatch.setattr("zennas.named.networks.network", chatty)
    assert run(*said)[2].startswith("a note\nerror: ")
    assert run(*said, "--quiet")[2].startswith("error: ")
    assert not console.quiet()


def test_the_log_file_has_the_command_notes_and_errors(run: Run) -> None:
    assert run("analyze", "nowhere", "--log-file", "log")[0] == 2
    assert run("runs", "--log-file=log", "no\x1bwhere", "--quiet")[0] == 1
    lines = Path("log").read_text().splitlines()
    assert [line[20:60] for line in lines[:2]] == [
        "zennas analyze nowhere --log-file log",
        "error: 'nowhere' is not a network: expected"[:40],
    ]
    assert all(line.isprintable() for line in lines)
    assert len(lines) == 4
    assert r"no\x1bwhere" in lines[3]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["runs", "--log-file"], 2, "--log-file names no file, expected --log-file FILE"),
        (["runs", "--log-file="], 2, "--log-file names no file, expected --log-file FILE"),
        (["runs", "--log-file", "no/where"], 2, "--log-file no/where cannot be written: No such file or directory"),
        (["runs", "--log-file", "."], 2, "--log-file . is not a file"),
        (["runs", "--log-file", "pipe"], 2, "--log-file pipe is not a file"),
    ],
)
def test_log_files_that_cannot_be(run: Run, arguments: list[str], code: int, message: str) -> None:
    os.mkfifo("pipe")
    assert run(*arguments) == (code, "", f"error: {message}\n")


def test_a_log_that_is_full_does_not_end_the_work(run: Run) -> None:
    code, out, err = run("score", SMALL, "--proxy", "params", "--log-file", "/dev/full")
    assert code == 0
    assert "params" in out
    assert err == "the log file cannot be written any more: No space left on device\n"


def test_flags_after_two_dashes_are_arguments(run: Run) -> None:
    code, _, err = run("analyze", "--", "--quiet")
    assert (code, "'--quiet' is not a network" in err) == (2, True)


def test_completion() -> None:
    environment = {**os.environ, "_ZENNAS_COMPLETE": "complete_bash", "COMP_WORDS": "zennas sea", "COMP_CWORD": "1"}
    found = subprocess.run(
        [sys.executable, "-m", "zennas"], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["search"]
    assert found.stderr == ""


def test_show_completion(run: Run) -> None:
    out = run("--help")[1]
    assert "--install-completion" in out
    assert "--show-completion" in out


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_now_and_then_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    shown = Display(None, clock)
    told = []
    for second in range(200):
        clock.now = float(second)
        shown.show("searching" if second < 100 else "confirming", second, 1000, "a [/] note\x1b")
        told += [(second, line) for line in capsys.readouterr().err.splitlines()]
    seconds = [second for second, _ in told]
    first, gap = int(FIRST_SECONDS), int(SECONDS)
    assert seconds == [*range(first, 100, gap), *range(100, 200, gap)]
    assert told[0][1] == rf"searching: {first} of 1,000, a [/] note\x1b"


def test_short_work_prints_no_lines(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Display(None, Clock())
    for step in range(5):
        shown.show("a stage", step, 5)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a b", "", "x\x1b", "../up", "-x", "n" * 101])
def test_names_of_profiles_are_restricted(run: Run, name: str) -> None:
    Path("kernels.csv").write_text("")
    code, _, err = run("latency", "fit", "kernels.csv", f"--name={name}", "--out", "mine.json")
    assert (code, "is not a name" in err) == (2, True)
