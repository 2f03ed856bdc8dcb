"""What a command works on: a structure, a file with one, a run, or a model of the zoo, all as text."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from PlainNet import ParseError, Structure, parse
from PlainNet.registry import UnknownNameError, nearest_names
from zennas.common.errors import ZennasError
from zennas.runs.designed import designed
from zennas.runs.store import FILE


class TargetError(ZennasError, ValueError):
    """Text that names nothing to work on."""


class UnknownTargetError(TargetError, UnknownNameError):
    """No file, no folder and no model of that name."""


@dataclass(frozen=True)
class NetworkTarget:
    """A structure with what is known of how it is meant to be used; None where nothing is known."""

    structure: Structure
    source: str
    resolution: int | None = None
    num_classes: int | None = None
    use_se: bool | None = None
    run: Path | None = None


def resolve(text: str) -> NetworkTarget:
    """Find out what `text` is.

    In this order: a folder with a run (its best structure) or with a training, a file that holds a structure and
    nothing else, a structure string, the name of a model of the zoo, one's own among them. Raises TargetError,
    UnknownTargetError among them, ParseError, StoreError, CardError or, for
    a damaged model of one's own, ZooError.
    """
    # os.path and not Path: a long structure is no file name, and Path would raise where os.path says no.
    if os.path.isdir(text):
        return _run(Path(text))
    if os.path.isfile(text):
        path = Path(text)
        return _run(path.parent) if path.name == FILE else NetworkTarget(_written_in(path), text)
    if "(" in text:
        return NetworkTarget(parse(text), "text")
    import ZenNet

    try:
        info = ZenNet.model_info(text)
    except UnknownNameError:
        hint = _hint(text, ZenNet.list_models())
        raise UnknownTargetError(f"{text[:80]!r} is nothing to work on: {hint}") from None
    return NetworkTarget(parse(info["structure"]), text, info["resolution"], info["num_classes"], info["use_se"])


def _hint(text: str, names: list[str]) -> str:
    near = nearest_names(text, names)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "expected a structure, a file, a run's folder, or a model's name"


def _run(folder: Path) -> NetworkTarget:
    from zennas.named.card import CARD_FILE, read_card  # has numpy in tow

    if not (folder / FILE).is_file() and (folder / CARD_FILE).is_file():
        card = read_card(folder)
        return NetworkTarget(
            parse(card["structure"]), str(folder), card["resolution"], card["num_classes"], card["use_se"]
        )
    found = designed(folder)
    if found is None:
        raise TargetError(f"the run in {folder} has no result yet")
    return NetworkTarget(found.structure, str(folder), found.resolution, found.num_classes, found.use_se, folder)


def _written_in(path: Path) -> Structure:
    """The structure in a file; white space between its tokens and a byte-order mark do not count."""
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TargetError(f"{path} cannot be read as text: {error}") from None
    if not text:
        raise TargetError(f"{path} is empty, expected a structure")
    try:
        return parse(text)
    except ParseError as error:
        raise TargetError(f"{path}, {error}") from None
