"""The commands that the guides show exist, with their flags; nothing is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from zennas.cli.app import app

from .reading import GUIDES, ROOT, blocks, inline, label


def command_lines(text: str) -> list[list[str]]:
    """The lines of a shell block as words; comments, assignments before a command and ellipses are left out."""
    lines = []
    for line in text.replace("\\\n", " ").splitlines():
        words = [word for word in shlex.split(line, comments=True) if word != "…"]
        while words and re.fullmatch(r"\w+=.*", words[0]):
            del words[0]
        if words:
            lines.append(words)
    return lines


@cache
def program() -> Any:
    command: Any = typer.main.get_command(app)
    return command


def subcommand(words: list[str]) -> tuple[Any, list[str]]:
    """The command that `zennas` finds for these words, and the words that are left."""
    command, rest = program(), list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        known = command.commands
        assert rest[0] in known, f"no command {rest[0]} of {command.name}: {' '.join(words)}"
        command = known[rest.pop(0)]
    return command, rest


def flags(command: Any) -> set[str]:
    return {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)} | {"--help"}


def zennas_words(words: list[str]) -> list[str] | None:
    """What follows `zennas` in a command line, None where it calls something else."""
    for i, word in enumerate(words):
        if Path(word).name == "zennas" and (i == 0 or words[i - 1] == "-m"):
            return words[i + 1 :]
    return None


SHELL = [(path, words) for path in GUIDES for block in blocks(path, "sh") for words in command_lines(block)]


def test_there_are_shell_blocks() -> None:
    assert len(SHELL) > 30


@pytest.mark.parametrize(("path", "words"), SHELL, ids=[f"{label(p)}: {' '.join(w)}"[:90] for p, w in SHELL])
def test_shell_lines_parse(path: Path, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs, commands, flags and their values exist; nothing is run."""
    monkeypatch.chdir(tmp_path)
    del path
    own = zennas_words(words)
    if own is not None:
        command, rest = subcommand(own)
        command.make_context(command.name, rest)
    elif words[0] == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(words[1:]) <= set(targets)
    elif words[:3] == ["python", "-m", "benchmarks"]:
        assert all(name == "all" or (ROOT / f"benchmarks/{name}.py").is_file() for name in words[3:])
    elif words[:2] == ["python", "-m"]:
        assert (ROOT / f"{words[2].replace('.', '/')}.py").is_file()
    elif words[0] == "python":
        assert (ROOT / words[1]).is_file()
    elif words[0] in (".", "source"):
        assert words[1:] == [".venv/bin/activate"]
    elif words[:2] == ["pip", "install"]:
        check_extras(words[2])
    elif words[0] in ("pre-commit", "git"):
        pass
    else:
        assert (ROOT / words[0]).is_file(), f"unknown program {words[0]}"


def check_extras(requirement: str) -> None:
    setup = (ROOT / "setup.py").read_text()
    found = re.fullmatch(r"zennas\[([\w,-]+)\]", requirement)
    assert found, requirement
    assert all(f'"{extra}": [' in setup for extra in found[1].split(","))


@pytest.mark.parametrize("path", GUIDES, ids=label)
def test_commands_and_flags_in_the_text_exist(path: Path) -> None:
    every = {flag for command in commands(program()) for flag in flags(command)} | LEGACY_FLAGS
    for text in inline(path):
        if text.startswith("zennas ") or text == "zennas":
            for call in re.split(r"\s\|\s", text) if re.search(r"--|\s\|\s", text) else [text]:
                words = [word for word in call.replace("…", "").split() if word]
                command, rest = subcommand(words[words[0] == "zennas" :][: 2 if " | " in text else None])
                assert {word for word in rest if word.startswith("--")} <= flags(command), text
        elif text.startswith("--"):
            assert text.split()[0].split("=")[0] in every, f"{label(path)}: no command takes {text}"
        for requirement in re.findall(r"zennas\[[\w,-]+\]", text):
            check_extras(requirement)
        for names in re.findall(r"python -m benchmarks((?: \w+)*)", text):
            assert all(
                name in ("all", "NAME") or (ROOT / f"benchmarks/{name}.py").is_file() for name in names.split()
            ), text


def commands(command: Any) -> Iterator[Any]:
    yield command
    for inner in getattr(command, "commands", {}).values():
        yield from commands(inner)


LEGACY_FLAGS = {
    flag
    for path in [*ROOT.glob("*.py"), *(ROOT / "zennas/legacy").glob("*.py")]
    for flag in re.findall(r'"(--[\w-]+)"', path.read_text())
}
"""Those of the scripts in the root."""
