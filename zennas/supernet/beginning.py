"""What a search in a supernet stores when it begins: candidates, costs in the loss, and the machine. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PlainNet.files import write_text
from zennas.supernet.errors import reading

BEGINNING_FILE = "search.json"
_LATEST = 1e11
"""Seconds since 1970 that are still a date."""


@dataclass(frozen=True)
class Aim:
    """A cost in the loss. name: what is counted, and where. reference: the cost that is aimed at, in `unit`."""

    name: str
    unit: str
    reference: float


@dataclass(frozen=True)
class Beginning:
    """What is known before the first step.

    options: the texts of the candidates by the decision's key. aims: the costs in the loss.
    images: how many train weights, and how many are held out. device: what runs networks.
    environment: the machine, versions, and the command. created: when, in seconds.
    """

    options: Mapping[str, tuple[str, ...]]
    aims: tuple[Aim, ...]
    images: tuple[int, int]
    device: str
    environment: Mapping[str, Any]
    created: float


def write_beginning(folder: Path, beginning: Beginning) -> None:
    """Write the file, replacing one of an earlier search. Raises OSError."""
    write_text(folder / BEGINNING_FILE, json.dumps(asdict(beginning), indent=2, ensure_ascii=False) + "\n")


def read_beginning(folder: Path) -> Beginning | None:
    """Return what the search in `folder` has stored; None if it is from before there was such a file.

    Raises SupernetError if the file is damaged.
    """
    path = folder / BEGINNING_FILE
    with reading(path):
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        found = json.loads(text)
        train, held_out = found["images"]
        created = float(found["created"])
        if not 0 <= created < _LATEST:
            raise ValueError(f"created is {created:g}, expected seconds since 1970")
        return Beginning(
            {key: tuple(map(str, texts)) for key, texts in found["options"].items()},
            tuple(Aim(str(one["name"]), str(one["unit"]), float(one["reference"])) for one in found["aims"]),
            (int(train), int(held_out)),
            str(found["device"]),
            dict(found["environment"]),
            created,
        )
