"""What the programs with Zen-NAS's flags share, for argparse: kinds of arguments, and how a network is named."""

from __future__ import annotations

import math
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from pathlib import Path

from zennas.common.numbers import LARGEST, parse_count

ARCH = "Masternet.py:MasterNet"
"""What Zen-NAS's --arch is where a structure says which network."""


def count(least: int = 1, most: int = LARGEST) -> Callable[[str], int]:
    """Whole numbers like 480000, 1e6 and 1M."""

    def number(text: str) -> int:
        try:
            return parse_count(text, least, most)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from None

    return number


def folder(text: str) -> Path:
    # Path("") would be the folder one is in.
    if not text:
        raise ArgumentTypeError("the name is empty, expected a folder")
    return Path(text)


def above_zero(text: str) -> float:
    """A finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a number, expected one above 0") from None
    if not 0 < value < math.inf:
        raise ArgumentTypeError(f"{text} is out of range, expected a number above 0")
    return value


def add_network(parser: ArgumentParser) -> None:
    """The flags that say which network; `network_text` reads them."""
    add = parser.add_argument
    add("--arch", default=ARCH, help=f"name of a published network, or {ARCH} with a structure")
    add("--plainnet_struct", help="structure string of the network")
    add("--plainnet_struct_txt", type=Path, help="file with the structure string")
    add("--use_se", action="store_true", help="use squeeze and excitation (SE) in the super-blocks")


def network_text(options: Namespace, purpose: str) -> str:
    """The network that the flags name, for `structures.resolve`: a structure goes before --arch. purpose: a verb, for
    the TargetError that is raised where they name none.
    """
    from zennas.named.structures import TargetError

    given = options.plainnet_struct or options.plainnet_struct_txt
    if given is None and options.arch == ARCH:
        raise TargetError(
            f"nothing to {purpose}: give --plainnet_struct_txt FILE, --plainnet_struct TEXT, or --arch NAME"
        )
    return str(given if given is not None else options.arch)
