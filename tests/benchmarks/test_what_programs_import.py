"""Programs that measure are run rarely: what they take from this project has to be there all the same."""

from __future__ import annotations

import ast
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = {"PlainNet", "SearchSpace", "ZeroShotProxy", "latency", "zennas", "benchmarks"}
PROGRAMS = sorted((ROOT / "benchmarks").rglob("*.py"))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: str(path.relative_to(ROOT / "benchmarks")))
def test_what_it_imports_is_there(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or node.module is None or node.module.split(".")[0] not in PACKAGES:
            continue
        module = import_module(node.module)
        for name in (one.name for one in node.names):
            there = hasattr(module, name) or find_spec(f"{node.module}.{name}") is not None
            assert there, f"{node.module} has no {name}, which line {node.lineno} imports"
