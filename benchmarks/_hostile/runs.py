"""Folders of runs and trainings that somebody damaged, and names that somebody chose."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from random import Random

from benchmarks._hostile.cases import ODD, Case, mangled, replaced
from zennas.budget.budgets import Budget
from zennas.named.models import trained_model
from zennas.runs.store import FILE
from zennas.searching.result import find_runs, read_result
from zennas.searching.runner import resume, start
from zennas.searching.settings import SearchSettings

SETTINGS = SearchSettings(
    budget=Budget(params=50_000, layers=9),
    iterations=150,
    proxy="zen_expected",
    strategy_options={"population_size": 20},
)


@cache
def _finished(folder: Path) -> Path:
    start(folder / "finished", SETTINGS)
    return folder / "finished"


def _copy(folder: Path, number: int) -> Path:
    return Path(shutil.copytree(_finished(folder), folder / f"run{number}"))


def databases(rng: Random, folder: Path) -> Iterator[Case]:
    """Values, columns and whole tables of the database of a run are replaced."""
    for number in range(150):
        run = _copy(folder, number)
        with closing(sqlite3.connect(run / FILE)) as db, db:
            _damage(db, rng)
        yield Case(f"database {number}, read", lambda run=run: read_result(run))
        (run / "best_structure.txt").unlink()
        yield Case(f"database {number}, resumed", lambda run=run: resume(run))


def _damage(db: sqlite3.Connection, rng: Random) -> None:
    value = rng.choice([None, "x", b"\xff\x00", -1, 1e308, 2**62, "nan", "[]", "{}", '"x"', ""])
    way = rng.randrange(4)
    if way == 0:
        name, stored = rng.choice(db.execute("SELECT name, value FROM facts").fetchall())
        changed = json.dumps(replaced(json.loads(stored), rng))
        db.execute("UPDATE facts SET value = ? WHERE name = ?", (rng.choice([changed, "{", "x"]), name))
    elif way == 1:
        columns = ("structure", "parent", "iteration", "seed", "params", "flops", "activations", "layers", "status")
        _update(db, f"UPDATE candidates SET {rng.choice(columns)} = ? WHERE id % ? = 0", (value, rng.randint(1, 9)))
    elif way == 2:
        _update(db, f"UPDATE measures SET {rng.choice(('value', 'low', 'name'))} = ? WHERE candidate % 3 = 0", (value,))
    else:
        table = rng.choice(("facts", "candidates", "measures", "latencies", "scores"))
        db.execute(rng.choice((f"DELETE FROM {table}", f"DROP TABLE {table}", f"ALTER TABLE {table} RENAME TO other")))


def _update(db: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> None:
    try:
        db.execute(statement, values)
    except sqlite3.IntegrityError:
        return  # the schema does not let this happen


def files(rng: Random, folder: Path) -> Iterator[Case]:
    """The file of the database is cut or overwritten; other runs are still listed."""
    for number in range(100):
        run = _copy(folder, 1000 + number)
        path = run / FILE
        path.write_bytes(mangled(path.read_bytes(), rng))
        yield Case(f"file {number}", lambda run=run: read_result(run))
    yield Case("a list of all runs", lambda: find_runs(folder))


def cards(rng: Random, folder: Path) -> Iterator[Case]:
    """The card of a training is damaged."""
    import zennas

    zennas.train(
        "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,8,2,8,1)SuperConvK1BNRELU(8,16,1,1)",
        dataset="digits", resolution=8, epochs=1, device="cpu", save_dir=folder / "training",
    )  # fmt: skip
    card = json.loads((folder / "training/train.json").read_text())
    for number in range(150):
        training = Path(shutil.copytree(folder / "training", folder / f"training{number}"))
        (training / "train.json").write_text(json.dumps(replaced(card, rng)))
        yield Case(f"card {number}", lambda training=training: trained_model(str(training)))


def names(rng: Random, folder: Path) -> Iterator[Case]:
    """Names that are no files, structures or models."""
    from zennas.named.structures import resolve

    texts = [value for value in ODD if isinstance(value, str)]
    for number in range(60):
        text = rng.choice(texts) + rng.choice(texts)[: rng.randint(0, 300)]
        yield Case(f"name {number}", lambda text=text: resolve(text))
