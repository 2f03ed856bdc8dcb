"""How a package finds its parts: one file to add a block, a search space, a proxy or a back end.

A `Registry` imports every module of its package on first use; the modules register what they hold.
A duplicate name raises, a miss names the nearest match, a broken file fails naming itself.
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
    """At most three of the known names that look like `name`, best first."""
    return difflib.get_close_matches(name[:80], list(known), n=3, cutoff=0.5)


class UnknownNameError(ZennasError, ValueError):
    """No such name in a registry; the message lists the nearest ones."""


class RegistryError(ZennasError, RuntimeError):
    """A registry that cannot be built: two parts of one name, or a module that fails to import."""


class Registry(Generic[T]):
    """Names to parts, filled by the modules of `package`.

    Look-up ignores case, so that `--proxy Zen` and `--proxy zen` are one thing; listing keeps the
    spelling that was registered. Modules whose name starts with an underscore are not imported.
    """

    def __init__(self, noun: str, package: str) -> None:
        self.noun = noun
        self._package = package
        self._items: dict[str, tuple[str, T]] = {}
        self._loaded = False

    def add(self, name: str, item: T) -> None:
        """Register `item`; raises RegistryError if the name is taken."""
        key = name.casefold()
        if key in self._items:
            raise RegistryError(f"two {self.noun}s are named {name!r}: rename one of them")
        self._items[key] = (name, item)

    def get(self, name: str) -> T:
        """The part of that name; raises UnknownNameError naming the nearest matches."""
        self._load()
        try:
            return self._items[name.casefold()][1]
        except KeyError:
            raise UnknownNameError(self.miss(name)) from None

    def spelling(self, name: str) -> str:
        """The name as it was registered; raises UnknownNameError."""
        self.get(name)
        return self._items[name.casefold()][0]

    def __contains__(self, name: str) -> bool:
        self._load()
        return name.casefold() in self._items

    def names(self) -> list[str]:
        self._load()
        return [name for name, _ in self._items.values()]

    def __iter__(self) -> Iterator[T]:
        self._load()
        return iter([item for _, item in self._items.values()])

    def nearest(self, name: str) -> list[str]:
        """At most three registered names that look like `name`, best first."""
        self._load()
        return [self._items[key][0] for key in nearest_names(name.casefold(), self._items)]

    def miss(self, name: str) -> str:
        """The message for a name that is not here."""
        near = self.nearest(name)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(self.names())}"
        return f"unknown {self.noun} {name[:80]!r} ({hint})"

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True  # before the imports: modules may look things up while they register
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
