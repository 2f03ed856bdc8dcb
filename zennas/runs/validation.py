"""What is checked when the file of a run is opened, once, so that whatever reads it can rely on it.

The file may come from anybody, and SQLite stores any value in any column. So the tables must be tables, since a view
computes whatever its author likes; each value must have the type and range that zennas writes; and each fact its shape
(`facts.py`). Facts that only one command reads, such as the state of a strategy, are checked where they are read.
"""

from __future__ import annotations

from zennas.runs.database import Database
from zennas.runs.errors import StoreError
from zennas.runs.facts import check_facts
from zennas.runs.schema import WITH_LATENCIES, WITH_MEASURES, WITH_MISSING, WITH_SCORES

_TEXT = "typeof({0}) = 'text'"
_NUMBER = "(typeof({0}) IN ('real', 'integer') AND {0} BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308)"
_TIME = "(typeof({0}) IN ('real', 'integer') AND {0} BETWEEN 0 AND 1e300)"
_COUNT = "(typeof({0}) = 'integer' AND {0} >= 0)"
_ID = "(typeof({0}) = 'integer' AND {0} >= 1)"
_EITHER = "(typeof({0}) = 'integer' AND {0} IN (0, 1))"
_STATUS = "(typeof({0}) = 'text' AND {0} IN ('asked', 'member', 'dropped', 'failed'))"


def _or_none(rule: str) -> str:
    return f"({{0}} IS NULL OR {rule})"


FACTS = {"name": _TEXT, "value": _TEXT}
RULES = {
    "facts": FACTS,
    "candidates": {
        "id": _ID,
        "structure": _TEXT,
        "parent": _or_none(_ID),
        "iteration": _COUNT,
        "seed": _COUNT,
        "params": _COUNT,
        "flops": _COUNT,
        "activations": _COUNT,
        "layers": _COUNT,
        "status": _STATUS,
        "error": _or_none(_TEXT),
    },
    "measures": {
        "candidate": _ID,
        "name": _TEXT,
        "value": _NUMBER,
        "low": _or_none(_NUMBER),
        "high": _or_none(_NUMBER),
    },
    "missing": {"candidate": _ID, "name": _TEXT, "reason": _TEXT},
    "latencies": {
        "candidate": _ID,
        "source": _TEXT,
        "predicted": _or_none(_TIME),
        "measured": _or_none(_TIME),
        "low": _or_none(_TIME),
        "high": _or_none(_TIME),
        "p90": _or_none(_TIME),
        "settled": _EITHER,
    },
    "scores": {
        "candidate": _ID,
        "name": _TEXT,
        "repeat": _COUNT,
        "value": _or_none(_NUMBER),
        "error": _or_none(_TEXT),
    },
}
"""For each table and column, a condition in SQL that values meet."""
_OLD_FITNESS = {"fitness": _or_none(_NUMBER)}
"""A column of candidates before there were measures."""


def check_tables(db: Database) -> None:
    """Raise StoreError unless the file contains ordinary tables of a run, and nothing that SQLite would execute."""
    made = db.rows("SELECT type, name, sql FROM sqlite_master")
    names = set()
    for kind, name, sql in made:
        if str(name).startswith("sqlite_") and kind in ("table", "index"):  # SQLite's own
            continue
        if kind != "table" or name not in RULES or str(sql).split()[:2] != ["CREATE", "TABLE"]:
            raise StoreError(f"{db.path} is not a run of zennas: it contains the {kind} {str(name)[:40]!r}")
        names.add(name)
    _check_columns(db, "facts", set(FACTS), names)


def check_content(db: Database) -> None:
    """Raise StoreError, naming the first value that is wrong, unless rows and facts are as zennas writes them."""
    made = {name for (name,) in db.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
    since = {
        "measures": WITH_MEASURES,
        "missing": WITH_MISSING,
        "latencies": WITH_LATENCIES,
        "scores": WITH_SCORES,
    }
    for table, rules in RULES.items():
        if table == "candidates" and db.format < WITH_MEASURES:
            rules = {**rules, **_OLD_FITNESS}
        if db.format >= since.get(table, 1) or table in made:
            _check_columns(db, table, set(rules), made)
            _check_rows(db, table, rules)
    check_facts(db)


def _check_columns(db: Database, table: str, wanted: set[str], made: set[str]) -> None:
    found = db.rows(f"SELECT name, hidden FROM pragma_table_xinfo('{table}')") if table in made else []
    if not wanted <= {name for name, hidden in found if not hidden}:
        absent = sorted(wanted - {name for name, _ in found}) or sorted(wanted)
        raise StoreError(f"{db.path} is not a run of zennas: its table {table} has no column {absent[0]}")


def _check_rows(db: Database, table: str, rules: dict[str, str]) -> None:
    conditions = {name: rule.format(name) for name, rule in rules.items()}
    wrong = [f"WHEN NOT {condition} THEN" for condition in conditions.values()]
    which = " ".join(f"{when} '{name}'" for when, name in zip(wrong, conditions, strict=True))
    # In one query, as a file that is damaged may show another value the second time.
    value = " ".join(f"{when} substr({name}, 1, 40)" for when, name in zip(wrong, conditions, strict=True))
    met = " AND ".join(conditions.values())
    for name, found in db.rows(f"SELECT CASE {which} END, CASE {value} END FROM {table} WHERE NOT ({met}) LIMIT 1"):
        raise StoreError(f"{db.path} is damaged: table {table} has the {name} {found!r}")
