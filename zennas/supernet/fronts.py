"""Several searches in one supernet, with costs of different strengths after one warm-up: a front.

A search without a warm-up of its own begins with what the first one left (`warm.pt`), and ends with the same parameters
as if it had warmed up itself, bit for bit on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PlainNet.files import write_text
from zennas.common.config import SETTINGS_FILE, config_text
from zennas.runs.points import FRONT_FILE
from zennas.supernet.errors import SupernetError
from zennas.supernet.front_record import ProxylessFront, folder_of, front_of, front_text, read_front
from zennas.supernet.history import NoWatcher, SearchEpoch, Watcher
from zennas.supernet.job import SearchJob, SearchOptions
from zennas.supernet.outcome import WARM_FILE, ProxylessResult, is_supernet_search, refuse_taken
from zennas.supernet.running import search_supernet
from zennas.training.distributed import ranks
from zennas.training.held import held

Announce = Callable[[float, int, int], None]
"""Called before each search: its strength, its number from 1, and how many there are."""


def search_front(
    job: SearchJob,
    folder: Path,
    options: SearchOptions = SearchOptions(),
    watcher: Watcher = NoWatcher(),
    *,
    go_on: bool = False,
    sample: bool = False,
    announce: Announce = lambda strength, number, count: None,
) -> ProxylessFront:
    """Search once for each strength of the costs, weakest first, and store the front in `folder`.

    Each search has a folder of its own in it. go_on, sample: as for `search_supernet`.

    Raises SupernetError if the job has no strengths, or the folder contains something else; and what
    `search_supernet` raises.
    """
    strengths = sorted(job.costs.strengths)
    if not strengths:
        raise SupernetError("there are no strengths of the costs, expected at least one for a front")
    if is_supernet_search(folder):
        raise SupernetError(f"{folder} contains a search with one strength of its costs: choose another --save-dir")
    leads = ranks()[0] == 0
    with held(folder, leads=leads):
        if (folder / FRONT_FILE).is_file():
            if go_on:
                return read_front(folder)
            refuse_taken(folder, "front", finished=True)
        if (folder / SETTINGS_FILE).is_file() and not go_on:
            refuse_taken(folder, "front", finished=False)
        following = _Begun(watcher, folder / SETTINGS_FILE, config_text(job, options))
        found: list[ProxylessResult] = []
        for number, strength in enumerate(strengths, start=1):
            place, warm = folder_of(folder, strength), folder_of(folder, strengths[0])
            shared = number > 1 and (warm / WARM_FILE).is_file()
            own = replace(options, warm_from=warm) if shared else options
            announce(strength, number, len(strengths))
            found.append(
                search_supernet(job.at(strength), place, own, following, sample=sample, go_on=is_supernet_search(place))
            )
        front = front_of(folder, _axis(found[0]), found, strengths)
        if leads:
            write_text(folder / FRONT_FILE, front_text(front))
    return front


def _axis(result: ProxylessResult) -> str:
    """The first cost in the loss."""
    return next(iter(result.expected))


class _Begun:
    """Passes on the progress; with the first step, it is certain that all settings are in order, and they are kept."""

    def __init__(self, watcher: Watcher, path: Path, text: str) -> None:
        self._watcher, self._path, self._text = watcher, path, text

    def step(self, phase: str, epoch: int, step: int, steps: int, loss: float) -> None:
        if not self._path.is_file():
            write_text(self._path, self._text)
        self._watcher.step(phase, epoch, step, steps, loss)

    def epoch(self, done: SearchEpoch) -> None:
        self._watcher.epoch(done)
