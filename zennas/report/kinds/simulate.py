"""Searches of a table with many seeds, in a list of runs."""

from __future__ import annotations

from pathlib import Path

from zennas.common.numbers import counted
from zennas.report.kind import RunKind, register
from zennas.searching.simulations.running import Simulation, read_simulation


def _place(found: Simulation) -> Path:
    return found.folder


def _asked(found: Simulation) -> str:
    settings = found.settings
    return f"{settings.search_space}, {settings.strategy}, {counted(found.seeds, 'seed')}, {found.columns[0]}"


def _came_out(found: Simulation) -> str:
    curves = found.curves
    last = curves.evaluations[-1]
    ends = curves.incumbent[:, -1].mean(), curves.oracle[:, -1].mean()
    done = "" if len(curves.oracle) == found.seeds else f"{len(curves.oracle):,} of {found.seeds:,} seeds; "
    return f"{done}{found.columns[1]} {ends[0]:.2f} %, oracle {ends[1]:.2f} %, after {last:,} trained"


register(RunKind("simulate", Simulation, read_simulation, _place, _asked, _came_out))
