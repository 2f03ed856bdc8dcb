"""Options that several commands share, so that a flag has one meaning everywhere."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from PlainNet.device import DeviceError
from PlainNet.sizes import Size
from zennas.common.limits import MAX_IN_CHANNELS, written_resolution
from zennas.common.numbers import LARGEST, in_milliseconds, parse_count
from zennas.common.shared_settings import IN_CHANNELS_HELP, RESOLUTION_HELP

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


def count(least: int = 1, most: int = LARGEST) -> Callable[[str], int]:
    """Return a parser, for typer, of whole numbers like 480000, 1e6 and 1M. Other text is reported as wrong usage."""

    def number(text: str) -> int:  # also called for defaults, which are numbers already
        try:
            return parse_count(str(text), least, most)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return number


def real(least: float, most: float) -> Callable[[str], float]:
    """Return a parser, for typer, of numbers from `least` to `most`. Other text is reported as wrong usage."""

    def number(text: str) -> float:  # also called for defaults, which are numbers already
        try:
            value = float(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not a number, expected one from {least:g} to {most:g}") from None
        if not least <= value <= most:
            raise typer.BadParameter(f"{text} is out of range, expected a number from {least:g} to {most:g}")
        return value

    return number


def size(text: str) -> Size:
    """Parse the size of images, for typer: 224, or 96x160."""
    try:  # also called for defaults, which are sizes already
        return written_resolution(str(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def folder(text: str) -> Path:
    """Parse the name of a folder, for typer; it need not exist, but it must not be a file."""
    # Path("") would be the current folder.
    if not str(text):
        raise typer.BadParameter("the name is empty, expected a folder")
    if Path(text).is_file():
        raise typer.BadParameter(f"{text} is a file, expected a folder")
    return Path(text)


def file(text: str) -> Path:
    """Parse a file name, for typer."""
    if not str(text):
        raise typer.BadParameter("the name is empty, expected a file")
    return Path(text)


def label(text: str) -> str:
    """Parse a name that later appears in tables and file names, for typer."""
    if not _LABEL.fullmatch(text):
        raise typer.BadParameter(
            f"{text[:80]!r} is not a name, expected a letter or digit, then at most 99 of letters, digits and . _ + -"
        )
    return text


def one_line(text: str) -> str:
    """Parse a description, for typer: any text without control characters."""
    if not text.isprintable():
        raise typer.BadParameter(f"{text[:80]!r} contains control characters, expected one line of text")
    return text


def number_option(
    help: str, *, least: int = 1, most: int = LARGEST, default: str | bool = True, panel: str | None = None
) -> Any:
    """An option that is a count; help shows `default` if None has a meaning."""
    parser = count(least, most)
    return typer.Option(help=help, parser=parser, metavar="NUMBER", show_default=default, rich_help_panel=panel)


def above_zero(text: str) -> float:
    """Parse a time, for typer: a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number, expected a number above 0") from None
    if not 0 < value < math.inf:
        raise typer.BadParameter(f"{text} is out of range, expected a number above 0")
    return value


def latency_option(help: str, panel: str | None = None) -> Any:
    """An option for latency budgets, which can be repeated."""
    return typer.Option(help=help, parser=above_zero, metavar="NUMBER", show_default="no limit", rich_help_panel=panel)


def one_unit(milliseconds: list[float], seconds: list[float]) -> list[float]:
    """Latency budgets in milliseconds, from either of the two units."""
    if milliseconds and seconds:
        raise typer.BadParameter("both units are given, expected one of them", param_hint="--budget-latency-ms")
    return milliseconds or list(map(in_milliseconds, seconds))


SUSPICIOUS_SECONDS = 0.05
"""Budgets in seconds from here on look like milliseconds: networks on slow boards take less."""
SUSPICIOUS_MS = 0.005
"""Budgets in milliseconds below look like seconds."""


def unit_doubts(milliseconds: Sequence[float], seconds: Sequence[float]) -> list[str]:
    """Warnings about latency budgets that look as if they were in the other unit."""
    return [
        f"--budget-latency {value:g} means {value:g} seconds, {in_milliseconds(value):g} ms for each image; "
        f"for milliseconds use --budget-latency-ms {value:g}"
        for value in seconds
        if value >= SUSPICIOUS_SECONDS
    ] + [
        f"--budget-latency-ms {value:g} means {value / 1000:g} seconds for each image; "
        f"for seconds use --budget-latency {value:g}"
        for value in milliseconds
        if value < SUSPICIOUS_MS
    ]


Target = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK",
        help="A structure string or the notation of a cell, a file that contains one, the folder of a run, a point of "
        "a front (RUN@7), or a model name from the zoo.",
        show_default=False,
    ),
]
AnyTarget = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK",
        help="A structure string or the notation of a cell, a file that contains one, the folder of a run, a point of "
        "a front (RUN@7), a model name from the zoo, torchvision:NAME, timm:NAME, or an ONNX file.",
        show_default=False,
    ),
]


