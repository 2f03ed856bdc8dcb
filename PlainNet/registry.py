"""How a package finds its parts: one file to add a block, a search space, a proxy or a back end.

A `Registry` imports every module of its package on first use, and what installed distributions announce as entry
points of its group (`plugins.py`); the modules register what they hold. A user's own file is loaded by its path.
A duplicate name raises, a miss names the nearest match, whatever is broken fails naming itself.
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
    """At most three of the known names that look like `name`, best first."""
    return difflib.get_close_matches(name[:80], list(known), n=3, cutoff=0.5)


class UnknownNameError(ZennasError, ValueError):
    """No such name in a registry; the message lists the nearest ones."""


class RegistryError(ZennasError, RuntimeError):
    """A registry that cannot be built: two parts of one name, or a module that fails to import."""


class Registry(Generic[T]):
    """Names to parts, filled by the modules of `package` and by the entry points of `group`.

    Look-up ignores case, so that `--proxy Zen` and `--proxy zen` are one thing; listing keeps the
    spelling that was registered. Modules whose name starts with an underscore are not imported.
    names_of: the names of a part that an entry point holds itself; without it, the name of the entry point.
    """

    def __init__(
        self, noun: str, package: str, group: str = "", names_of: Callable[[T], Sequence[str]] | None = None
    ) -> None:
        self.noun = noun
        self.group = group
        self._package = package
        self._names_of = names_of
        self._items: dict[str, tuple[str, T, Origin]] = {}
        self._loaded = False

    def add(self, name: str, item: T) -> None:
        """Register `item`; raises RegistryError if the name is taken."""
        self._put(name, item, origin())

    def _put(self, name: str, item: T, own: Origin) -> None:
        key = name.casefold()
        if key in self._items:
            raise RegistryError(
                f"two parts claim the {self.noun} {name!r}, one from {self._items[key][2]} and one from {own}: "
                "rename one of them"
            )
        self._items[key] = (name, item, own)

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
        return [name for name, *_ in self._items.values()]

    def __iter__(self) -> Iterator[T]:
        self._load()
        return iter([item for _, item, _ in self._items.values()])

    def nearest(self, name: str) -> list[str]:
        """At most three registered names that look like `name`, best first."""
        self._load()
        return [self._items[key][0] for key in nearest_names(name.casefold(), self._items)]

    def miss(self, name: str) -> str:
        """The message for a name that is not here."""
        near = self.nearest(name)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(self.names())}"
        return f"unknown {self.noun} {name[:80]!r} ({hint})"

    def load_file(self, path: Path | str) -> list[str]:
        """Load a user's own .py file, once; gives the names that it registers.

        Raises RegistryError, naming the file, where it cannot be run or registers nothing.
        """
        self._load()
        place = Path(path).expanduser().resolve()
        if not place.is_file():
            raise RegistryError(f"there is no file {place}, expected one that registers a {self.noun}")
        if not self._from(place):
            with self._whole_or_not_at_all(str(place)):
                load_module(place)
        found = self._from(place)
        if not found:
            raise RegistryError(f"{place} registers no {self.noun}")
        return found

    def _from(self, file: Path) -> list[str]:
        return [name for name, _, own in self._items.values() if Path(own.file).resolve() == file]

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True  # before the imports: modules may look things up while they register
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
        """Errors become RegistryErrors that name `source`; a module that fails leaves nothing registered."""
        before = set(self._items)
        try:
            yield
        except Exception as error:
            for key in set(self._items) - before:
                if self._items[key][2].module not in sys.modules:
                    del self._items[key]
            told = str(error) if isinstance(error, ZennasError) else f"{type(error).__name__}: {error}"
            raise RegistryError(f"{source} cannot be loaded: {told}") from error
