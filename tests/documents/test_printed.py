"""What the guides show as the output of a comparison is what the command prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.zennas.conftest import Run, run

from .reading import GUIDES, label

__all__ = ["run"]  # the fixture
_SHOWN = re.compile(r"```sh\nzennas (compare [^\n]*)\n```\n\n```text\n(.*?)```", re.DOTALL)
WIDTH = "104"
"""Columns of the terminal."""
SHOWING = [path for path in GUIDES if _SHOWN.search(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("path", SHOWING, ids=label)
def test_output_in_guides_is_what_commands_print(run: Run, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", WIDTH)
    for command, shown in _SHOWN.findall(path.read_text(encoding="utf-8")):
        code, out, err = run(*shlex.split(command))
        assert code == 0, err
        assert out.startswith(shown)
