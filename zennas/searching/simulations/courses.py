"""The courses of many searches in one file, a line for each seed, so that a simulation can be continued and read.

The first line has the settings. A line that was cut off when a process was killed is left out.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PlainNet.files import write_text
from zennas.common.limits import check_whole
from zennas.runs.store import StoreError
from zennas.searching.settings import SearchSettings

FILE = "courses.jsonl"
"""The file in the folder of a simulation."""
FORMAT = 1


@dataclass(frozen=True)
class Course:
    """One search.

    chosen_by, reported: the values of its networks in the two columns, in the order of training, each at least one.
    ranked: how many structures its guide has scored.
    seconds: for each network, the time since the beginning: that of the search itself, measured, and that of the
        trainings, if the table has it.
    """

    seed: int
    chosen_by: tuple[float, ...]
    reported: tuple[float, ...]
    ranked: int
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class Header:
    """What is known before the first search.

    settings: complete, with the first of the seeds. columns: the one that is maximised, and the one that is reported.
    digests: of the tables, by name. environment: where it was begun, and by which command. created: when, in seconds.
    """

    settings: SearchSettings
    seeds: int
    columns: tuple[str, str]
    digests: dict[str, str]
    environment: dict[str, Any]
    created: float

    def line(self) -> str:
        content = {**vars(self), "settings": self.settings.to_json(), "format": FORMAT}
        return json.dumps(content, allow_nan=False) + "\n"

    @classmethod
    def of_line(cls, text: str) -> Header:
        """Read what `line` returned. Raises KeyError, TypeError or ValueError if it is something else, and
        SettingsError if another version wrote the settings.
        """
        found = json.loads(text)
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']}, expected {FORMAT}")
        check_whole("seeds", found["seeds"], ValueError)
        maximised, reported = found["columns"]
        return cls(
            SearchSettings.from_json(found["settings"]),
            found["seeds"],
            (str(maximised), str(reported)),
            dict(found["digests"]),
            dict(found["environment"]),
            float(found["created"]),
        )


def is_simulation(folder: Path) -> bool:
    """Return whether a folder has a simulation in it."""
    return (folder / FILE).is_file()


@contextmanager
def damaged(path: Path, where: str = "the first line") -> Iterator[None]:
    """Turn what reading raises into one line. where: what is read. Raises StoreError."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from None
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, StoreError):
            raise
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise StoreError(f"{path} is damaged, {where}: {why}; start a new simulation in another folder") from None


def begin(folder: Path, header: Header) -> None:
    """Write the file with its first line. Raises OSError."""
    write_text(folder / FILE, header.line())


def read_header(folder: Path) -> Header:
    """Return the first line. Raises StoreError if there is none, SettingsError if another version wrote it."""
    path = folder / FILE
    with damaged(path), path.open(encoding="utf-8") as lines:
        return Header.of_line(next(lines, ""))


def read_courses(folder: Path, header: Header) -> list[Course]:
    """Return the courses of the first seeds, in their order. Raises StoreError if the file is damaged."""
    path, first = folder / FILE, header.settings.seed
    with damaged(path):
        _, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    found = []
    for number, line in enumerate(lines):
        with damaged(path, f"line {number + 2}"):
            if line.endswith("\n"):  # otherwise it was cut off when a process was killed
                found.append(_course(line, first + number))
    return found


def cut_off(folder: Path) -> None:
    """Remove the line that a killed process has begun. Raises OSError."""
    path = folder / FILE
    content = path.read_bytes()
    os.truncate(path, content.rfind(b"\n") + 1)


def append(folder: Path, course: Course) -> None:
    """Add the course of the next seed. Raises OSError."""
    with (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(course), allow_nan=False) + "\n")


def _course(line: str, seed: int) -> Course:
    found = json.loads(line)
    values = {name: tuple(map(float, found[name])) for name in ("chosen_by", "reported", "seconds")}
    check_whole("ranked", found["ranked"], ValueError, least=0)
    if found["seed"] != seed:
        raise ValueError(f"seed {found['seed']}, expected {seed}")
    if len({len(one) for one in values.values()}) != 1 or not values["seconds"]:
        raise ValueError("a search has values of different numbers of networks, or none")
    if not all(math.isfinite(value) for one in values.values() for value in one):
        raise ValueError("a value is not finite")
    return Course(seed, values["chosen_by"], values["reported"], found["ranked"], values["seconds"])
