"""Commands whose flags are derived from dataclasses of settings; see `zennas/common/settings.py`.

    @derived(CorrelateSettings)
    def correlate(context: typer.Context, chosen: Chosen, save_dir: opt.SaveDir = None) -> None:
        ...
        settings = chosen.make(CorrelateSettings)

`chosen` is replaced by one flag per setting, and by `--config FILE`. Flags on the command line take precedence over the
file, and the file takes precedence over the defaults.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Optional, TypeVar

import typer

from PlainNet.sizes import Sides
from PlainNet.weights_path import is_weights_file
from zennas.cli import options as opt
from zennas.common.config import read_config
from zennas.common.settings import Described, checked_value, described, from_values, whole_range
from zennas.common.settings_text import flag_help

T = TypeVar("T")
Way = tuple[str, ...]
"""The path to a setting: the names of the fields, from the outermost dataclass inward."""

Config = Annotated[
    Optional[Path],
    typer.Option(
        "--config",
        help="TOML file with settings, such as settings.toml of a run. Flags override it, and --no-X turns X off.",
        parser=opt.file,
        metavar="FILE",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Chosen:
    """The settings that were given, on the command line or in a file.

    values: the settings by field name; settings of inner dataclasses are in nested dictionaries. Settings that were not
        given are missing.
    flags: the flags on the command line, by the path to the setting: {("recipe", "lr"): "--lr"}.
    """

    values: dict[str, Any]
    flags: Mapping[Way, str]

    def make(self, kind: type[T], **more: Any) -> T:
        """Return the dataclass `kind` with the given settings; `more` takes precedence. Raises what the dataclass
        raises.
        """
        names = {one.name for one in fields(kind)}  # type: ignore[arg-type]  # a dataclass
        return from_values(kind, {**{name: one for name, one in self.values.items() if name in names}, **more})

    def said(self, name: str) -> dict[str, Any]:
        """Return the settings given for the inner dataclass in the field `name`; empty if there are none."""
        return dict(self.values.get(name) or {})


def derived(
    *kinds: type, also: tuple[str, ...] = (), config: bool = True, without: tuple[str, ...] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that replaces the parameter `chosen: Chosen` of a command by one flag per setting of `kinds`.

    also: names of further texts that the file may contain; they end up in `Chosen.values`.
    config: whether the command has `--config`.
    without: names of settings that have no flag here; files may contain them.

    The command needs a parameter `context: typer.Context`.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True).parameters
        flagged = [(way, one) for way, one in _settings(kinds) if way[0] not in without]
        ways = {_parameter(one): way for way, one in flagged}
        off = {f"no_{_parameter(one)}": way for way, one in flagged if _one_sided(one)}
        parameters: list[inspect.Parameter] = []
        for name, one in own.items():
            if name != "chosen":
                parameters.append(one.replace(kind=inspect.Parameter.KEYWORD_ONLY))
                continue
            for _, each in flagged:
                parameters += [_option(each), *([_off(each)] if _one_sided(each) else [])]
            if config:
                parameters.append(inspect.Parameter("config", _KEYWORD, default=None, annotation=Config))

        def run(**values: Any) -> None:
            context: typer.Context = values["context"]
            given = [name for name in (*ways, *off) if opt.given(context, name)]
            file = values.pop("config", None)
            found = {} if file is None else read_config(file, *kinds, also=also)
            for name in given:
                _put(found, ways.get(name) or off[name], values[name] if name in ways else False)
            for name in (*ways, *off):
                del values[name]
            flags = {ways.get(name) or off[name]: _flag(context, name) for name in given}
            command(**values, chosen=Chosen(found, flags))

        run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return decorate


_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def _settings(kinds: tuple[type, ...], outer: Way = ()) -> Iterator[tuple[Way, Described]]:
    """All settings that have flags, with the paths to them, including those of inner dataclasses."""
    for kind in kinds:
        for one in described(kind):
            way = (*outer, one.name)
            if one.kind.nested and not one.kind.many:
                yield from _settings((one.kind.of,), way)
            elif one.flag:
                yield way, one


def _one_sided(one: Described) -> bool:
    """Whether help shows only `--x`, because the default is off; `--no-x` exists to override a file."""
    return one.kind.of is bool and one.default is False and one.setting.shown is None


def _off(one: Described) -> inspect.Parameter:
    info = typer.Option(f"--no-{one.flag.removeprefix('--')}", hidden=True)
    return inspect.Parameter(f"no_{_parameter(one)}", _KEYWORD, default=False, annotation=Annotated[bool, info])


def _parameter(one: Described) -> str:
    """The name of the command's parameter."""
    return one.flag.removeprefix("--").replace("-", "_")


def _flag(context: typer.Context, parameter: str) -> str:
    return next(one.opts[0] for one in context.command.params if one.name == parameter)


def _put(values: dict[str, Any], way: Way, value: Any) -> None:
    for name in way[:-1]:
        values = values.setdefault(name, {})
    values[way[-1]] = value


def _option(one: Described) -> inspect.Parameter:
    """The parameter that typer turns into the flag."""
    said, of = one.setting, one.kind.of
    default = None if one.required else one.default
    shown: str | bool = said.shown if said.shown is not None else not (one.required or _one_sided(one))
    option = partial(
        typer.Option, help=flag_help(one), rich_help_panel=said.panel, metavar=said.metavar, show_default=shown
    )
    annotation: Any = of
    if of is bool:
        info = option(one.flag if _one_sided(one) else f"{one.flag}/--no-{one.flag.removeprefix('--')}")
    elif one.kind.many and of is int:
        annotation, info = str, option(one.flag, parser=_whole_numbers, metavar=said.metavar or "N,N")
    elif one.kind.many:
        annotation, info = list[of], option(one.flag)  # type: ignore[valid-type]
    elif of is Sides:
        annotation, info = str, option(one.flag, parser=opt.size)
    elif of is int:
        info = option(one.flag, parser=opt.count(*whole_range(said)), metavar=said.metavar or "NUMBER")
    elif of is float:
        info = option(one.flag, parser=partial(_number, one), metavar=said.metavar or "NUMBER")
    elif said.existing:
        annotation, info = str, option(one.flag, parser=partial(_existing, of), metavar=said.metavar or "FILE")
    elif of is Path:
        annotation, info = Path, option(one.flag, parser=opt.folder, metavar=said.metavar or "FOLDER")
    else:
        info = option(one.flag)
    if default in (None, ()):
        annotation = Optional[annotation]
    if one.kind.many:
        default = (",".join(map(str, default or ())) or None) if of is int else list(default or ())
    return inspect.Parameter(_parameter(one), _KEYWORD, default=default, annotation=Annotated[annotation, info])


def _number(one: Described, text: str | float) -> float:
    """Parse a number and check its range, as `check` does for the dataclass."""
    try:
        return float(checked_value(one, float(text), ValueError, one.label))
    except ValueError as error:
        said = str(error) if str(error).startswith(f"{one.label} ") else f"{text!r} is not a number"
        raise typer.BadParameter(said) from None


def _whole_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a list of whole numbers, expected one like 30,60") from None


def _existing(of: type, text: str) -> Any:
    if not is_weights_file(Path(text)):
        raise typer.BadParameter(f"there is no file {text!r}")
    return of(text)
