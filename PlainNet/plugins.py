"""Parts from outside this project: installed distributions announce them as entry points, and a user's own files.

`registry.py` loads both. An entry point names a module, which registers its parts as a file of this project would, or
an object inside a module, which is registered for it:

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
    """Where a part was registered: the module whose import did it, its file, and the entry point that named it."""

    module: str
    file: str
    announced: str = ""

    def __str__(self) -> str:
        return f"{self.file} ({self.announced})" if self.announced not in ("", self.file) else self.file


def origin() -> Origin:
    """Of the call that is going on: the innermost module that is being imported, or the program itself."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    if frame is None:  # a thread has no module at its bottom
        return Origin("", "a thread of this program")
    return Origin(str(frame.f_globals.get("__name__", "")), frame.f_code.co_filename)


@cache
def _all() -> EntryPoints:
    """Of all groups at once: each call reads the files of all distributions, which takes some milliseconds."""
    from importlib.metadata import entry_points

    return cast("EntryPoints", entry_points())  # Python before 3.12 gives something that only acts like it


def entry_points_of(group: str) -> list[EntryPoint]:
    """The entry points of installed distributions in a group, in the order of their distributions' names."""
    return sorted(_all().select(group=group), key=announced)


def announced(point: EntryPoint) -> str:
    """What an entry point says and which distribution says it, for people."""
    by = point.dist.name if point.dist is not None else "an unknown distribution"
    return f"{by}: entry point {point.name} = {point.value} of group {point.group}"


def load_module(path: Path) -> ModuleType:
    """Run a Python file as a module, under a name that no other has. What it raises is passed on."""
    name = f"{path.stem}_{crc32(str(path).encode()):08x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("its name does not end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
