"""Everything that a page can show of a run: read from its folder, of whatever kind it is, and however far it came."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from zennas.common.config import SETTINGS_FILE
from zennas.common.errors import ZennasError
from zennas.common.numbers import counted
from zennas.correlation.overview import KIND as CORRELATE
from zennas.designing.record import Design, read_design
from zennas.discovering.record import DiscoveryRecord, is_discovery
from zennas.discovering.record import read_record as read_discovery
from zennas.exporting.record import ExportRecord, find_exports, read_export
from zennas.runs.candidate import Candidate
from zennas.runs.designs import SEARCH as SEARCH_FOLDER
from zennas.runs.designs import is_design
from zennas.runs.store import FAILED, FILE, SEARCH, Store, StoreError, in_use, reading
from zennas.searching.result import FINISHED, SearchResult, read_result
from zennas.searching.simulations.courses import is_simulation
from zennas.supernet.front_record import FrontRecord, is_supernet_front, read_front_record
from zennas.supernet.outcome import SearchRecord, is_supernet_search
from zennas.supernet.outcome import read_record as read_supernet
from zennas.training.record import TrainingRecord, is_training, read_training

if TYPE_CHECKING:
    from zennas.correlation.result import CorrelateResult
    from zennas.report.comparison.result import Comparison
    from zennas.searching.simulations.running import Simulation

TRAIN, COMPARE, SIMULATE, PROXYLESS = "train", "compare", "simulate", "proxyless"
DISCOVER, DESIGN = "discover", "design"
_LARGEST = 100_000
"""Bytes of a file of settings that are shown."""

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Record:
    """A run, or a comparison of networks, which is no run: its folder is the current one.

    kind: the command that made it, such as "search", "correlate" or "train". Sections for runs of other kinds read the
        store in the folder themselves.
    status: "finished", "interrupted", "failed", or what a process that works on it does.
    search, correlation: what the run stores, if it is of this kind. candidates: of a search, by id.
    trainings: the training in the folder, and those directly below. exports: files exported from any of them.
    unread: why some of these cannot be read.
    settings: the text of the file that repeats the run, "" if there is none.
    environment: where it was made. created: when, in seconds; 0 if that is not known.
    comparison: of networks, if this is one. simulation: searches with many seeds, if this is one.
    design: of search, training and export, if this is one; its search is then in `search`.
    supernet: a search inside one network, if this is one. supernet_front: several after one warm-up, if this is one.
    discovery: a search for programs, if this is one.
    """

    folder: Path
    kind: str
    status: str
    search: SearchResult | None = None
    candidates: tuple[Candidate, ...] = ()
    correlation: CorrelateResult | None = None
    trainings: tuple[TrainingRecord, ...] = ()
    exports: tuple[ExportRecord, ...] = ()
    unread: tuple[str, ...] = ()
    settings: str = ""
    environment: dict[str, Any] = field(default_factory=dict)
    created: float = 0.0
    comparison: Comparison | None = None
    simulation: Simulation | None = None
    supernet: SearchRecord | None = None
    supernet_front: FrontRecord | None = None
    discovery: DiscoveryRecord | None = None
    design: Design | None = None

    @property
    def name(self) -> str:
        """The name of the folder, or what is compared."""
        if self.comparison is not None:
            return counted(len(self.comparison.rows), "network")
        return self.folder.resolve().name or str(self.folder)

    @cached_property
    def members(self) -> tuple[Candidate, ...]:
        """The candidates that a search scored and kept at some time, in the order in which they were proposed."""
        return tuple(one for one in self.candidates if one.measures and one.status in ("member", "dropped"))


def command_of(record: Record) -> str:
    """Return the command that makes such runs."""
    return SEARCH if record.kind == SIMULATE else record.kind


def read_record(folder: Path) -> Record:
    """Read the run in `folder`, or the training.

    Raises StoreError if there is neither, or if its file is damaged; SettingsError if another version wrote it;
    DesignError if a design is damaged; what `supernet.outcome.read_record` raises for a search in a supernet, and
    `discovering.record.read_record` for one for programs; and what `read_training` raises if there is only a training.
    Damaged trainings and exports inside a run are told in `unread`.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise StoreError(f"{folder} {what}, expected the folder of a run or of a training")
    if (folder / FILE).is_file():
        return _of_run(folder)
    if is_design(folder):
        return _of_design(folder)
    if is_simulation(folder):
        return _of_simulation(folder)
    if is_supernet_search(folder):
        return _of_supernet(folder)
    if is_supernet_front(folder):
        return _of_supernet_front(folder)
    if is_discovery(folder):
        found = read_discovery(folder)
        return Record(
            folder,
            DISCOVER,
            found.status,
            settings=_settings(folder),
            environment=dict(found.environment),
            created=found.created,
            discovery=found,
        )
    if not is_training(folder):
        raise StoreError(f"{folder} contains no run and no training ({FILE} is missing): list them with zennas runs")
    unread: list[str] = []
    training = read_training(folder)
    return Record(
        folder,
        TRAIN,
        training.status,
        trainings=(training,),
        exports=_exports(folder, unread),
        unread=tuple(unread),
        settings=_settings(folder),
        environment=dict(training.environment),
    )


