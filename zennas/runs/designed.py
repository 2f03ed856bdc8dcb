"""The network that a run has designed, read from its store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PlainNet import Structure
from PlainNet.sizes import Size
from zennas.common.limits import checked_resolution
from zennas.runs.store import FAILED, FILE, SEARCH, Store, StoreError, reading

BEST_FILE = "best_structure.txt"
"""The best structure of a finished search as text, in its folder."""


@dataclass(frozen=True)
class Designed:
    """The best structure of a run, and the settings of its network. resolution: in pixels. in_channels: of the images
    that it was asked for, None if nothing was said of them.
    """

    structure: Structure
    resolution: Size
    num_classes: int
    use_se: bool
    in_channels: int | None = None


def designed(folder: Path, point: int | None = None) -> Designed | None:
    """Return the best network of the search in `folder`: the chosen one, or the best so far; None if none was scored
    yet.

    point: the number of a point of a front, from 1.

    Raises StoreError if there is no search or no such point, if it failed, or if its file is damaged.
    """
    with Store.read(folder) as store:
        store.require_kind(SEARCH)
        if store.get("status") == FAILED:
            raise StoreError(
                f"the search in {folder} failed, so it has no result: {store.get('error')}; continue it with: zennas "
                f"search --resume {folder}"
            )
        chosen = store.get("best") if point is None else _point(store, point)
        if chosen is None:
            return None
        settings = store.get("settings")
        with reading(folder / FILE):
            (best,) = store.candidates([chosen])
            channels = settings.get("in_channels")
            return Designed(
                best.structure,
                checked_resolution(settings["resolution"], ValueError),
                int(settings["num_classes"]),
                bool(settings["use_se"]),
                None if channels is None else int(channels),
            )


def _point(store: Store, number: int) -> int | None:
    """The candidate that is a point of a front; None if the front has none yet."""
    points = store.get("front")
    if points is None and store.get("state") is not None:
        raise StoreError(f"the run in {store.folder} is no front, so it has no points: leave out @{number}")
    if not points:
        return None
    if not 1 <= number <= len(points):
        raise StoreError(
            f"the front in {store.folder} has no point {number}, expected one from {store.folder}@1 to "
            f"{store.folder}@{len(points)}"
        )
    return int(points[number - 1])
