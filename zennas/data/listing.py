"""Class folders and the image files in them: which folders are classes, and which files are images."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zennas.common.numbers import counted
from zennas.data.base import DataError
from zennas.data.decoding import SUFFIXES, readable

_OF_SYSTEMS = ("__macosx", "__pycache__", "lost+found", "system volume information", "thumbs.db", "desktop.ini")
_OF_STORES = ("@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "$recycle.bin")
NO_CLASSES = frozenset((*_OF_SYSTEMS, *_OF_STORES))
"""Names, in lower case, of folders and files that systems put anywhere; names that begin with a dot are others."""
_NAMED = 4


@dataclass(frozen=True)
class Listing:
    """Image files by class.

    classes: names of class folders that contain images, sorted. paths, labels: one of each per image. empty: names of
    class folders without images. unread: number of files that are not read, by extension.
    """

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    labels: tuple[int, ...]
    empty: tuple[str, ...]
    unread: Counter[str]

    @property
    def note(self) -> str | None:
        """How many files are used, if not all are."""
        unread = sum(self.unread.values())
        if not unread:
            return None
        most = sorted(self.unread.items(), key=lambda item: (-item[1], item[0]))[:_NAMED]
        kinds = [f"{number:,} {suffix}" for suffix, number in most]
        more = unread - sum(number for _, number in most)
        kinds += [f"{more:,} others"] if more else []
        return f"{len(self.paths):,} of {counted(len(self.paths) + unread, 'file')} used; not read: {', '.join(kinds)}"


def list_classes(place: Path) -> Listing:
    """List the images in `place`, which has a folder for each class; class folders may contain folders.

    Raises DataError if a folder cannot be read.
    """
    suffixes = {suffix for suffix, kind in SUFFIXES.items() if kind in readable()}
    try:
        names = class_names(place)
        classes: list[str] = []
        paths: list[str] = []
        labels: list[int] = []
        empty: list[str] = []
        unread: Counter[str] = Counter()
        for name in names:
            found = []
            for folder, file in _files(os.path.join(place, name)):
                suffix = os.path.splitext(file)[1].lower()
                if suffix in suffixes:
                    found.append((folder, file))
                else:
                    unread[suffix or "without extension"] += 1
            if found:
                labels += [len(classes)] * len(found)
                classes.append(name)
                paths += [os.path.join(*one) for one in sorted(found)]
            else:
                empty.append(name)
    except OSError as error:
        raise DataError(f"{error.filename or place} cannot be read: {error.strerror}") from None
    return Listing(tuple(classes), tuple(paths), tuple(labels), tuple(empty), unread)


def class_names(place: Path) -> list[str]:
    """Return the names of the folders that can be classes, sorted. Raises OSError if `place` cannot be read."""
    with os.scandir(place) as entries:
        return sorted(entry.name for entry in entries if _counts(entry.name) and entry.is_dir())


def _files(folder: str) -> Iterator[tuple[str, str]]:
    """Folder and name of each file below `folder`. Links are followed, but no folder is entered from within itself."""
    todo = [(folder, frozenset[tuple[int, int]]())]
    while todo:
        here, above = todo.pop()
        about = os.stat(here)
        if (about.st_dev, about.st_ino) in above:
            continue
        inside = above | {(about.st_dev, about.st_ino)}
        with os.scandir(here) as entries:
            for entry in entries:
                if not _counts(entry.name):
                    continue
                if entry.is_dir():
                    todo.append((entry.path, inside))
                else:
                    yield here, entry.name


def _counts(name: str) -> bool:
    return not name.startswith(".") and name.casefold() not in NO_CLASSES
