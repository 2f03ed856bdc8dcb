"""Files of programs: TOML text, which is data and is never executed. This file does not import torch.

    program = "square(frobenius(pre_noise))"
    to_scalar = "mean"            # or "sum", or "l2"
    perturbed = "difference"      # or "value"
    batch = 16                    # without it, all images
    initialisation = "kaiming_fan_out"
    units = "relu-conv-bn"        # or "conv-bn-relu"
    name = "topprog"
    source = "Akhauri et al., EZNAS, NeurIPS 2022"

Only `program` is required. It can also be instructions, `d0 = sign(weight); s0 = frobenius(d0)`, see `sequential.py`.
What a program reads, its statistics say; if they are in closed form, there are no weights and no images, and the four
keys about them are refused. Programs in `published/` can be named without their path.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from PlainNet.errors import reason
from PlainNet.registry import UnknownNameError, did_you_mean, nearest_names
from ZeroShotProxy.base import INITIALISATIONS
from ZeroShotProxy.programs.errors import WrongProgramError
from ZeroShotProxy.programs.running import Program
from ZeroShotProxy.programs.sequential import is_sequential, parse_sequential
from ZeroShotProxy.programs.statistics import UNIT_KINDS
from ZeroShotProxy.programs.terminals import kind_of
from ZeroShotProxy.programs.tree import parse, statistics_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PUBLISHED = Path(__file__).parent / "published"
LARGEST = 64 * 1024
"""The largest file of a program, in bytes."""
MOST_IMAGES = 100_000
_TEXTS = {"name": 60, "source": 300}
"""Texts in a file, and their longest lengths in characters."""
_CHOICES = {
    "to_scalar": ("mean", "sum", "l2"),
    "perturbed": ("difference", "value"),
    "initialisation": INITIALISATIONS,
    "units": UNIT_KINDS,
}
_KEYS = ("program", *_CHOICES, "batch", *_TEXTS)
_OF_TENSORS = ("perturbed", "batch", "initialisation", "units")
"""Keys of programs that read tensors."""


@dataclass(frozen=True)
class ProgramFile:
    """A program from a file.

    key: what names it again, from any folder: the name of a published one, or an absolute path. digest: of the content.
    name, source: as the file says, or what it is called. initialisation: the rule for weights that its networks get, or
    "own". closed_form: whether it reads statistics in closed form.
    """

    key: str
    digest: str
    program: Program
    name: str
    source: str
    initialisation: str
    closed_form: bool


def published() -> list[str]:
    """Return the names of the published programs that come with this package."""
    return sorted(path.stem for path in PUBLISHED.glob("*.toml"))


def load(text: str) -> ProgramFile:
    """Return the program with a published name, in any case, or in a file.

    Raises UnknownNameError if there is neither, and WrongProgramError, with the file, if it is not a program.
    """
    known = published()
    if text.casefold() in known:
        key, path = text.casefold(), PUBLISHED / f"{text.casefold()}.toml"
    else:
        path = Path(os.path.expanduser(text))
        if not text or not os.path.exists(path):  # unlike those of `Path`, these never raise, whatever the text
            near = nearest_names(text.casefold(), known)
            hint = did_you_mean(near, f"published: {', '.join(known)}")
            raise UnknownNameError(f"there is neither a file nor a published program {text[:200]!r} ({hint})")
        path = path.resolve()
        key = str(path)
    return _read(key, path, _content(path))


def text_of(program: Program, name: str, source: str, initialisation: str) -> str:
    """Return the text of a program's file. Raises WrongProgramError if a value is not one that `load` takes."""
    import tomli_w

    found = {
        "program": str(program.tree),
        "to_scalar": program.to_scalar,
        "perturbed": program.perturbed,
        "initialisation": initialisation,
        "units": program.units,
        **({} if program.batch is None else {"batch": program.batch}),
        "name": name,
        "source": source,
    }
    if kind_of(statistics_of(program.tree)) == "closed-form":
        found = {key: value for key, value in found.items() if key not in _OF_TENSORS}
    _made("", "", Path(name), found)
    return tomli_w.dumps(found)


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():  # reading a pipe or a device could take forever
            raise WrongProgramError(f"{path} is not a regular file, expected the TOML file of a program")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise WrongProgramError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(content) > LARGEST:
        raise WrongProgramError(f"{path} has more than {LARGEST} bytes, expected the TOML file of a program")
    return content


@lru_cache(maxsize=64)  # names are looked up for every network; the content says whether a file has changed
def _read(key: str, path: Path, content: bytes) -> ProgramFile:
    try:
        found = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:  # from TOML or UTF-8
        raise WrongProgramError(f"{path} is not a TOML file: {reason(error)}") from None
    try:
        return _made(key, sha256(content).hexdigest(), path, found)
    except WrongProgramError as error:
        raise WrongProgramError(f"{path}: {error}") from None


def _made(key: str, digest: str, path: Path, found: Mapping[str, Any]) -> ProgramFile:
    for name in found:
        if name not in _KEYS:
            near = nearest_names(name, _KEYS)
            hint = did_you_mean(near, f"known: {', '.join(_KEYS)}")
            raise WrongProgramError(f"unknown key {name[:80]!r} ({hint})")
    if not isinstance(found.get("program"), str):
        raise WrongProgramError("it has no text `program`")
    for name, most in _TEXTS.items():
        value = found.get(name, "")
        if not isinstance(value, str) or len(value) > most or not value.isprintable():
            raise WrongProgramError(f"{name} is {value!r:.80}, expected a line of at most {most} characters")
    chosen = {}
    for name, choices in _CHOICES.items():
        value = found.get(name, "kaiming_fan_out" if name == "initialisation" else choices[0])
        if value not in choices:
            raise WrongProgramError(f"{name} is {value!r:.80}, expected {' or '.join(choices)}")
        chosen[name] = value
    batch = found.get("batch")
    if batch is not None and (type(batch) is not int or not 1 <= batch <= MOST_IMAGES):
        raise WrongProgramError(f"batch is {batch!r:.80}, expected a number of images from 1 to {MOST_IMAGES}")
    initialisation = chosen.pop("initialisation")
    text = found["program"]
    tree = parse_sequential(text).tree if is_sequential(text) else parse(text)
    program = Program(tree, batch=batch, **chosen)
    closed_form = kind_of(statistics_of(program.tree)) == "closed-form"
    if closed_form:
        for name in _OF_TENSORS:
            if name in found:
                raise WrongProgramError(f"{name} is for programs that read tensors, but this one reads closed forms")
        initialisation = "own"
    title, source = found.get("name") or path.stem, found.get("source") or "this file"
    return ProgramFile(key, digest, program, title, source, initialisation, closed_form)
