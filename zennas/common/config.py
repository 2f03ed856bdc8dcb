"""Files of settings in TOML: `--config` reads them, and every run writes one so that it can be repeated.

The fields of dataclasses are at the top level, by name; a field that contains a dataclass is a table. Settings that are
None are left out.

    dataset = "digits"

    [recipe]
    epochs = 60
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from PlainNet.files import read_named, write_text
from PlainNet.registry import did_you_mean, nearest_names
from PlainNet.sizes import Sides
from zennas.common.errors import WrongSettingError
from zennas.common.settings import Described, checked_value, described

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SETTINGS_FILE = "settings.toml"
"""The file in the folder of a run with the settings that repeat it."""


class ConfigError(WrongSettingError):
    """A file of settings cannot be read, or contains a setting that is not valid."""


def read_config(path: Path, *kinds: type, also: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the settings in a file by field of the dataclasses `kinds`; inner dataclasses are nested dictionaries.

    The result only contains settings that are in the file.

    also: names of further texts that are allowed at the top level.

    Raises ConfigError naming the file, the setting, its value and what was expected, if the file cannot be read or a
    setting has the wrong type, range or choice.
    """
    try:
        found = tomllib.loads(read_named(path).decode())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # from TOML or UTF-8
        raise ConfigError(f"{path} is not a TOML file: {' '.join(str(error).split())}") from None
    texts = {name: found.pop(name) for name in also if name in found}
    for name, value in texts.items():
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{path}: {name} is {value!r}, expected text")
    known = {one.name: one for kind in kinds for one in described(kind) if one.setting.stored}
    return {**texts, **_read(path, "", found, known, also)}


def write_config(path: Path, *instances: Any, also: Mapping[str, str] | None = None) -> None:
    """Write the settings of dataclasses to a file for `read_config`, completely or not at all. Raises OSError."""
    write_text(path, config_text(*instances, also=also))


def config_text(*instances: Any, also: Mapping[str, str] | None = None) -> str:
    """Return the settings of dataclasses as the text of a file for `read_config`."""
    content: dict[str, Any] = dict(also or {})
    for instance in instances:
        content |= _table(instance)
    return tomli_w.dumps(content)


def _read(
    path: Path, where: str, found: dict[str, Any], known: Mapping[str, Described], also: tuple[str, ...] = ()
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in found.items():
        one, full = known.get(name), f"{where}{name}"
        if one is None:
            near = nearest_names(name, [*known, *also])
            hint = did_you_mean(near, f"known: {', '.join([*also, *known])}")
            table = f" in [{where.removesuffix('.')}]" if where else ""
            raise ConfigError(f"{path}: unknown setting {name!r}{table} ({hint})")
        if not one.kind.nested:
            values[name] = _value(path, one, value, full)
        elif one.kind.many:
            if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
                raise ConfigError(f"{path}: {full} is {value!r}, expected tables, as in [[{full}]]")
            values[name] = [_complete(path, full, _read(path, f"{full}.", each, _inner(one)), one) for each in value]
        else:
            if not isinstance(value, dict):
                raise ConfigError(f"{path}: {full} is {value!r}, expected a table, as in [{full}]")
            values[name] = _read(path, f"{full}.", value, _inner(one))
    return values


def _complete(path: Path, where: str, values: dict[str, Any], one: Described) -> dict[str, Any]:
    """Return the values of one of several tables, which no flag can complete. Raises ConfigError if one is missing."""
    missing = [inner.name for inner in _inner(one).values() if inner.required and inner.name not in values]
    if missing:
        raise ConfigError(f"{path}: [[{where}]] has no {missing[0]}, expected one in every such table")
    return values


def _inner(one: Described) -> dict[str, Described]:
    return {inner.name: inner for inner in described(one.kind.of) if inner.setting.stored}


def _value(path: Path, one: Described, value: Any, name: str) -> Any:
    checked = checked_value(one, value, ConfigError, f"{path}: {name}")
    return float(checked) if one.kind.of is float and not one.kind.many else checked


def _table(instance: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in described(type(instance)):
        value = getattr(instance, one.name)
        if value is None or not one.setting.stored:
            continue
        if one.kind.nested:
            found[one.name] = [_table(each) for each in value] if one.kind.many else _table(value)
        elif one.kind.many:
            found[one.name] = [str(each) if isinstance(each, Path) else each for each in value]
        else:
            found[one.name] = _single(value)
    return found


def _single(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Sides):
        return f"{value.height}x{value.width}"
    return _options(value) if isinstance(value, Mapping) else value


def _options(values: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a strategy; one that is None is left out, as TOML has no such value."""
    return {name: value for name, value in values.items() if value is not None}
