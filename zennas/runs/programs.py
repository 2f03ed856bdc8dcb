"""Programs that a run scores networks with: their files are named from any folder, and must not change in between.

Names of other proxies, of costs and of columns are left alone. See `ZeroShotProxy/programs/files.py` for the files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from zennas.common.errors import SettingsError
from ZeroShotProxy import ensembles
from ZeroShotProxy.proxies.program import FAMILY

_PREFIX = f"{FAMILY}:"


def lasting(name: str) -> str:
    """Return the name of a proxy or an expression, with absolute paths if it has programs from files.

    Raises UnknownNameError or WrongProxyError if there is no such program.
    """
    return ensembles.find(name).info.name if _has_program(name) else name


def digests(names: Iterable[str]) -> dict[str, str]:
    """Return the digests of the programs in names of proxies and expressions, by name. Raises what `lasting` raises."""
    from ZeroShotProxy.programs.files import load  # which a search without programs does not need

    return {program: load(program.removeprefix(_PREFIX)).digest for program in _programs(names)}


def refuse_changed(folder: Path, names: Iterable[str], known: object) -> None:
    """Raise SettingsError if a program has changed since the run in `folder` began, or cannot be read any more.

    known: what `digests` was.
    """
    before = known if isinstance(known, dict) else {}
    for name, digest in digests(names).items():
        if before.get(name, digest) != digest:
            raise SettingsError(
                f"{name} has changed since the run in {folder} began: restore the file, or start a new run in another "
                "folder"
            )


def _has_program(name: str) -> bool:
    return _PREFIX in name.casefold()


def _programs(names: Iterable[str]) -> Iterator[str]:
    for part in ensembles.parts_of(filter(_has_program, names)):
        if _has_program(part):
            yield part
