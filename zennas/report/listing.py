"""The runs in a folder, of all kinds: those with a store, trainings, and exported files. `kinds/` has the kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zennas.common.errors import ZennasError
from zennas.discovering.record import is_discovery
from zennas.exporting.record import find_exports
from zennas.report.kind import KINDS, Run
from zennas.runs.designs import is_design
from zennas.runs.store import SEARCH, Store, StoreError
from zennas.searching.result import SearchResult, find_runs, read_result
from zennas.searching.simulations.courses import is_simulation
from zennas.supernet.front_record import is_supernet_front
from zennas.supernet.outcome import is_supernet_search
from zennas.training.record import is_training

if TYPE_CHECKING:
    from zennas.correlation.result import CorrelateResult

TRAIN, EXPORT, SIMULATE, PROXYLESS, PROXYLESS_FRONT = "train", "export", "simulate", "proxyless", "proxyless-front"
DISCOVER = "discover"
DESIGN = "design"


@dataclass(frozen=True)
class DamagedRun:
    """A run that cannot be read, and the reason."""

    folder: Path
    error: str

    @property
    def status(self) -> str:
        """That it cannot be read."""
        return "damaged"

    def to_json(self) -> dict[str, Any]:
        """Return the folder and the error for JSON."""
        return {"run": str(self.folder), "status": self.status, "error": self.error}


def kind_of(folder: Path) -> str:
    """Return the command that made the run in `folder`, such as "search". Raises StoreError if there is none."""
    with Store.read(folder) as store:
        return store.kind


def read_run(folder: Path) -> SearchResult | CorrelateResult:
    """Read a run completely. Raises StoreError or SettingsError if it is damaged."""
    if kind_of(folder) == SEARCH:
        return read_result(folder)
    from zennas.correlation.result import read_result as read_correlation  # imports scipy

    return read_correlation(folder)


def list_runs(folder: Path) -> list[Run]:
    """Return the runs in `folder` and directly below it, oldest first, each with the trainings and exports in it; then
    the trainings outside of runs, searches with many seeds, and searches for programs.

    Raises StoreError if it is not a folder.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise StoreError(f"{folder} {what}, expected a folder with runs in it")
    places = find_runs(folder)
    found: list[Run] = []
    for place in places:
        found.append(_readable(place, lambda place: KINDS.get(kind_of(place)).read(place)))
        found += _inside(place, told=isinstance(found[-1], DamagedRun))
        found += [run for inner in ([] if place == folder else _folders(place)) for run in _inside(inner)]
    for place in (folder, *_folders(folder)):
        if place not in places:
            found += _inside(place)
    return found


def _inside(place: Path, told: bool = False) -> Iterator[Run]:
    """The training in a folder, and what was exported to it. told: whether it is known already that the folder cannot
    be read, if so.
    """
    try:
        simulation, training, exports = is_simulation(place), is_training(place), find_exports(place)
        supernet, front, discovery = is_supernet_search(place), is_supernet_front(place), is_discovery(place)
        design = is_design(place)
    except OSError as error:
        if not told:
            yield DamagedRun(place, f"{place} cannot be read: {error.strerror}")
        return
    if design:
        yield _readable(place, KINDS.get(DESIGN).read)
    if simulation:
        yield _readable(place, KINDS.get(SIMULATE).read)
    if supernet:
        yield _readable(place, KINDS.get(PROXYLESS).read)
    if front:
        yield _readable(place, KINDS.get(PROXYLESS_FRONT).read)
    if discovery:
        yield _readable(place, KINDS.get(DISCOVER).read)
    if training:
        yield _readable(place, KINDS.get(TRAIN).read)
    for sidecar in exports:
        yield _readable(sidecar, KINDS.get(EXPORT).read)


def _folders(place: Path) -> list[Path]:
    try:
        return sorted(one for one in place.iterdir() if one.is_dir())
    except OSError:  # `find_runs` has told of it
        return []


def _readable(place: Path, read: Callable[[Path], Run]) -> Run:
    try:
        return read(place)
    except ZennasError as error:
        return DamagedRun(place, str(error))
    except Exception as error:  # whatever is wrong with one run, the others are shown
        return DamagedRun(place, f"{type(error).__name__}: {' '.join(str(error).split())}")