def resolution_option(default: str) -> Any:
    """An option that is the size of images. default: as help shows it."""
    return typer.Option(help=RESOLUTION_HELP, parser=size, metavar="SIZE", show_default=default)


Resolution = Annotated[Optional[str], resolution_option("the network's own, else 32")]
InChannels = Annotated[
    Optional[int],
    number_option(f"{IN_CHANNELS_HELP} The first layer is changed.", most=MAX_IN_CHANNELS, default="the network's own"),
]
NumClasses = Annotated[Optional[int], number_option("Number of classes.", default="the network's own, else 10")]
UseSe = Annotated[
    Optional[bool],
    typer.Option(
        "--use-se/--no-use-se",
        help="Squeeze and excitation (SE) in the super-blocks.",
        show_default="the network's own",
    ),
]
Seed = Annotated[int, number_option("Seed of all randomness.", least=0)]
Checkpoint = Annotated[
    Optional[Path],
    typer.Option(
        help="File with other weights, or FILE#NAME for one of several state dicts in it.",
        parser=file,
        metavar="FILE",
        show_default="the network's own weights",
    ),
]
Gpu = Annotated[Optional[int], typer.Option(help="Short for --device cuda:N.", min=0, metavar="N")]
SaveDir = Annotated[
    Optional[Path],
    typer.Option(help="Folder of the run.", parser=folder, metavar="FOLDER", show_default="a new one in runs/"),
]
Resume = Annotated[
    Optional[Path],
    typer.Option(parser=folder, metavar="RUN", help="Continue the run in this folder, with its own settings."),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="With --resume or --config: execute and open whatever files the run or the file names. They can be "
        "anything.",
    ),
]
Workers = Annotated[
    Optional[int],
    number_option(
        "Number of processes that score networks; results do not depend on it.", most=1024, default="automatic"
    ),
]
Executor = Annotated[
    Optional[str],
    typer.Option(metavar="NAME", help="How networks are scored: serial, pool or ray.", show_default="automatic"),
]
Address = Annotated[
    Optional[str], typer.Option(metavar="ADDRESS", help="Address of a Ray cluster.", show_default="a local one")
]
Json = Annotated[bool, typer.Option("--json", help="Print only JSON on standard output.")]


def named_values(texts: Sequence[str], flag: str, **given: Any) -> dict[str, Any]:
    """Options given as NAME=VALUE with `flag`, with numbers and booleans parsed, and those `given` by own flags."""
    found = {name: value for name, value in given.items() if value is not None}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{text!r}, expected NAME=VALUE", param_hint=flag)
        name = name.strip().replace("-", "_")
        if name in found:
            raise typer.BadParameter(f"{name} is given twice, expected one value", param_hint=flag)
        found[name] = _value(value.strip())
    return found


def _value(text: str) -> bool | float | str:
    """The text as a number or boolean if it is one, otherwise as it is."""
    if text.casefold() in ("true", "false"):
        return text.casefold() == "true"
    with suppress(ValueError):
        return parse_count(text, least=0)
    with suppress(ValueError):
        return float(text)
    return text


@contextmanager
def chosen_device(gpu: int | None, device: str = "auto", way_out: str = "leave out --gpu") -> Iterator[str]:
    """Yield the name of the device; if it does not exist, the error names the flag that was given."""
    try:
        yield device if gpu is None else f"cuda:{gpu}"
    except DeviceError as error:
        if gpu is None:
            raise
        raise DeviceError(f"--gpu {gpu}: {str(error).partition(';')[0]}; {way_out}") from None


def refuse_settings(context: typer.Context, *, also: tuple[str, ...] = ()) -> None:
    """Raise BadParameter if settings are given together with --resume, because the run keeps its own settings.

    also: parameters that do not change results, and are allowed.
    """
    refuse(
        context,
        [name for name in context.params if name not in ("resume", "as_json", *also)],
        "--resume",
        "the run keeps its own settings",
    )


def refuse(context: typer.Context, parameters: Sequence[str], hint: str, reason: str) -> None:
    """Raise BadParameter if one of these parameters is on the command line, because it would have no effect."""
    names = {one.name: (one.opts or one.secondary_opts)[0] for one in context.command.params}
    stray = [names.get(name, name) for name in parameters if given(context, name)]
    if stray:
        raise typer.BadParameter(f"{reason}; leave out {', '.join(stray)}", param_hint=hint)


def given(context: typer.Context, parameter: str) -> bool:
    """Whether the parameter is on the command line."""
    return getattr(context.get_parameter_source(parameter), "name", "") == "COMMANDLINE"
