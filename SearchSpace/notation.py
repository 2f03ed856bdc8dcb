"""Reading an architecture in the notation of any space, such as `|nor_conv_3x3~0|+|none~0|…|` or `20112001`."""

from __future__ import annotations

from difflib import SequenceMatcher

from PlainNet import Structure, StructureError
from SearchSpace.base import SPACES, CellSpace, SearchSpaceError, load_space

_BEGINNING = 40
"""The characters of a text that show its notation."""


def looks_like_notation(text: str) -> bool:
    """Whether a text, which is no structure, is more like an architecture in a notation than like a name."""
    written = text.strip()
    return "~" in text or written.startswith(("{", "|", "Genotype(")) or (written.isascii() and written.isdigit())


def read_notation(text: str) -> Structure:
    """Return the network of an architecture in the notation of one of the registered spaces.

    Raises SearchSpaceError, with what is wrong for the space whose notation is most like the text, if it is not one.
    """
    said = []
    for name in SPACES.names():
        space = load_space(name)
        if isinstance(space, CellSpace):
            try:
                return space.read(text)
            except (SearchSpaceError, StructureError) as error:
                said.append((_likeness(text, space.write(space.initial())), f"most like {name}: {error}"))
    closest = max(said)[1] if said else "there is no space with a notation"
    raise SearchSpaceError(f"{text[:80]!r} is not an architecture of any space; {closest}")


def _likeness(text: str, example: str) -> float:
    """How similar the beginnings of two texts are, from 0 to 1."""
    return SequenceMatcher(None, text.strip()[:_BEGINNING], example[:_BEGINNING], autojunk=False).ratio()
