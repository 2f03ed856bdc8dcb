"""The summary of a correlation for lists of runs: quick to read, without statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zennas.correlation.limits import COUNTS
from zennas.correlation.settings import CorrelateSettings
from zennas.runs.store import Store, in_use

KIND = "correlate"
"""The kind of correlations in the store."""
SCORING = "scoring"
FINISHED = "finished"


@dataclass(frozen=True)
class Overview:
    """The summary of a correlation.

    scorings: number of stored values and failures. best: the score with the highest Spearman and its value, once the
    run is finished and has stored them.
    """

    folder: Path
    status: str
    settings: CorrelateSettings
    scorings: int
    best: tuple[str, float] | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "run": str(self.folder),
            "kind": KIND,
            "status": self.status,
            "settings": self.settings.to_json(),
            "scorings": self.scorings,
            "best": None if self.best is None else {"proxy": self.best[0], "spearman": self.best[1]},
        }


def read_overview(folder: Path) -> Overview:
    """Return the summary of the run in `folder`. Raises StoreError or SettingsError if it cannot be read."""
    with Store.read(folder) as store:
        store.require_kind(KIND)
        return Overview(
            folder,
            status_of(store),
            CorrelateSettings.from_json(store.get("settings")),
            store.count_scores(),
            _best(store.get("statistics") or {}),
        )


def _best(statistics: Mapping[str, Any]) -> tuple[str, float] | None:
    """The name and value of the highest Spearman among stored statistics of scores; what is counted is none."""
    known = {name: one.get("spearman") for name, one in statistics.items() if isinstance(one, Mapping)}
    values = {
        name: float(one["value"])
        for name, one in known.items()
        if isinstance(one, Mapping) and isinstance(one.get("value"), (int, float)) and name not in COUNTS
    }
    return max(values.items(), key=lambda one: one[1], default=None)


def status_of(store: Store) -> str:
    """Return "finished", "scoring" if a process works on the run, or "interrupted"."""
    status = str(store.get("status"))
    return status if status == FINISHED or in_use(store.folder) else "interrupted"
