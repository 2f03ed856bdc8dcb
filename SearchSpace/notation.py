"""Reading an architecture in the notation of any space, such as `|nor_conv_3x3~0|+|none~0|…|` or `20112001`."""

from __future__ import annotations

from PlainNet import Structure, StructureError
from SearchSpace.base import SPACES, CellSpace, SearchSpaceError, load_space


def looks_like_notation(text: str) -> bool:
    """Whether a text, which is no structure, is more like an architecture in a notation than like a name."""
    written = text.strip()
    return "~" in text or written.startswith(("{", "|", "Genotype(")) or (written.isascii() and written.isdigit())


def read_notation(text: str) -> Structure:
    """Return the network of an architecture in the notation of one of the registered spaces.

    Raises SearchSpaceError, with what each of the spaces says about the text, if it is not one.
    """
    said = []
    for name in SPACES.names():
        space = load_space(name)
        if isinstance(space, CellSpace):
            try:
                return space.read(text)
            except (SearchSpaceError, StructureError) as error:
                said.append(f"{name}: {error}")
    raise SearchSpaceError(f"{text[:80]!r} is not an architecture of any space ({'; '.join(said)})")
