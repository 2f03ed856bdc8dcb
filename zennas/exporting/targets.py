"""How files for a target are exported: from the target that is named, or that a search in the run was for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zennas.budget.target import ENDING, TARGETS, find_target
from zennas.exporting.base import FORMATS
from zennas.runs.designs import SEARCH as DESIGN_SEARCH
from zennas.runs.designs import is_design
from zennas.runs.points import point_of
from zennas.runs.schema import FILE, SEARCH
from zennas.runs.store import Store

PLAIN = "onnx"
"""The format without a target."""


def for_target(network: str, format: str | None, options: Mapping[str, Any]) -> tuple[str, dict[str, Any], str | None]:
    """Return the format and the options of an export, and the target that they are for, if any.

    format: None to let the target decide. options: of the format; "target" is the name or file of a target, or an
    option of a format, such as onnx-int8's. Options that are given override the target's; those of the target only
    hold for its own format.

    Raises UnknownNameError or ConfigError for a target, WrongSettingError, and StoreError for a damaged run.
    """
    named = options.get("target")
    chip = isinstance(named, str) and (named in TARGETS or named.endswith(ENDING) or not _is_option(named, format))
    given = {name: value for name, value in options.items() if name != "target" or not chip}
    if not chip and format is not None:
        return format, given, None
    chosen = str(named) if chip else None if named is not None else target_of(network)
    if chosen is None:
        return format or PLAIN, given, None
    export = find_target(chosen).export
    if format is not None and format != export.format:
        return format, given, chosen
    kept = {name: value for name, value in given.items() if value is not None}
    return export.format, {**export.options, **kept}, chosen


def _is_option(name: str, format: str | None) -> bool:
    """Whether `name` is for the option "target" of a format: of the one that was chosen, which says what it allows, or
    of any that has this value."""
    if format is not None and format in FORMATS and "target" in FORMATS.get(format).options:
        return True
    return any("target" in form.options and name in form.options["target"].allowed for form in FORMATS)


def target_of(network: str) -> str | None:
    """Return the target of the search in a run, or in the folder around a training; None if there is none.

    Raises StoreError if the run is damaged.
    """
    point = point_of(network)
    own = Path(network) if point is None else point.run
    if "(" in network:
        return None
    for near in (own, own.resolve().parent):
        folder = near / DESIGN_SEARCH if is_design(near) else near
        if (folder / FILE).is_file():
            with Store.read(folder) as store:
                settings = store.get("settings") if store.kind == SEARCH else None
                found = settings.get("target") if isinstance(settings, dict) else None
                return found if isinstance(found, str) else None
    return None
