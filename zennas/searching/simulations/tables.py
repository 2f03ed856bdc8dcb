"""Simulated training: settings of searches that look up accuracies in a table, and the tables of a run.

A table is named by its absolute path in the settings of a run, and its digest is stored, so that a run that is
continued uses the same accuracies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from zennas.accuracy.lookup import table_digest
from zennas.accuracy.tables import TableError
from zennas.common.errors import SettingsError, WrongSettingError
from zennas.searching.guides.guide import check_guide, guide_column, lasting_guide
from zennas.searching.objectives.table import is_table, lasting_objective, table_of
from zennas.searching.settings import SearchSettings


def completed_training(settings: SearchSettings, draws: bool, moves: bool, repeats: bool) -> SearchSettings:
    """Return settings whose tables are found from any folder, and which say what becomes of duplicates.

    draws, moves, repeats: see `strategies.base.Strategy`.

    Raises WrongSettingError if settings do not go together, and TableError for a name that is not one of a table.
    """
    check_guide(settings, draws, moves)
    table = is_table(settings.objective)
    for flag, column in (("report", settings.report_column), ("seconds", settings.seconds_column)):
        if column is not None and not table:
            raise WrongSettingError(
                f"--{flag}-column {column} is a column of a table, but the objective is {settings.objective}: use "
                "--objective table:FILE"
            )
    return replace(
        settings,
        objective=lasting_objective(settings),
        warm_up_proxy=lasting_guide(settings),
        duplicates=settings.duplicates or ("charged" if repeats and table else "rejected"),
    )


def table_digests(settings: SearchSettings) -> dict[str, str]:
    """Return the digest of each table that a search reads, by its name. Raises TableError if one cannot be read."""
    return {file: table_digest(file) for file in _tables(settings)}


def refuse_changed_tables(folder: Path, settings: SearchSettings, known: object) -> None:
    """Raise SettingsError if a table has changed since the run in `folder` began. known: what `table_digests` was."""
    way_out = "restore the table, or start a new run in another folder"
    try:
        now = table_digests(settings)
    except TableError as error:
        raise SettingsError(f"the run in {folder} cannot be continued: {error}; {way_out}") from None
    for file, digest in now.items():
        if not isinstance(known, dict) or known.get(file) != digest:
            raise SettingsError(f"the table {file} has changed since the run in {folder} began: {way_out}")


def _tables(settings: SearchSettings) -> Iterator[str]:
    if is_table(settings.objective):
        yield table_of(settings).file
    guide = guide_column(settings)
    if guide is not None:
        yield guide.file
