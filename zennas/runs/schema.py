"""The file of a run: its name, its formats and its tables.

- `facts`: settings, environment, status and the state of the search, as JSON.
- `candidates`: every candidate that the strategy ever kept, and every failure; or the sample of a correlation.
- `measures`: the scores of candidates by name.
- `missing`: why candidates lack scores, by name.
- `latencies`: one row for each candidate and device of the budget.
- `scores`: the scorings of a correlation, each with its value or its error.

`tables.py` writes and reads the rows of all tables but `facts`, `database.py` those of `facts`.
"""

from __future__ import annotations

FILE = "run.sqlite"
SEARCH = "search"
"""The kind of runs that do not store one."""
FAILED = "failed"
"""The status of a run that ended with an error, which is the fact "error"."""

FORMAT = 5
READABLE = (1, 2, 3, 4, 5)
"""Format 1 only has searches, and no table `scores`. The table `latencies` was added in format 3. Before format 4 the
value of the objective was in a column `fitness`, see `before_measures.py`. The table `missing` was added in
format 5."""
WITH_SCORES = 2
WITH_LATENCIES = 3
WITH_MEASURES = 4
WITH_MISSING = 5

CANDIDATE_COLUMNS = "id, structure, parent, iteration, seed, params, flops, activations, layers, status, error"

SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE candidates (
    id INTEGER PRIMARY KEY, structure TEXT NOT NULL, parent INTEGER, iteration INTEGER NOT NULL, seed INTEGER NOT NULL,
    params INTEGER NOT NULL, flops INTEGER NOT NULL, activations INTEGER NOT NULL, layers INTEGER NOT NULL,
    status TEXT NOT NULL, error TEXT);
CREATE TABLE measures (
    candidate INTEGER NOT NULL, name TEXT NOT NULL, value REAL NOT NULL, low REAL, high REAL,
    PRIMARY KEY (candidate, name));
CREATE TABLE missing (
    candidate INTEGER NOT NULL, name TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (candidate, name));
CREATE TABLE latencies (
    candidate INTEGER NOT NULL, source TEXT NOT NULL, predicted REAL, measured REAL, low REAL, high REAL, p90 REAL,
    settled INTEGER NOT NULL, PRIMARY KEY (candidate, source));
CREATE TABLE scores (
    candidate INTEGER NOT NULL, name TEXT NOT NULL, repeat INTEGER NOT NULL, value REAL, error TEXT,
    PRIMARY KEY (candidate, name, repeat));
"""
