"""Registries: a new block, search space, proxy or back end is one new file in its package.

A `Registry` imports all modules of its package when it is first used, then the entry points of its group that installed
distributions have (see `plugins.py`); the modules register their parts. A user's own file is loaded by its path.
Duplicate names, unknown names and broken files raise errors; that for an unknown name lists similar names.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Generic, TypeVar

from PlainNet.errors import ZennasError
from PlainNet.plugins import Origin, announced, entry_points_of, load_module, origin

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


def nearest_names(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three of the known names that are similar to `name`, best first."""
    return difflib.get_close_matches(name[:80], list(known), n=3, cutoff=0.5)


def did_you_mean(near: Sequence[str], otherwise: str) -> str:
    """Return the way out for a name that is not known: the names like it, or `otherwise` if there are none."""
    return f"did you mean {' or '.join(near)}?" if near else otherwise


class UnknownNameError(ZennasError, ValueError):
    """Raised if a registry does not have a name. The message lists similar names."""


class RegistryError(ZennasError, RuntimeError):
    """Raised if a registry cannot be filled: two parts have the same name, or a module cannot be imported."""


class Registry(Generic[T]):
    """A mapping from names to parts, filled by the modules of a package and by the entry points of a group.

    noun: what a part is called in messages.
    package: the package whose modules register parts.
    group: the group of entry points, or "" for none.
    names_of: returns the names of a part that an entry point refers to directly. Without it, the name of the entry
        point is used.

    Names are looked up without regard to case, and listed as they were registered. Modules whose names start with an
    underscore are not imported. Parts that a text or a file of their own describes are not registered one by one, and
    not listed: they belong to a family and have names like `FAMILY:TEXT`.
    """

    def __init__(
        self, noun: str, package: str, group: str = "", names_of: Callable[[T], Sequence[str]] | None = None
    ) -> None:
        self.noun = noun
        self.group = group
        self._package = package
        self._names_of = names_of
        self._items: dict[str, tuple[str, T, Origin]] = {}
        self._families: dict[str, Callable[[str], T]] = {}
        self._loaded = False

    def add(self, name: str, item: T) -> None:
        """Register `item` under `name`. Raises RegistryError if the name is taken."""
        self._put(name, item, origin())

    def add_family(self, family: str, make: Callable[[str], T]) -> None:
        """Let `family:TEXT` name the part that `make` returns for the text, which may raise any ZennasError.

        Raises RegistryError if there is such a family already.
        """
        if family.casefold() in self._families:
            raise RegistryError(f"two parts claim the {self.noun}s {family + ':'!r}: rename one of them")
        self._families[family.casefold()] = make

    def _put(self, name: str, item: T, own: Origin) -> None:
        key = name.casefold()
        if key in self._items:
            raise RegistryError(
                f"two parts claim the {self.noun} {name!r}, one from {self._items[key][2]} and one from {own}: "
                "rename one of them"
            )
        self._items[key] = (name, item, own)

    def get(self, name: str) -> T:
        """Return the part named `name`. Raises UnknownNameError, with similar names, if there is none."""
        self._load()
        if self._of_family(name):
            family, _, text = name.partition(":")
            return self._families[family.casefold()](text)
        try:
            return self._items[name.casefold()][1]
        except KeyError:
            raise UnknownNameError(self.miss(name)) from None

    def spelling(self, name: str) -> str:
        """Return the name as it was registered, and that of a part of a family as it is.

        Raises UnknownNameError if there is no such name.
        """
        self.get(name)
        return name if self._of_family(name) else self._items[name.casefold()][0]

    def __contains__(self, name: str) -> bool:
        """Whether a part is registered under `name`; those of families are not."""
        self._load()
        return name.casefold() in self._items

    def _of_family(self, name: str) -> bool:
        family, colon, _ = name.partition(":")
        return bool(colon) and family.casefold() in self._families

    def names(self) -> list[str]:
        """Return all names, in the order of registration."""
        self._load()
        return [name for name, *_ in self._items.values()]

    def __iter__(self) -> Iterator[T]:
        self._load()
        return iter([item for _, item, _ in self._items.values()])

    def nearest(self, name: str) -> list[str]:
        """Return up to three registered names that are similar to `name`, best first."""
        self._load()
        return [self._items[key][0] for key in nearest_names(name.casefold(), self._items)]

    def miss(self, name: str) -> str:
        """Return the message for a name that is not registered."""
        near = self.nearest(name)
        hint = did_you_mean(near, f"known: {', '.join(self.names())}")
        return f"unknown {self.noun} {name[:80]!r} ({hint})"

    def load_file(self, path: Path | str) -> list[str]:
        """Load a user's .py file, unless it is loaded already, and return the names that it registers.

        The file is executed, so load only files that you trust. Raises RegistryError, with the path, if the file does
        not exist, fails, or registers nothing.
        """
        self._load()
        place = Path(path).expanduser().resolve()
        if not place.is_file():
            raise RegistryError(f"{place} does not exist, expected a file that registers a {self.noun}")
        if not self._from(place):
            with self._whole_or_not_at_all(str(place)):
                load_module(place)
        found = self._from(place)
        if not found:
            raise RegistryError(f"{place} does not register a {self.noun}")
        return found

    def _from(self, file: Path) -> list[str]:
        return [name for name, _, own in self._items.values() if Path(own.file).resolve() == file]

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True  # before the imports, as modules may look up parts while they are imported
        try:
            package = importlib.import_module(self._package)
            for info in pkgutil.iter_modules(package.__path__):
                if not info.name.startswith("_"):
                    with self._whole_or_not_at_all(str(Path(package.__path__[0]) / f"{info.name}.py")):
                        importlib.import_module(f"{self._package}.{info.name}")
            for point in entry_points_of(self.group) if self.group else ():
                with self._whole_or_not_at_all(announced(point)):
                    self._load_point(point)
        except BaseException:
            self._loaded = False
            raise

    def _load_point(self, point: EntryPoint) -> None:
        before = set(self._items)
        found = point.load()
        if not isinstance(found, ModuleType) and all(found is not item for _, item, _ in self._items.values()):
            for name in self._names_of(found) if self._names_of else (point.name,):
                self._put(name, found, Origin(point.module, announced(point)))
        for key in set(self._items) - before:
            name, item, own = self._items[key]
            self._items[key] = (name, item, own._replace(announced=announced(point)))

    @contextmanager
    def _whole_or_not_at_all(self, source: str) -> Iterator[None]:
        """Turn errors into RegistryErrors that name `source`, and remove what a failing module has registered."""
        before = set(self._items)
        try:
            yield
        except (Exception, SystemExit) as error:  # a file that ends the program would do so without a message
            for key in set(self._items) - before:
                if self._items[key][2].module not in sys.modules:
                    del self._items[key]
            reason = str(error) if isinstance(error, ZennasError) else f"{type(error).__name__}: {error}"
            raise RegistryError(f"{source} cannot be loaded: {reason}") from error
