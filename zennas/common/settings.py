"""Settings: the field of a dataclass carries default, help, range and choices; everything else is derived from it.

    @dataclass(frozen=True)
    class Recipe:
        epochs: int = setting(10, "Passes over the training images.", least=1)

        def __post_init__(self) -> None:
            check(self, RecipeError)

These are derived: checks (`check`), files of settings (`config.py`), JSON, comparisons and the tables of the docs
(`settings_text.py`), and the flags of the command line (`zennas/cli/derived.py`) and of Zen-NAS's programs
(`zennas/legacy/derived.py`).
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from PlainNet.sizes import Sides
from zennas.common.errors import SettingsError
from zennas.common.limits import check_kind, check_number, check_whole, checked_resolution
from zennas.common.numbers import LARGEST

T = TypeVar("T")

_KEY = "setting"
_NOUNS: dict[type, str] = {int: "whole numbers", float: "numbers", str: "names", Path: "paths", bool: "True or False"}


@dataclass(frozen=True)
class Setting:
    """Everything about a setting except its type and default.

    help: a sentence.
    least, most: the ends of its range, inclusive.
    above: a lower end, exclusive.
    choices: the allowed names.
    unit: the unit of a number, such as "pixels".
    panel: the heading of the flag in help.
    metavar: the name of the flag's value in help.
    shown: the default in help, if the actual default (mostly None) explains nothing.
    flag: the flag with its dashes, if it differs from the field's name; "" for a setting without a flag.
    existing: whether the command line requires the file to exist.
    stored: whether files of settings contain it.
    """

    help: str
    least: float | None = None
    most: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    panel: str | None = None
    metavar: str | None = None
    shown: str | None = None
    flag: str | None = None
    existing: bool = False
    stored: bool = True

    @property
    def choices_text(self) -> str:
        """The choices as in a sentence: sgd, adam or rmsprop."""
        *others, last = self.choices
        return f"{', '.join(others)} or {last}" if others else last

    @property
    def metadata(self) -> dict[str, Any]:
        """For fields without a default: `name: str = field(metadata=Setting("…").metadata)`."""
        return {_KEY: self}


def setting(
    default: Any,
    help: str,
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str = "",
    panel: str | None = None,
    metavar: str | None = None,
    shown: str | None = None,
    flag: str | None = None,
    existing: bool = False,
    stored: bool = True,
) -> Any:
    """Return a field of a dataclass with a default and the attributes of `Setting`; the annotation gives its type.

    Allowed types are bool, int, float, str and Path, and tuples of them like `tuple[int, ...]`; each also as `| None`.
    `Size` is that of images: a whole number, or height and width.
    A field can also be a mapping from names to values, which is a table in files and has no flag.
    """
    said = Setting(help, least, most, above, choices, unit, panel, metavar, shown, flag, existing, stored)
    return field(default=default, metadata=said.metadata)


@dataclass(frozen=True)
class Kind:
    """The type of a field: `of`, `of | None` (optional) or a tuple of `of` (many).

    of: a scalar or a dataclass; `Sides` for a `Size`.
    """

    of: type
    optional: bool = False
    many: bool = False

    @property
    def nested(self) -> bool:
        """Whether it is a dataclass with settings of its own."""
        return is_dataclass(self.of) and any(_KEY in one.metadata for one in fields(self.of))

    @property
    def simple(self) -> bool:
        """Whether `checked_value` can check it."""
        return self.of in (bool, int, float, str, Path, dict, Sides)


@dataclass(frozen=True)
class Described:
    """A field with its setting, which is empty if the field contains a dataclass with settings of its own."""

    name: str
    kind: Kind
    default: Any
    setting: Setting

    @property
    def required(self) -> bool:
        return self.default is MISSING

    @property
    def flag(self) -> str:
        """The flag with its dashes; "" if there is none."""
        if self.kind.nested:
            return ""
        return f"--{self.name.replace('_', '-')}" if self.setting.flag is None else self.setting.flag

    @property
    def label(self) -> str:
        """The name in messages that speak of flags."""
        return (self.flag or self.name).removeprefix("--").replace("_", "-")


def described(kind: type, plain: bool = False) -> tuple[Described, ...]:
    """Return the fields of a dataclass that are settings, or contain dataclasses with settings, in order.

    plain: whether to return all other fields, too, with an empty `Setting`.
    """
    return _described(kind, plain)


@cache
def _described(kind: Any, plain: bool) -> tuple[Described, ...]:
    hints = get_type_hints(kind)
    found = []
    for one in fields(kind):
        said, of = one.metadata.get(_KEY), _kind(hints[one.name])
        if said is not None or of.nested or plain:
            found.append(Described(one.name, of, _default(one), said or Setting("")))
    return tuple(found)


def check(instance: object, error: type[Exception] = SettingsError, *, flags: bool = False) -> None:
    """Check the type, range and choices of every setting of a dataclass, in its `__post_init__`; lists become tuples.

    flags: whether messages name a setting by its flag (`batch-size`) instead of its field (`batch_size`).

    Raises `error` naming the value, the limit and the way out.
    """
    for one in described(type(instance)):
        if not one.kind.nested:
            value = getattr(instance, one.name)
            checked = checked_value(one, value, error, one.label if flags else one.name)
            if checked is not value:
                object.__setattr__(instance, one.name, checked)


def checked_value(one: Described, value: Any, error: type[Exception], name: str) -> Any:
    """Return the value with lists as tuples, and texts as paths where needed. Raises `error` using `name`."""
    if value is None and one.kind.optional:
        return None
    if one.kind.of is dict:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise error(f"{name} is {value!r}, expected names with values")
        return value
    if not one.kind.many:
        return _checked_item(one, value, error, name)
    if not isinstance(value, (tuple, list)):
        raise error(f"{name} is {value!r}, expected a list of {_NOUNS[one.kind.of]}")
    return tuple(_checked_item(one, item, error, name) for item in value)


def from_values(kind: type[T], values: Mapping[str, Any]) -> T:
    """Return the dataclass with these values; mappings become inner dataclasses. Raises what the dataclass raises."""
    made: dict[str, Any] = dict(values)
    for one in described(kind):
        inner = made.get(one.name)
        if one.kind.nested and one.kind.many and inner is not None:
            made[one.name] = tuple(
                from_values(one.kind.of, each) if isinstance(each, Mapping) else each for each in inner
            )
        elif one.kind.nested and isinstance(inner, Mapping):
            made[one.name] = from_values(one.kind.of, inner)
    return kind(**made)


def _checked_item(one: Described, value: Any, error: type[Exception], name: str) -> Any:
    said, of = one.setting, one.kind.of
    if said.choices:
        if value not in said.choices:
            raise error(f"{name} is {value!r}, expected {said.choices_text}")
    elif of is bool:
        check_kind(name, value, bool, error)
    elif of is Sides:
        return checked_resolution(value, error, name=name)
    elif of is int:
        least, most = whole_range(said)
        check_whole(name, value, error, least=least, most=most, unit=f" {said.unit}" if said.unit else "")
    elif of is float:
        _check_float(one, value, error, name)
    elif of is Path and isinstance(value, Path):
        pass
    else:
        check_kind(name, value, str, error)
        if not value:
            raise error(f"{name} is empty, expected a name")
        return of(value)
    return value


def whole_range(said: Setting) -> tuple[int, int]:
    """Return the ends of the range of a whole number."""
    return (
        -LARGEST if said.least is None else int(said.least),
        LARGEST if said.most is None else int(said.most),
    )


def _check_float(one: Described, value: Any, error: type[Exception], name: str) -> None:
    said = one.setting
    number = type(value) in (int, float)
    if said.above is not None and not (number and said.above < value < math.inf):  # NaN is not, either
        way_out = ", or none at all" if one.kind.optional else ""
        shown = f"{value:g}" if number else repr(value)
        raise error(f"{name} is {shown}, expected a number above {said.above:g}{way_out}")
    least = said.above if said.least is None else said.least
    check_number(
        name,
        value,
        error,
        least=-math.inf if least is None else least,
        most=math.inf if said.most is None else said.most,
    )


def _kind(hint: Any) -> Kind:
    """The kind of an annotation; `of` is object if settings cannot have this type."""
    if get_origin(hint) in (Union, types.UnionType):
        parts = [part for part in get_args(hint) if part is not type(None)]
        inner = _kind(parts[0]) if len(parts) == 1 else Kind(Sides if set(parts) == {int, Sides} else object)
        return Kind(inner.of, len(parts) < len(get_args(hint)), inner.many)
    if get_origin(hint) is tuple and get_args(hint)[1:] == (...,):
        return Kind(_kind(get_args(hint)[0]).of, many=True)
    if get_origin(hint) in (dict, Mapping):
        return Kind(dict)
    return Kind(hint if isinstance(hint, type) else object)


def _default(one: Field[Any]) -> Any:
    if one.default_factory is not MISSING:
        make: Callable[[], Any] = one.default_factory
        return make()
    return one.default
