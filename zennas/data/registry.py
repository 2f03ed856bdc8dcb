"""What is known of a data set by its name: one record, in one file of `sets/`. No torch.

A distribution of somebody else adds its own as an entry point of the group `zennas.datasets`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PlainNet.registry import Registry
from zennas.data.base import DataError, ImageSet, Split, Usual


class AbsentError(DataError):
    """Images that are not where they were looked for. where: what is missing, and why; remedy: how to get it."""

    def __init__(self, where: str, remedy: str) -> None:
        super().__init__(f"{where}{';' if '(' in where else ':'} {remedy}, or give its folder with --data")
        self.where, self.remedy = where, remedy


@dataclass(frozen=True)
class DataSet:
    """A data set that is known by name.

    classes: how many it has. resolution: side of its images in pixels, None for photographs of all sizes.
    usual: how its images are shown to a network. how_to_get: what to do where they are missing, one clause.
    open: the images to "train" or to "test" with, from the folder that they are in, which is None where `folder` is;
    raises DataError. It is None for a data set whose images cannot be had here, only facts about them.
    folder: where they are unless a user says otherwise, None for images that come with a package.
    assumed: whether a network of as many classes is taken to be for this data set where nothing else is known of it.
    """

    name: str
    classes: int
    resolution: int | None
    usual: Usual
    how_to_get: str
    open: Callable[[Split, Path | None], ImageSet] | None = None
    folder: str | None = None
    synonyms: tuple[str, ...] = ()
    assumed: bool = False

    @property
    def place(self) -> Path | None:
        """`folder`, with the user's home put in."""
        return None if self.folder is None else Path(self.folder).expanduser()

    def absent(self, place: Path | None, why: str = "") -> AbsentError:
        """The error that the images are not in `place`."""
        return AbsentError(f"{self.name} is not in {place}{why}", self.how_to_get)


def _names(found: DataSet) -> tuple[str, ...]:
    return (found.name, *found.synonyms)


DATASETS: Registry[DataSet] = Registry("data set", "zennas.data.sets", "zennas.datasets", _names)
"""The data sets by name and synonym; the files of `sets/` add theirs with `register`."""


def register(found: DataSet) -> DataSet:
    """Add a data set to `DATASETS`, under its name and synonyms."""
    for name in _names(found):
        DATASETS.add(name, found)
    return found


def known_dataset(name: str) -> DataSet | None:
    """The data set of that name; None where there is none, or where a file or folder is spelt just so and it is not."""
    if name not in DATASETS or (DATASETS.spelling(name) != name and Path(name).exists()):
        return None
    return DATASETS.get(name)


def names_to_open() -> list[str]:
    """The names of data sets whose images can be opened; those that are always there come first."""
    found = {one.name: one.folder is not None for one in DATASETS if one.open is not None}
    return sorted(found, key=found.__getitem__)


def named_in(text: str) -> DataSet | None:
    """The data set whose name or synonym is a word of `text`, such as a network's name; the longest, if several are."""
    for name in sorted(DATASETS.names(), key=len, reverse=True):
        if re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![0-9])", text, re.IGNORECASE):
            return DATASETS.get(name)
    return None
