"""The runs in a folder: searches and correlations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from zennas.common.errors import ZennasError
from zennas.correlation.overview import Overview, read_overview
from zennas.runs.store import SEARCH, Store, StoreError
from zennas.searching.result import SearchResult, find_runs, read_result

if TYPE_CHECKING:
    from zennas.correlation.result import CorrelateResult


@dataclass(frozen=True)
class DamagedRun:
    """A run that cannot be read, and the reason."""

    folder: Path
    error: str

    def to_json(self) -> dict[str, Any]:
        """Return the folder and the error for JSON."""
        return {"run": str(self.folder), "status": "damaged", "error": self.error}


Run: TypeAlias = "SearchResult | Overview | DamagedRun"


def kind_of(folder: Path) -> str:
    """Return the command that made the run in `folder`, "search" or "correlate". Raises StoreError if there is none."""
    with Store.read(folder) as store:
        return store.kind


def read_run(folder: Path) -> SearchResult | CorrelateResult:
    """Read a run completely. Raises StoreError or SettingsError if it is damaged."""
    if kind_of(folder) == SEARCH:
        return read_result(folder)
    from zennas.correlation.result import read_result as read_correlation  # imports scipy

    return read_correlation(folder)


def list_runs(folder: Path) -> list[Run]:
    """Return the runs in `folder` and directly below it, oldest first. Raises StoreError if it is not a folder."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise StoreError(f"{folder} {what}, expected a folder with runs in it")
    return [_readable(place) for place in find_runs(folder)]


def _readable(folder: Path) -> Run:
    try:
        return read_result(folder) if kind_of(folder) == SEARCH else read_overview(folder)
    except ZennasError as error:
        return DamagedRun(folder, str(error))
    except Exception as error:  # whatever is wrong with one run, the others are shown
        return DamagedRun(folder, f"{type(error).__name__}: {' '.join(str(error).split())}")
