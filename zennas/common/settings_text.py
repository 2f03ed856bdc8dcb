"""Settings as text: JSON, the differences of two, and tables for the docs. `settings.py` defines settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from zennas.common.errors import SettingsError
from zennas.common.settings import Described, described, from_values

T = TypeVar("T")

_LONGEST = 200


def to_json(instance: Any) -> dict[str, Any]:
    """Return all fields of a dataclass as JSON values: tuples as lists, and paths and other objects as text."""
    return {one.name: _json(getattr(instance, one.name)) for one in fields(instance)}


def restored(kind: type[T], stored: Any) -> T:
    """Return the dataclass `kind` from the JSON of a run. Raises SettingsError if another version wrote it."""
    if not isinstance(stored, dict) or not stored:
        raise SettingsError("the run has no settings")
    unknown = stored.keys() - {one.name for one in fields(kind)}  # type: ignore[arg-type]  # a dataclass
    if unknown:
        raise SettingsError(f"the run was made by another version, with settings {', '.join(sorted(unknown))}")
    try:
        return from_values(kind, stored)
    except (KeyError, TypeError) as error:
        raise SettingsError(f"the settings of the run cannot be read: {error}") from None


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Return the differences of two sets of settings, each as "lr 0.05, not 0.1": the value in `ours`, then in
    `theirs`.

    Both are JSON values. A nested setting is named by its innermost name, or by its full path if that is ambiguous.
    """
    found = _differing(ours, theirs, ())
    innermost = [name for path in {*_paths(ours, ()), *_paths(theirs, ())} for name in path[-1:]]
    return [
        f"{path[-1] if innermost.count(path[-1]) < 2 else '.'.join(path)} {_short(mine)}, not {_short(other)}"
        for path, mine, other in found
    ]


def flag_help(one: Described) -> str:
    """Return the help of a flag, including its choices."""
    said = one.setting
    return f"{said.help.removesuffix('.')}: {said.choices_text}." if said.choices else said.help


def default_text(one: Described) -> str:
    """Return the default of a setting as text for users."""
    if one.setting.shown is not None:
        return one.setting.shown
    if one.required:
        return "required"
    if one.default is None or one.default == ():
        return "none"
    if isinstance(one.default, bool):
        return "yes" if one.default else "no"
    return ", ".join(map(str, one.default)) if one.kind.many else f"{one.default}"


def range_words(one: Described) -> str:
    """Return the range of a number as text for users; "" if there is none."""
    said = one.setting
    if said.above is not None:
        words = f"above {said.above:g}" if said.most is None else f"above {said.above:g}, at most {said.most:g}"
    elif said.least is None:
        words = "" if said.most is None else f"at most {said.most:g}"
    else:
        words = f"at least {said.least:g}" if said.most is None else f"{said.least:g} to {said.most:g}"
    return f"{words} {said.unit}".strip()


def markdown_table(kind: type) -> str:
    """Return the settings of a dataclass as a Markdown table: name, flag, default, range and description."""
    rows = ["| setting | flag | default | range | what it is |", "|---|---|---|---|---|"]
    for one in described(kind):
        if not one.kind.nested:
            flag = f"`{one.flag}`" if one.flag else ""
            cells = (f"`{one.name}`", flag, default_text(one), range_words(one), flag_help(one))
            rows.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join(rows) + "\n"


def _json(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return to_json(value)
    if isinstance(value, Mapping):
        return {name: _json(each) for name, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [_json(each) for each in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _differing(ours: Any, theirs: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any, Any]]:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        names = {**ours, **theirs}
        return [each for name in names for each in _differing(ours.get(name), theirs.get(name), (*path, name))]
    return [] if ours == theirs else [(path, ours, theirs)]


def _paths(nested: Any, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    if isinstance(nested, Mapping):
        return [each for name, value in nested.items() for each in _paths(value, (*path, name))]
    return [path]


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
