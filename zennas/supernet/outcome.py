"""The result of a search in a supernet, and the files that store it. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from PlainNet import Structure, parse
from PlainNet.files import write_text
from PlainNet.sizes import Size
from zennas.common.config import SETTINGS_FILE
from zennas.common.limits import checked_resolution
from zennas.common.numbers import counted
from zennas.common.settings import from_values
from zennas.named.structures import PROXYLESS_FILE as RESULT_FILE
from zennas.named.structures import STRUCTURE_FILE
from zennas.runs.store import in_use
from zennas.supernet.beginning import BEGINNING_FILE, Beginning, read_beginning
from zennas.supernet.continuing import settings_in
from zennas.supernet.errors import SupernetError, reading
from zennas.supernet.history import HISTORY_FILE, SearchEpoch, read_history
from zennas.supernet.job import SearchJob

ARCHITECTURE_FILE = "architecture.json"
CONFIG_FILE = "net.config"
CHECKPOINT_FILE = "supernet.pt"
"""Not the name of a training's checkpoint, by which trainings are known."""
WARM_FILE = "warm.pt"
"""The checkpoint at the end of the warm-up."""

FINISHED, SEARCHING, INTERRUPTED = "finished", "searching", "interrupted"


@dataclass(frozen=True)
class ProxylessResult:
    """A finished search.

    folder: where it is stored. structure: the network that was found. picks: the chosen candidates' texts by key.
    resolution: size of the input in pixels. num_classes: of the images. valid_top1: accuracy in per cent of the network
    with the supernet's weights, on the images that were held out, which also decided about it. entropy: of the
    decisions in nats. costs: the network's costs, by name, and expected: their expectations. seconds: of all epochs.
    sampled: whether the architecture was drawn, and not the most probable one. in_channels: of the images that were
    asked for, None if nothing was said of them.
    """

    folder: Path
    structure: Structure
    picks: Mapping[str, str]
    resolution: Size
    num_classes: int
    valid_top1: float
    entropy: float
    costs: Mapping[str, float]
    expected: Mapping[str, float]
    seconds: float
    sampled: bool = False
    in_channels: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "run": str(self.folder), "folder": str(self.folder), "structure": str(self.structure)}


def write_result(result: ProxylessResult) -> None:
    """Write the result and, as a file of its own, the structure. Raises OSError."""
    write_text(result.folder / STRUCTURE_FILE, f"{result.structure}\n")
    write_text(result.folder / RESULT_FILE, json.dumps(result.to_json(), indent=2, ensure_ascii=False) + "\n")


def read_result(folder: Path) -> ProxylessResult:
    """Return the finished search in a folder. Raises SupernetError if there is none, or its file is damaged."""
    path = folder / RESULT_FILE
    try:
        with reading(path):
            return result_of(folder, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise SupernetError(f"{folder} contains no finished search in a supernet ({RESULT_FILE})") from None


def result_of(folder: Path, found: Mapping[str, Any]) -> ProxylessResult:
    """Return what `ProxylessResult.to_json` has returned. Raises KeyError, TypeError, … for anything else."""
    return ProxylessResult(
        folder,
        parse(found["structure"]),
        dict(found["picks"]),
        checked_resolution(found["resolution"], ValueError),
        int(found["num_classes"]),
        float(found["valid_top1"]),
        float(found["entropy"]),
        {str(name): float(value) for name, value in found["costs"].items()},
        {str(name): float(value) for name, value in found["expected"].items()},
        float(found["seconds"]),
        bool(found["sampled"]),
        None if found.get("in_channels") is None else int(found["in_channels"]),
    )


def refuse_taken(folder: Path, what: str, *, finished: bool) -> None:
    """Raise SupernetError because a new search cannot go to a folder with a search or a front (`what`)."""
    if finished:
        raise SupernetError(f"{folder} contains a finished {what}: choose another --save-dir")
    raise SupernetError(
        f"{folder} contains an unfinished {what}: continue it with zennas proxyless --resume {folder}, or choose "
        "another --save-dir"
    )


@dataclass(frozen=True)
class SearchRecord:
    """A search in a supernet, finished or not.

    status: `FINISHED`, `SEARCHING` while a process works on it, or `INTERRUPTED`. settings: as they are stored.
    job: the request that they make. history: the epochs that are finished. result: None unless it is finished.
    beginning: what was known before the first step; None if an older version did not store it.
    """

    folder: Path
    status: str
    settings: Mapping[str, Any]
    job: SearchJob
    history: tuple[SearchEpoch, ...]
    result: ProxylessResult | None
    beginning: Beginning | None = None

    @property
    def epochs(self) -> int:
        """How many epochs are finished, of warm-up and search."""
        return len(self.history)

    @property
    def asked(self) -> str:
        """What was searched, in a few words."""
        aims = [f"{ms:g} ms" for ms in self.job.costs.ref_latency_ms]
        return ", ".join([self.job.space, self.job.dataset, *aims])

    @property
    def found(self) -> str:
        """What came out, in a few words."""
        if self.result is None:
            return f"{counted(self.epochs, 'epoch')} so far"
        costs = ", ".join(f"{name} {value:.4g}" for name, value in self.result.costs.items() if name != "params")
        return f"top-1 {self.result.valid_top1:.2f} % in the supernet, {costs}"

    def to_json(self) -> dict[str, Any]:
        result = None if self.result is None else self.result.to_json()
        return {
            "run": str(self.folder),
            "status": self.status,
            "settings": dict(self.settings),
            "epochs": self.epochs,
            "result": result,
        }


def is_supernet_search(folder: Path) -> bool:
    """Return whether `folder` contains a search in a supernet. Raises OSError if nobody may look into it."""
    return any((folder / name).is_file() for name in (RESULT_FILE, CHECKPOINT_FILE))


def read_record(folder: Path) -> SearchRecord:
    """Return what is known about the search in `folder`. Raises SupernetError or ConfigError if it is damaged."""
    settings, history, beginning = settings_in(folder), read_history(folder), read_beginning(folder)
    if history and beginning is not None:
        sizes = {key: len(shares) for key, shares in history[0].probabilities.items()}
        if sizes != {key: len(texts) for key, texts in beginning.options.items()}:
            raise SupernetError(f"{folder / BEGINNING_FILE} has other decisions than {folder / HISTORY_FILE}")
    finished = (folder / RESULT_FILE).is_file()
    status = FINISHED if finished else SEARCHING if in_use(folder) else INTERRUPTED
    result = read_result(folder) if finished else None
    return SearchRecord(folder, status, settings, job_in(folder, settings), history, result, beginning)


def job_in(folder: Path, settings: Mapping[str, Any]) -> SearchJob:
    """Return the request that the settings stored in `folder` make. Raises SupernetError if they name no images."""
    if "dataset" not in settings:
        raise SupernetError(f"{folder / SETTINGS_FILE} has no dataset, expected the settings of a search")
    names = {one.name for one in fields(SearchJob)}
    return from_values(SearchJob, {name: value for name, value in settings.items() if name in names})


def named(options: Mapping[str, Sequence[str]], picks: Mapping[str, Sequence[int]]) -> dict[str, str]:
    """Return the texts of the picked candidates by key."""
    return {key: ", ".join(options[key][k] for k in picks[key]) for key in options}
