"""The front of several searches in one supernet, and the file that stores it. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zennas.common.config import SETTINGS_FILE
from zennas.common.numbers import counted
from zennas.runs.points import FRONT_FILE
from zennas.runs.store import in_use
from zennas.supernet.continuing import settings_in
from zennas.supernet.errors import SupernetError, reading
from zennas.supernet.job import SearchJob
from zennas.supernet.outcome import (
    FINISHED,
    INTERRUPTED,
    SEARCHING,
    ProxylessResult,
    SearchRecord,
    is_supernet_search,
    job_in,
    read_record,
    result_of,
)

_PREFIX = "strength-"
"""Of the folders of the searches."""


@dataclass(frozen=True)
class FrontPoint:
    """What one search has found.

    strength: of the costs in its loss. better: whether no other search has found a network with as much accuracy for
    less.
    """

    strength: float
    result: ProxylessResult
    better: bool

    def to_json(self) -> dict[str, Any]:
        return {"strength": self.strength, **self.result.to_json(), "better": self.better}


@dataclass(frozen=True)
class ProxylessFront:
    """A finished front. folder: where it is stored. cost: the name of the first cost in the loss, the front's axis.

    searches: all of them, weakest first.
    """

    folder: Path
    cost: str
    searches: tuple[FrontPoint, ...]

    @property
    def points(self) -> tuple[FrontPoint, ...]:
        """The points of the front, cheapest first: `RUN@1`, `RUN@2`, …"""
        return tuple(sorted((one for one in self.searches if one.better), key=lambda one: one.result.costs[self.cost]))

    def to_json(self) -> dict[str, Any]:
        return {
            "run": str(self.folder),
            "cost": self.cost,
            "points": [one.to_json() for one in self.points],
            "searches": [one.to_json() for one in self.searches],
        }


def folder_of(folder: Path, strength: float) -> Path:
    """Return the folder of the search with this strength."""
    return folder / f"{_PREFIX}{strength:g}"


def front_of(folder: Path, cost: str, found: Sequence[ProxylessResult], strengths: Sequence[float]) -> ProxylessFront:
    """Return the front of some searches. cost: the name of its axis."""
    places = [(one.costs[cost], one.valid_top1) for one in found]

    def better(own: int) -> bool:
        """Whether no other has at least as much for at most as much; of equal ones, the first counts."""
        (price, worth) = places[own]
        return not any(
            ((p, -w) != (price, -worth) and p <= price and w >= worth) or ((p, w) == (price, worth) and i < own)
            for i, (p, w) in enumerate(places)
        )

    searches = enumerate(zip(strengths, found, strict=True))
    return ProxylessFront(folder, cost, tuple(FrontPoint(strength, one, better(i)) for i, (strength, one) in searches))


def front_text(front: ProxylessFront) -> str:
    """Return the front as the text of its file. Folders of searches are named relative to that of the front."""
    content = front.to_json()
    del content["run"]
    for one in (*content["points"], *content["searches"]):
        del one["folder"]
        one["run"] = Path(one["run"]).name
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def read_front(folder: Path) -> ProxylessFront:
    """Return the finished front in a folder. Raises SupernetError if there is none, or its file is damaged."""
    path = folder / FRONT_FILE
    try:
        with reading(path):
            found = json.loads(path.read_text(encoding="utf-8"))
            return ProxylessFront(folder, str(found["cost"]), tuple(_point(folder, one) for one in found["searches"]))
    except FileNotFoundError:
        raise SupernetError(f"{folder} contains no finished front of searches in a supernet ({FRONT_FILE})") from None


def _point(folder: Path, found: Mapping[str, Any]) -> FrontPoint:
    result = result_of(folder / Path(found["run"]).name, found)
    return FrontPoint(float(found["strength"]), result, bool(found["better"]))


@dataclass(frozen=True)
class FrontRecord:
    """A front of searches in a supernet, finished or not.

    status: as of `SearchRecord`. settings: as they are stored. job: the request that they make. searches: those that
    have begun, by strength, weakest first. front: None unless all are finished.
    """

    folder: Path
    status: str
    settings: Mapping[str, Any]
    job: SearchJob
    searches: Mapping[float, SearchRecord]
    front: ProxylessFront | None

    @property
    def asked(self) -> str:
        """What was searched, in a few words."""
        return f"{self.job.space}, {self.job.dataset}, {len(self.job.costs.strengths)} strengths of costs"

    @property
    def found(self) -> str:
        """What came out, in a few words."""
        if self.front is None:
            finished = sum(one.result is not None for one in self.searches.values())
            return f"{finished} of {len(self.job.costs.strengths)} searches so far"
        points, cost = self.front.points, self.front.cost
        ends = [points[0], *points[-1:]] if len(points) > 1 else points
        said = " to ".join(f"{one.result.valid_top1:.2f} % at {one.result.costs[cost]:.4g}" for one in ends)
        return f"{counted(len(points), 'point')}: {said} ({cost})"

    def to_json(self) -> dict[str, Any]:
        return {
            "run": str(self.folder),
            "status": self.status,
            "settings": dict(self.settings),
            "searches": [one.to_json() for one in self.searches.values()],
            "front": None if self.front is None else self.front.to_json(),
        }


def is_supernet_front(folder: Path) -> bool:
    """Return whether `folder` contains a front of searches in a supernet. Raises OSError if it cannot be read."""
    if (folder / FRONT_FILE).is_file():
        return True
    return (folder / SETTINGS_FILE).is_file() and any(one.is_dir() for one in folder.glob(f"{_PREFIX}*"))


def read_front_record(folder: Path) -> FrontRecord:
    """Return what is known about the front in `folder`. Raises SupernetError or ConfigError if it is damaged."""
    settings = settings_in(folder)
    job = job_in(folder, settings)
    if not job.costs.strengths:
        raise SupernetError(f"{folder / SETTINGS_FILE} has no strengths, so it is not that of a front")
    places = {strength: folder_of(folder, strength) for strength in sorted(job.costs.strengths)}
    searches = {strength: read_record(place) for strength, place in places.items() if is_supernet_search(place)}
    front = read_front(folder) if (folder / FRONT_FILE).is_file() else None
    status = FINISHED if front is not None else SEARCHING if in_use(folder) else INTERRUPTED
    return FrontRecord(folder, status, settings, job, searches, front)
