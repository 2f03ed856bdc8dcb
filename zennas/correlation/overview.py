"""The summary of a correlation for lists of runs: quick to read, without statistics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zennas.correlation.settings import CorrelateSettings
from zennas.runs.store import Store, in_use

KIND = "correlate"
"""The kind of correlations in the store."""
SCORING = "scoring"
FINISHED = "finished"


@dataclass(frozen=True)
class Overview:
    """The summary of a correlation. scorings: number of stored values and failures."""

    folder: Path
    status: str
    settings: CorrelateSettings
    scorings: int

    def to_json(self) -> dict[str, Any]:
        return {
            "run": str(self.folder),
            "kind": KIND,
            "status": self.status,
            "settings": self.settings.to_json(),
            "scorings": self.scorings,
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
        )


def status_of(store: Store) -> str:
    """Return "finished", "scoring" if a process works on the run, or "interrupted"."""
    status = str(store.get("status"))
    return status if status == FINISHED or in_use(store.folder) else "interrupted"
