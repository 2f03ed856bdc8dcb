"""What a run stores about networks, as rows: candidates, their measures and latencies, and scores.

The functions that write are called inside a transaction; those that read raise StoreError if the file is damaged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from PlainNet import BlockSpec, Cost, StructureError
from PlainNet.grammar import read
from zennas.runs.before_measures import objective_before_measures
from zennas.runs.candidate import Candidate, Latency, Measure
from zennas.runs.database import Database
from zennas.runs.errors import StoreError
from zennas.runs.schema import CANDIDATE_COLUMNS, WITH_LATENCIES, WITH_MEASURES, WITH_MISSING


class Scoring(NamedTuple):
    """The result of scoring a candidate with a proxy for the `repeat`-th time: a value, or an error."""

    candidate: int
    name: str
    repeat: int
    value: float | None
    error: str | None


# -- candidates --------------------------------------------------------------------------------


def write_candidates(db: Database, candidates: Iterable[Candidate]) -> None:
    """Save candidates with their measures and latencies. Of several versions of a candidate, the last is saved."""
    candidates = list({candidate.id: candidate for candidate in candidates}.values())
    texts = _Texts()
    rows = [
        (
            c.id,
            "".join([texts[spec] for spec in c.structure.blocks]),
            c.parent,
            c.iteration,
            c.seed,
            c.cost.params,
            c.cost.flops,
            c.cost.activations,
            c.cost.layers,
            c.status,
            c.error,
        )
        for c in candidates
    ]
    marks = ",".join("?" * len(CANDIDATE_COLUMNS.split(",")))
    db.connection.executemany(f"INSERT OR REPLACE INTO candidates ({CANDIDATE_COLUMNS}) VALUES ({marks})", rows)
    write_measures(db, ((c.id, c.measures) for c in candidates))
    write_latencies(db, ((c.id, c.latency) for c in candidates))
    _write_missing(db, candidates)


class _Texts(dict[BlockSpec, str]):
    """The texts of blocks, of which candidates of a search have the same ones."""

    def __missing__(self, spec: BlockSpec) -> str:
        found = self[spec] = str(spec)
        return found


def read_candidates(db: Database, ids: Iterable[int] | None = None) -> list[Candidate]:
    """Return all candidates, or those with the given ids, ordered by id."""
    chosen = None if ids is None else json.dumps(list(ids))  # a single parameter, for any number of ids
    measures, latencies, missing = _measures(db, chosen), _latencies(db, chosen), _missing(db, chosen)
    where, values = _among("id", chosen)
    rows = db.rows(f"SELECT {CANDIDATE_COLUMNS} FROM candidates{where} ORDER BY id", values)
    try:
        return [_candidate(row, measures, latencies, missing) for row in rows]
    except StructureError as error:
        what = str(error).partition("\n")[0]  # a parse error has more lines, which show the position
        raise StoreError(f"{db.path} is damaged: one of its structures cannot be read: {what}") from None


def _among(column: str, chosen: str | None) -> tuple[str, tuple[str, ...]]:
    """The condition that a column is one of `chosen`, a JSON list, and its parameters; none for None."""
    return ("", ()) if chosen is None else (f" WHERE {column} IN (SELECT value FROM json_each(?))", (chosen,))


def _candidate(
    row: tuple[Any, ...],
    measures: dict[int, dict[str, Measure]],
    latencies: dict[int, dict[str, Latency]],
    missing: dict[int, dict[str, str]],
) -> Candidate:
    number, structure, parent, iteration, seed, params, flops, activations, layers, status, error = row
    return Candidate(
        id=number,
        structure=read(structure),
        parent=parent,
        cost=Cost(params, flops, activations, layers),
        iteration=iteration,
        seed=seed,
        status=status,
        error=error,
        measures=measures.get(number, {}),
        latency=latencies.get(number, {}),
        missing=missing.get(number, {}),
    )


def read_costs(db: Database) -> list[Cost]:
    """Return the costs of all candidates, ordered by id."""
    return [Cost(*row) for row in db.rows("SELECT params, flops, activations, layers FROM candidates ORDER BY id")]


def write_error(db: Database, number: int, error: str) -> None:
    """Save why the candidate with this id could not be scored again."""
    db.connection.execute("UPDATE candidates SET error = ? WHERE id = ?", (error, number))


def read_failures(db: Database) -> dict[str, int]:
    """Return the errors of failed candidates, and how often each occurred."""
    return dict(db.rows("SELECT error, COUNT(*) FROM candidates WHERE error IS NOT NULL GROUP BY error"))


def count_members(db: Database) -> int:
    """Return how many candidates have ever been members of the population."""
    return int(db.rows("SELECT COUNT(*) FROM candidates WHERE status IN ('member', 'dropped')")[0][0])


# -- measures ----------------------------------------------------------------------------------


def write_measures(db: Database, measures: Iterable[tuple[int, Mapping[str, Measure]]]) -> None:
    """Save measures by name, for candidates by id."""
    db.connection.executemany(
        "INSERT OR REPLACE INTO measures VALUES (?,?,?,?,?)",
        [(number, name, *measure) for number, named in measures for name, measure in named.items()],
    )


def read_measured(db: Database, name: str) -> list[int]:
    """Return the ids of the candidates that have the measure `name`, highest value first."""
    rows = db.rows("SELECT candidate FROM measures WHERE name = ? ORDER BY value DESC, candidate", (name,))
    return [number for (number,) in rows]


def _measures(db: Database, chosen: str | None) -> dict[int, dict[str, Measure]]:
    """The measures of all candidates, or of those with ids in `chosen`, by id and name."""
    found = _old_measures(db)
    where, values = _among("candidate", chosen)
    query = f"SELECT candidate, name, value, low, high FROM measures{where} ORDER BY rowid"
    for number, name, value, low, high in db.rows(query, values):
        found.setdefault(number, {})[name] = Measure(value, low, high)
    return found


def _old_measures(db: Database) -> dict[int, dict[str, Measure]]:
    """The values of the objective in a run of an older format, as measures; empty for current formats."""
    if db.format >= WITH_MEASURES:
        return {}
    rows = db.rows("SELECT id, fitness FROM candidates WHERE fitness IS NOT NULL")
    name, sign = objective_before_measures(db.fact("settings"))
    return {number: {name: Measure(sign * value)} for number, value in rows}


def _write_missing(db: Database, candidates: Iterable[Candidate]) -> None:
    """Save why candidates lack scores. Older formats have no such table, and no objective that leaves scores out."""
    rows = [(c.id, name, reason) for c in candidates for name, reason in c.missing.items()]
    if rows:
        db.connection.executemany("INSERT OR REPLACE INTO missing VALUES (?,?,?)", rows)


def _missing(db: Database, chosen: str | None) -> dict[int, dict[str, str]]:
    """Why candidates lack scores, by id and name; empty for formats without it."""
    found: dict[int, dict[str, str]] = {}
    where, values = _among("candidate", chosen)
    query = f"SELECT candidate, name, reason FROM missing{where} ORDER BY rowid"
    for number, name, reason in db.rows(query, values) if db.format >= WITH_MISSING else []:
        found.setdefault(number, {})[name] = reason
    return found


# -- latencies ---------------------------------------------------------------------------------


def write_latencies(db: Database, latencies: Iterable[tuple[int, Mapping[str, Latency]]]) -> None:
    """Save latencies by source, for candidates by id."""
    rows = [(number, source, *latency) for number, by_source in latencies for source, latency in by_source.items()]
    if rows:  # older formats have no such table
        db.connection.executemany("INSERT OR REPLACE INTO latencies VALUES (?,?,?,?,?,?,?,?)", rows)


def _latencies(db: Database, chosen: str | None) -> dict[int, dict[str, Latency]]:
    """The latencies of all candidates, or of those with ids in `chosen`, by id and source; empty for formats without
    them.
    """
    found: dict[int, dict[str, Latency]] = {}
    wanted = "candidate, source, predicted, measured, low, high, p90, settled"
    where, values = _among("candidate", chosen)
    rows = db.rows(f"SELECT {wanted} FROM latencies{where}", values) if db.format >= WITH_LATENCIES else []
    for number, source, predicted, measured, low, high, p90, settled in rows:
        found.setdefault(number, {})[source] = Latency(predicted, measured, low, high, p90, bool(settled))
    return found


# -- scores ------------------------------------------------------------------------------------


def write_scores(db: Database, scores: Iterable[Scoring]) -> None:
    """Save scorings."""
    db.connection.executemany("INSERT OR REPLACE INTO scores VALUES (?,?,?,?,?)", scores)


def count_scores(db: Database) -> int:
    """Return the number of scorings."""
    return int(db.rows("SELECT COUNT(*) FROM scores")[0][0])


def read_scores(db: Database) -> list[Scoring]:
    """Return all scorings, in no particular order."""
    return [Scoring(*row) for row in db.rows("SELECT candidate, name, repeat, value, error FROM scores")]
