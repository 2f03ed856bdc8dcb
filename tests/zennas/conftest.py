"""What the tests of the command line share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from zennas.cli.app import app
from zennas.cli.errors import guarded

Run = Callable[..., tuple[int, str, str]]


@cache
def command() -> Any:
    """What `app` becomes when it is called: made once, as this takes longer than many a command."""
    return typer.main.get_command(app)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `zennas` in this process, in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["zennas", *arguments])
        with pytest.raises(SystemExit) as left:
            guarded(lambda argv: command()(argv, prog_name="zennas"))
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return call
