"""Correlations in a list of runs."""

from __future__ import annotations

from zennas.common.numbers import counted
from zennas.correlation.overview import KIND, Overview, read_overview
from zennas.report.kind import RunKind, register


def _asked(result: Overview) -> str:
    settings = result.settings
    sample = counted(settings.drawn, "architecture")
    return f"{settings.space}, {sample}, {settings.dataset}, {', '.join(settings.proxies)}"


def _found(result: Overview) -> str:
    best = result.best
    found = "" if best is None else f"best Spearman {best[1]:.3f}, {best[0]}; "
    return f"{found}{counted(result.scorings, 'scoring')}"


register(RunKind(KIND, Overview, read_overview, lambda result: result.folder, _asked, _found))
