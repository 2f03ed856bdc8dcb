"""Registries: a new block, search space, proxy or back end is one new file in its package.

A `Registry` imports all modules of its package when it is first used, and the modules register their parts. Duplicate
names, unknown names and broken files raise errors; that for an unknown name lists similar names.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

from PlainNet.errors import ZennasError

T = TypeVar("T")


def nearest_names(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three of the known names that are similar to `name`, best first."""
    return difflib.get_close_matches(name[:80], list(known), n=3, cutoff=0.5)


class UnknownNameError(ZennasError, ValueError):
    """Raised if a registry does not have a name. The message lists similar names."""


class RegistryError(ZennasError, RuntimeError):
    """Raised if a registry cannot be filled: two parts have the same name, or a module cannot be imported."""


class Registry(Generic[T]):
    """A mapping from names to parts, filled by the modules of a package.

    noun: what a part is called in messages. package: the package whose modules register parts.

    Names are looked up without regard to case, and listed as they were registered. Modules whose names start with an
    underscore are not imported.
    """

    def __init__(self, noun: str, package: str) -> None:
        self.noun = noun
        self._package = package
        self._items: dict[str, tuple[str, T]] = {}
        self._loaded = False

    def add(self, name: str, item: T) -> None:
        """Register `item` under `name`. Raises RegistryError if the name is taken."""
        key = name.casefold()
        if key in self._items:
            raise RegistryError(f"two {self.noun}s are named {name!r}: rename one of them")
        self._items[key] = (name, item)

    def get(self, name: str) -> T:
        """Return the part named `name`. Raises UnknownNameError, with similar names, if there is none."""
        self._load()
        try:
            return self._items[name.casefold()][1]
        except KeyError:
            raise UnknownNameError(self.miss(name)) from None

    def spelling(self, name: str) -> str:
        """Return the name as it was registered. Raises UnknownNameError if there is no such name."""
        self.get(name)
        return self._items[name.casefold()][0]

    def __contains__(self, name: str) -> bool:
        self._load()
        return name.casefold() in self._items

    def names(self) -> list[str]:
        """Return all names, in the order of registration."""
        self._load()
        return [name for name, _ in self._items.values()]

    def __iter__(self) -> Iterator[T]:
        self._load()
        return iter([item for _, item in self._items.values()])

    def nearest(self, name: str) -> list[str]:
        """Return up to three registered names that are similar to `name`, best first."""
        self._load()
        return [self._items[key][0] for key in nearest_names(name.casefold(), self._items)]

    def miss(self, name: str) -> str:
        """Return the message for a name that is not registered."""
        near = self.nearest(name)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(self.names())}"
        return f"unknown {self.noun} {name[:80]!r} ({hint})"

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True  # before the imports, as modules may look up parts while they are imported
        package = importlib.import_module(self._package)
        for info in pkgutil.iter_modules(package.__path__):
            if info.name.startswith("_"):
                continue
            try:
                importlib.import_module(f"{self._package}.{info.name}")
            except Exception as error:
                self._loaded = False
                file = Path(package.__path__[0]) / f"{info.name}.py"
                raise RegistryError(f"{file} cannot be loaded: {type(error).__name__}: {error}") from error
