"""The data sets known by name: one record each, in one file of `sets/`. No torch.

Other distributions add data sets with entry points in the group `zennas.datasets`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PlainNet.registry import Registry, UnknownNameError
from PlainNet.sizes import Size
from zennas.data.base import DataError, ImageSet, Split, Usual


class AbsentError(DataError):
    """A data set is not where it is expected. where: what is missing, and why; remedy: how to get it."""

    def __init__(self, where: str, remedy: str) -> None:
        super().__init__(f"{where}{';' if '(' in where else ':'} {remedy}, or give its folder with --data")
        self.where, self.remedy = where, remedy


class UnknownDataSetError(DataError, UnknownNameError):
    """There is no data set with this name and no folder or file with this path."""


@dataclass(frozen=True)
class DataSet:
    """A data set known by name.

    classes: number of classes. resolution: size of its images in pixels, None for photographs of varying size.
    usual: how its images are usually prepared. how_to_get: what to do if they are missing, as one clause.
    open: function from a split and a folder to the images, which raises DataError if they cannot be opened; the folder
    is None if `folder` is None. open is None if only facts about the data set are known, not its images.
    folder: default place of the images, None if they come with a package. synonyms: other names.
    files: whether its folder has train/CLASS and val/CLASS, so that it is opened as other folders are.
    assumed: whether a network with this number of classes is taken to be for this data set if nothing else is known.
    """

    name: str
    classes: int
    resolution: Size | None
    usual: Usual
    how_to_get: str
    open: Callable[[Split, Path | None], ImageSet] | None = None
    folder: str | None = None
    synonyms: tuple[str, ...] = ()
    files: bool = False
    assumed: bool = False

    @property
    def place(self) -> Path | None:
        """`folder` as a path, with ~ replaced by the user's home."""
        return None if self.folder is None else Path(self.folder).expanduser()

    def absent(self, place: Path | None, why: str = "") -> AbsentError:
        """Return the error for images that are not in `place`. why: a reason that is appended."""
        return AbsentError(f"{self.name} is not in {place}{why}", self.how_to_get)


def _names(found: DataSet) -> tuple[str, ...]:
    return (found.name, *found.synonyms)


DATASETS: Registry[DataSet] = Registry("data set", "zennas.data.sets", "zennas.datasets", _names)
"""The data sets by name and synonym; each file in `sets/` adds its own with `register`."""


def register(found: DataSet) -> DataSet:
    """Add a data set to `DATASETS` under its name and synonyms, and return it."""
    for name in _names(found):
        DATASETS.add(name, found)
    return found


def known_dataset(name: str) -> DataSet | None:
    """Return the data set with that name, or None.

    A file or folder with exactly that name takes precedence over a data set that is spelt differently.
    """
    if name not in DATASETS or (DATASETS.spelling(name) != name and Path(name).exists()):
        return None
    return DATASETS.get(name)


def names_to_open() -> list[str]:
    """Return the names of data sets whose images can be opened, starting with those that are always available."""
    found = {one.name: one.folder is not None for one in DATASETS if one.open is not None}
    return sorted(found, key=found.__getitem__)


def named_in(text: str) -> DataSet | None:
    """Return the data set whose name or synonym occurs in `text`, such as a network's name; the longest wins."""
    for name in sorted(DATASETS.names(), key=len, reverse=True):
        if re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![0-9])", text, re.IGNORECASE):
            return DATASETS.get(name)
    return None
