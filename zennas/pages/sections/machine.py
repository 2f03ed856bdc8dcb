"""Where and when the run was made: machine and versions."""

from __future__ import annotations

import time

from zennas.pages.parts import Facts, Part
from zennas.pages.record import Record
from zennas.pages.section import Section, register

_NAMES = ("device", "processor", "cores", "threads", "platform", "python")


def parts(record: Record) -> list[Part]:
    """The machine, and the versions of the libraries."""
    where, rows = record.environment, list[tuple[str, str]]()
    if record.created:
        rows.append(("begun", time.strftime("%Y-%m-%d %H:%M", time.localtime(record.created))))
    rows += [(name, str(where[name])) for name in _NAMES if name in where]
    packages = where.get("packages")
    if isinstance(packages, dict):
        rows += [(str(name), str(version)) for name, version in packages.items() if version is not None]
    for one in record.exports[:1]:
        known = {name for name, _ in rows}
        rows += [(name, version) for name, version in one.versions.items() if name not in known]
    return [Facts(tuple(rows))] if rows else []


register(Section("machine", "Machine and versions", 90, parts))
