"""What tests of runs share: a small search, and folders that cannot be written to."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from zennas.budget.budgets import Budget
from zennas.runs.store import FILE
from zennas.searching.settings import SearchSettings

SETTINGS = SearchSettings(
    budget=Budget(params=60_000, layers=8),
    iterations=200,
    strategy_options={"population_size": 10},
    resolution=16,
    proxy="params",
    device="cpu",
)
NOBODY = 65534


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """A copy of the folder that this process may read and not write, even if it is run by root."""
    made = Path(tempfile.mkdtemp())
    copy = made / folder.name
    shutil.copytree(folder, copy)
    places = [made, copy, *copy.rglob("*")]
    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield copy
    finally:
        if root:
            os.seteuid(0)
        for place in places:
            place.chmod(0o755)
        shutil.rmtree(made)


def change(folder: Path, *statements: str) -> None:
    """Execute SQL on the file of a run."""
    with closing(sqlite3.connect(folder / FILE)) as db, db:
        for statement in statements:
            db.execute(statement)
