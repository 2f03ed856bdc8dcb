"""Shared argparse code of the programs with Zen-NAS's flags: argument types, and flags that name a network."""

from __future__ import annotations

import math
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from pathlib import Path

from PlainNet.sizes import Size
from zennas.common.limits import written_resolution
from zennas.common.numbers import LARGEST, parse_count

ARCH = "Masternet.py:MasterNet"
"""Value of Zen-NAS's --arch if the network is given by a structure."""


def count(least: int = 1, most: int = LARGEST) -> Callable[[str], int]:
    """Return an argument type for whole numbers from `least` to `most`, such as 480000, 1e6 and 1M."""

    def number(text: str) -> int:
        try:
            return parse_count(text, least, most)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from None

    return number


def size(text: str) -> Size:
    """Argument type: the size of images, such as 224 or 96x160."""
    try:
        return written_resolution(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def folder(text: str) -> Path:
    # Path("") would be the current folder.
    if not text:
        raise ArgumentTypeError("the name is empty, expected a folder")
    return Path(text)


def above_zero(text: str) -> float:
    """Argument type: a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a number, expected one above 0") from None
    if not 0 < value < math.inf:
        raise ArgumentTypeError(f"{text} is out of range, expected a number above 0")
    return value


def add_network(parser: ArgumentParser) -> None:
    """Add the flags that name a network, which `network_text` reads."""
    add = parser.add_argument
    add("--arch", default=ARCH, help=f"name of a published network, or {ARCH} with a structure")
    add("--plainnet_struct", help="structure string of the network")
    add("--plainnet_struct_txt", type=Path, help="file with the structure string")
    add("--use_se", action="store_true", help="use squeeze and excitation (SE) in the super-blocks")


def network_text(options: Namespace, purpose: str) -> str:
    """Return the network that the flags name, for `structures.resolve`; a structure takes precedence over --arch.

    purpose: a verb for the message. Raises TargetError if no network is named.
    """
    from zennas.named.structures import TargetError

    given = options.plainnet_struct or options.plainnet_struct_txt
    if given is None and options.arch == ARCH:
        raise TargetError(
            f"nothing to {purpose}: give --plainnet_struct_txt FILE, --plainnet_struct TEXT, or --arch NAME"
        )
    return str(given if given is not None else options.arch)
