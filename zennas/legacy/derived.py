"""Zen-NAS's flags that take default, type, range, choices and help from a setting, and differ only in their names."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any

from PlainNet.sizes import Sides
from zennas.common.settings import Described, described, whole_range
from zennas.common.settings_text import default_text
from zennas.legacy.arguments import count, folder, size


def add_flags(
    add: Callable[..., Any], kind: type, flags: Mapping[str, str], defaults: Mapping[str, Any] | None = None
) -> None:
    """Add flags to a parser or a group.

    add: `add_argument` of the parser or group. kind: dataclass with the settings. flags: from the names of a flag,
    separated by blanks, to the field that it sets. defaults: by field, for fields whose default differs in Zen-NAS.
    Raises ValueError if a switch would turn on what is on by default.
    """
    known = {one.name: one for one in described(kind)}
    for names, name in flags.items():
        one, own = known[name], defaults or {}
        default = own.get(name, None if one.required else one.default)
        if one.kind.of is bool:
            if default:
                raise ValueError(f"{names} would switch on {name}, which is on by default")
            add(*names.split(), action="store_true", help=one.setting.help)
            continue
        says = f"{default}" if name in own else default_text(one)
        help = f"{one.setting.help.removesuffix('.')}; default: {says}".replace("%", "%%")
        choices = {"choices": one.setting.choices} if one.setting.choices else {"type": _type(one)}
        add(*names.split(), default=default, help=help, **choices)


def taken(options: Namespace, flags: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the flags, by field."""
    return {
        name: getattr(options, names.split()[0].removeprefix("--").replace("-", "_")) for names, name in flags.items()
    }


def _type(one: Described) -> Callable[[str], Any]:
    if one.kind.of is Sides:
        return size
    if one.kind.of is int:
        return count(*whole_range(one.setting))
    return folder if one.setting.metavar == "FOLDER" else one.kind.of