def _of_design(folder: Path) -> Record:
    design, unread = read_design(folder), list[str]()
    place = folder / SEARCH_FOLDER
    search = _read(read_result, place, unread) if (place / FILE).is_file() else None
    trainings, exports = _inside(folder, unread)
    return Record(
        folder,
        DESIGN,
        design.status,
        search,
        () if search is None else _candidates(place),
        trainings=trainings,
        exports=exports,
        unread=tuple(unread),
        settings=_settings(folder),
        environment=dict(design.environment),
        created=design.created,
        design=design,
    )


def _of_simulation(folder: Path) -> Record:
    from zennas.searching.simulations.running import read_simulation  # imports numpy

    found = read_simulation(folder)
    return Record(
        folder,
        SIMULATE,
        found.status,
        settings=_settings(folder),
        environment=found.environment,
        created=found.created,
        simulation=found,
    )


def _of_supernet(folder: Path) -> Record:
    found = read_supernet(folder)
    return replace(_of_searches(folder, found.status, [found]), supernet=found)


def _of_supernet_front(folder: Path) -> Record:
    found = read_front_record(folder)
    return replace(_of_searches(folder, found.status, found.searches.values()), supernet_front=found)


def _of_searches(folder: Path, status: str, searches: Iterable[SearchRecord]) -> Record:
    """What is around one or several searches in a supernet. The first one tells where they were made."""
    unread = list[str]()
    trainings, exports = _inside(folder, unread)
    begun = next((one.beginning for one in searches if one.beginning is not None), None)
    return Record(
        folder,
        PROXYLESS,
        status,
        trainings=trainings,
        exports=exports,
        unread=tuple(unread),
        settings=_settings(folder),
        environment={} if begun is None else {"device": begun.device, **begun.environment},
        created=0.0 if begun is None else begun.created,
    )


def _of_run(folder: Path) -> Record:
    unread: list[str] = []
    trainings, exports = _inside(folder, unread)
    with Store.read(folder) as store:
        kind, stored = store.kind, {name: store.get(name) for name in ("status", "environment", "created")}
    status = stored["status"] if stored["status"] in (FINISHED, FAILED) or in_use(folder) else "interrupted"
    search = read_result(folder) if kind == SEARCH else None
    correlation = None
    if kind == CORRELATE:
        from zennas.correlation.result import read_result as read_correlation  # imports scipy

        correlation = read_correlation(folder)
    return Record(
        folder,
        kind,
        str(status),
        search,
        () if search is None else _candidates(folder),
        correlation,
        trainings,
        exports,
        tuple(unread),
        _settings(folder),
        _mapping(stored["environment"]),
        float(stored["created"] or 0.0),
    )


def _candidates(folder: Path) -> tuple[Candidate, ...]:
    with Store.read(folder) as store, reading(folder / FILE):
        return tuple(store.candidates())


def _inside(folder: Path, unread: list[str]) -> tuple[tuple[TrainingRecord, ...], tuple[ExportRecord, ...]]:
    """The training in a folder and those directly below, and what was exported from any of them."""
    places = [folder, *sorted(one for one in folder.iterdir() if one.is_dir())]
    found = [_read(read_training, place, unread) for place in places if is_training(place)]
    exports = tuple(one for place in places for one in _exports(place, unread))
    return tuple(one for one in found if one is not None), exports


def _exports(folder: Path, unread: list[str]) -> tuple[ExportRecord, ...]:
    found = [_read(read_export, sidecar, unread) for sidecar in find_exports(folder)]
    return tuple(one for one in found if one is not None)


def _read(read: Callable[[Path], T], place: Path, unread: list[str]) -> T | None:
    try:
        return read(place)
    except ZennasError as error:
        unread.append(str(error))
        return None


def _settings(folder: Path) -> str:
    path = folder / SETTINGS_FILE
    # A link in somebody else's folder could lead to any file, which the page would then show to everybody.
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
        return ""
    return path.read_text(encoding="utf-8", errors="replace")


def _mapping(found: Any) -> dict[str, Any]:
    return dict(found) if isinstance(found, dict) else {}
