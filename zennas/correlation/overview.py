"""What a list of runs says of a correlation: quick to read, no statistics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zennas.correlation.settings import CorrelateSettings
from zennas.runs.store import Store, in_use

KIND = "correlate"
"""The kind of these runs in the store."""
SCORING = "scoring"
FINISHED = "finished"


@dataclass(frozen=True)
class Overview:
    """A correlation. scorings: how many values and failures it has stored."""

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
    """Raises StoreError, SettingsError."""
    with Store.read(folder) as store:
        store.require_kind(KIND)
        return Overview(
            folder,
            status_of(store),
            CorrelateSettings.from_json(store.get("settings")),
            store.count_scores(),
        )


def status_of(store: Store) -> str:
    """ "finished", "scoring" while a process works on it, or "interrupted"."""
    status = str(store.get("status"))
    return status if status == FINISHED or in_use(store.folder) else "interrupted"
