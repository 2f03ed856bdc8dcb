"""What tests share: reference values where they are, random structures, one thread for torch."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before torch is imported: as many processes as cores, each with a pool of threads, would wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from PlainNet.blocktype import BLOCKS
from PlainNet.ir import CHOICE
from zennas.testing.networks import SMALL, network_around, random_block

__all__ = ["BUILT", "SMALL", "network_around", "random_block"]

BUILT = [kind for kind in BLOCKS if kind.kind != CHOICE]
"""The kinds of blocks that networks consist of: all but the one that has to be chosen first."""

# torch, sympy and the tests stay in memory as a million objects. By default Python looks through all of them so often
# that it takes a sixth of the time of the tests.
gc.set_threshold(10_000, 20, 100)

# The same examples every time, and none is too slow: a busy machine is no fault of the code.
settings.register_profile("project", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT.parent / "shared" / "reference"


@pytest.fixture(scope="session", autouse=True)
def _one_worker() -> Iterator[None]:
    """Searches use one process unless a test asks for more: those that run the tests keep all cores busy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zennas.searching.executors.base.cores", lambda: 1)
        yield


@pytest.fixture
def reference() -> Path:
    """The folder of reference values; tests that want it are skipped where it is absent."""
    if not REFERENCE.is_dir():
        pytest.skip(f"no reference values: {REFERENCE} is not there")
    return REFERENCE


@pytest.fixture
def published(reference: Path) -> dict[str, str]:
    """The published structures by name."""
    lines = (reference / "structures.txt").read_text().splitlines()
    return dict(line.split("\t") for line in lines if not line.startswith("#"))


class Ended(NamedTuple):
    """How a program ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


Program = Callable[..., Ended]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """Run a program of the root folder by the name of its file, in this process, where torch is already imported."""
    from zennas.cli.errors import guarded

    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.chdir(ROOT)

    def call(file: str, *arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", [file, *arguments])
        code: Any = 0
        try:
            guarded(import_module(file.removesuffix(".py")).main)
        except SystemExit as left:
            code = left.code
        out, err = capsys.readouterr()
        return Ended(code or 0, out, err)

    return call


def load_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())  # type: ignore[no-any-return]


def data_folder() -> Path:
    """The folder of measurements made by others; the calling test is skipped where it is absent."""
    folder = REFERENCE.parent / "data"
    if not folder.is_dir():
        pytest.skip(f"no data: {folder} is not there")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run long tests first, so that processes that run tests in parallel end at the same time."""
    items.sort(key=lambda item: "long" not in item.keywords)
