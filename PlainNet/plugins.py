"""Parts from outside this project: the entry points of installed distributions, and users' own files.

`registry.py` loads both. An entry point refers to a module, which registers its parts like a file of this project, or
to an object in a module, which is then registered:

    [project.entry-points."zennas.proxies"]
    mine = "my_package.my_module"
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, cast
from zlib import crc32

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints


class Origin(NamedTuple):
    """Where a part was registered: the module that was being imported, its file, and the entry point that led to it."""

    module: str
    file: str
    announced: str = ""

    def __str__(self) -> str:
        return f"{self.file} ({self.announced})" if self.announced not in ("", self.file) else self.file


def origin() -> Origin:
    """Return the origin of the current call: the innermost module that is being imported, or the program itself."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    if frame is None:  # the call stack of a thread does not start in a module
        return Origin("", "a thread of this program")
    return Origin(str(frame.f_globals.get("__name__", "")), frame.f_code.co_filename)


@cache
def _all() -> EntryPoints:
    """The entry points of all groups. Cached, as each call reads files of all distributions, which is slow."""
    from importlib.metadata import entry_points

    return cast("EntryPoints", entry_points())  # before Python 3.12 it is another type with the same methods


def entry_points_of(group: str) -> list[EntryPoint]:
    """Return the entry points of a group, sorted by the names of their distributions."""
    return sorted(_all().select(group=group), key=announced)


def announced(point: EntryPoint) -> str:
    """Return a description of an entry point and its distribution, for messages."""
    by = point.dist.name if point.dist is not None else "an unknown distribution"
    return f"{by}: entry point {point.name} = {point.value} of group {point.group}"


def load_module(path: Path) -> ModuleType:
    """Execute a Python file as a module with a unique name and return the module.

    Raises ImportError if the file name does not end in .py; errors of the file itself are passed on.
    """
    name = f"{path.stem}_{crc32(str(path).encode()):08x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("its name does not end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before execution, as dataclasses look up their module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
