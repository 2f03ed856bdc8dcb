"""What a command works on, given as text: a structure, a file that contains one, a run, or a model of the zoo."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PlainNet import ParseError, Structure, parse
from PlainNet.blocktype import in_channels
from PlainNet.registry import UnknownNameError, did_you_mean, nearest_names
from PlainNet.sizes import Size
from SearchSpace.base import SearchSpaceError
from SearchSpace.notation import looks_like_notation, read_notation
from zennas.common.errors import WrongSettingError, ZennasError
from zennas.common.limits import checked_resolution
from zennas.common.numbers import counted
from zennas.runs.designed import BEST_FILE, designed
from zennas.runs.designs import SEARCH as DESIGN_SEARCH
from zennas.runs.designs import is_design
from zennas.runs.points import FRONT_FILE, point_of
from zennas.runs.store import FILE

PROXYLESS_FILE = "proxyless.json"
STRUCTURE_FILE = "structure.txt"
"""The result of a search in a supernet and its structure, in its folder; see `zennas/supernet/outcome.py`."""
_OF_RUNS = {BEST_FILE: FILE, STRUCTURE_FILE: PROXYLESS_FILE}
"""Files with the structure of a run, by which the run is known if it is beside them."""


class TargetError(ZennasError, ValueError):
    """The text does not name anything to work on."""


class UnknownTargetError(TargetError, UnknownNameError):
    """There is no file, folder or model with this name."""


class WrongChannelsError(TargetError, WrongSettingError):
    """The first layer of a network takes other channels than the images have."""


@dataclass(frozen=True)
class NetworkTarget:
    """A structure, and how it is meant to be used.

    source: where the structure was found.
    resolution: height and width of the input image in pixels; one number for a square.
    num_classes: number of classes.
    use_se: whether the super-blocks contain squeeze-and-excitation.
    in_channels: channels of the images that it was designed for or trained on.
    run: the folder of the run that designed it; for a point of a front, that of the point.

    Attributes are None if they are not known.
    """

    structure: Structure
    source: str
    resolution: Size | None = None
    num_classes: int | None = None
    use_se: bool | None = None
    run: Path | None = None
    in_channels: int | None = None


def resolve(text: str) -> NetworkTarget:
    """Find the network that `text` names.

    These are tried in order: a folder with a run (its best structure), a design, a search in a supernet or a training;
    a file that contains nothing but a structure (the one that a run has written is meant for the same images as the
    run); a point of a front (`RUN@7`); a structure string; the name of a model of the zoo, including the user's own
    models; the notation of a cell space, such as NAS-Bench-201's. A file may contain such a notation, too.

    Raises TargetError if nothing is found (UnknownTargetError for an unknown name), ParseError if the structure is not
    valid, SearchSpaceError if a notation is not, StoreError or CardError if the folder cannot be read, and ZooError if
    a model of the user is damaged.
    """
    # os.path instead of Path: for text that is too long for a file name, Path raises and os.path returns False.
    if os.path.isdir(text):
        return _run(Path(text))
    if os.path.isfile(text):
        path = Path(text)
        return _run(path.parent) if path.name == FILE else _of_file(path, text)
    point = point_of(text)
    if point is not None:
        return _run(point.run, text, point.folder, point.number)
    if "(" in text:
        return NetworkTarget(_structure(text), "text")
    import ZenNet

    try:
        info = ZenNet.model_info(text)
    except UnknownNameError:
        if looks_like_notation(text):
            return NetworkTarget(read_notation(text), "text")
        hint = _hint(text, ZenNet.list_models())
        raise UnknownTargetError(f"{text[:80]!r} is not a network: {hint}") from None
    return NetworkTarget(parse(info["structure"]), text, info["resolution"], info["num_classes"], info["use_se"])


def _hint(text: str, names: list[str]) -> str:
    near = nearest_names(text, names)
    return did_you_mean(near, "expected a structure, a file, the folder of a run, or the name of a model")


def _run(folder: Path, source: str | None = None, place: Path | None = None, point: int | None = None) -> NetworkTarget:
    from zennas.named.card import CARD_FILE, read_card  # imports numpy

    if is_design(folder):
        return replace(_run(folder / DESIGN_SEARCH), source=str(folder))
    if not (folder / FILE).is_file() and (folder / CARD_FILE).is_file():
        card = read_card(folder)
        structure = parse(card["structure"])
        return NetworkTarget(
            structure,
            str(folder),
            card["resolution"],
            card["num_classes"],
            card["use_se"],
            in_channels=in_channels(structure.blocks[0]),
        )
    if not (folder / FILE).is_file():
        if point is None and (folder / PROXYLESS_FILE).is_file():
            return _of_supernet(folder / PROXYLESS_FILE)
        if (folder / FRONT_FILE).is_file():
            return _of_front(folder, point, place or folder)
    found = designed(folder, point)
    if found is None:
        raise TargetError(f"the run in {folder} has no result yet")
    source, place = source or str(folder), place or folder
    sizes = found.resolution, found.num_classes, found.use_se
    return NetworkTarget(found.structure, source, *sizes, place, found.in_channels)


def _of_file(path: Path, text: str) -> NetworkTarget:
    """The structure in a file, and what its run says of it, if a run has written the file."""
    structure = _written_in(path)
    beside = _OF_RUNS.get(path.name)
    if beside is None or not (path.parent / beside).is_file():
        return NetworkTarget(structure, text)
    own = _run(path.parent)
    # A structure that was edited is for the same images, but not the run's.
    return replace(own, structure=structure, source=text, run=own.run if structure == own.structure else None)


def _of_supernet(path: Path) -> NetworkTarget:
    with _readable(path):
        return _stored_network(json.loads(path.read_text(encoding="utf-8")), str(path.parent), path.parent)


def _of_front(folder: Path, point: int | None, place: Path) -> NetworkTarget:
    """A point of a front of searches in a supernet."""
    path = folder / FRONT_FILE
    with _readable(path):
        points = list(json.loads(path.read_text(encoding="utf-8"))["points"])
    wanted = f"expected one from {folder}@1 to {folder}@{len(points)}"
    if point is None:
        raise TargetError(f"{folder} contains a front and not a single network, {wanted}")
    if not 1 <= point <= len(points):
        raise TargetError(f"the front in {folder} has no point {point}, {wanted}")
    with _readable(path):
        return _stored_network(points[point - 1], f"{folder}@{point}", place)


def _stored_network(found: dict[str, Any], source: str, place: Path) -> NetworkTarget:
    structure, classes = parse(found["structure"]), int(found["num_classes"])
    resolution = checked_resolution(found["resolution"], ValueError)
    channels = found.get("in_channels")
    return NetworkTarget(
        structure, source, resolution, classes, False, place, None if channels is None else int(channels)
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TargetError(f"{path} cannot be read: {' '.join(str(error).split())}") from None


def _written_in(path: Path) -> Structure:
    """The structure in a file; white space between tokens and a byte-order mark are ignored."""
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        raise TargetError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TargetError(
            f"{path} is not text: expected a file that contains a structure; that of an exported network is in the "
            ".json file next to it, that of weights in the folder of their training"
        ) from None
    if not text:
        raise TargetError(f"{path} is empty, expected a structure")
    try:
        return _structure(text)
    except (ParseError, SearchSpaceError) as error:
        raise TargetError(f"{path}, {error}") from None


def _structure(text: str) -> Structure:
    """The structure that a text spells, as a structure or in the notation of a cell space."""
    try:
        return parse(text)
    except ParseError:
        if not looks_like_notation(text):
            raise
        return read_notation(text)


def check_channels(structure: Structure, channels: int, whose: str = "the images", *, by_flag: bool = True) -> None:
    """Raises WrongChannelsError unless the first layer of a network takes images of so many channels.

    whose: these images, for the message. by_flag: whether --in-channels can show them otherwise.
    """
    check_taken(in_channels(structure.blocks[0]), channels, whose, by_flag=by_flag)


def check_taken(taken: int, channels: int, whose: str = "the images", *, by_flag: bool = True) -> None:
    """The same, where the number of channels that the first layer takes is known."""
    if taken != channels:
        way = (
            f"--in-channels {taken} shows them as {_SHOWN[taken]}; or "
            if by_flag and {taken, channels} == {1, 3}
            else ""
        )
        raise WrongChannelsError(
            f"the first layer of the network takes images of {counted(taken, 'channel')}, but {whose} have {channels}: "
            f"{way}begin the structure with a block of {counted(channels, 'input channel')}"
        )


_SHOWN = {1: "grey", 3: "red, green and blue"}
"""How images of other channels can be shown."""
