"""The candidates of decisions in a few words, so that a table has room for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PlainNet import BlockSpec, StructureError, parse
from PlainNet.blocktype import block_type
from zennas.pages.drawing import argument_name


def short_names(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the candidates of a decision by their kinds of blocks and what tells those of the same kinds apart.

    texts: structures, such as "MBConv(8,16,3,6,2)" and "MBConv(8,16,5,6,2)", which become "MBConv, kernel 3" and
    "MBConv, kernel 5". Texts that are no plain blocks are returned as they are, and so are all if two would be alike.
    """
    read = [_blocks(text) for text in texts]
    kinds = [_kinds(blocks) for blocks in read]
    names = []
    for text, blocks, own in zip(texts, read, kinds, strict=True):
        alike = [other for other, theirs in zip(read, kinds, strict=True) if theirs == own]
        names.append(_name(blocks, alike) if blocks else text)
    return tuple(names) if len(set(names)) == len(names) else tuple(texts)


def columns_of(names: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the different names of all decisions, in the order in which they first occur."""
    return tuple(dict.fromkeys(name for own in names.values() for name in own))


def _blocks(text: str) -> tuple[BlockSpec, ...]:
    try:
        found = parse(text).blocks
    except StructureError:  # the operation of a cell, or a block of a package that is not here
        return ()
    return () if any(spec.branches for spec in found) else found


def _kinds(blocks: Sequence[BlockSpec]) -> tuple[str, ...]:
    return tuple(spec.kind for spec in blocks)


def _name(blocks: Sequence[BlockSpec], alike: Sequence[Sequence[BlockSpec]]) -> str:
    """alike: all candidates with these kinds of blocks, this one among them."""
    words = [", ".join(_kinds(blocks))]
    for i, spec in enumerate(blocks):
        for k, param in enumerate(block_type(spec.kind).params):
            if len({other[i].args[k] for other in alike}) > 1:
                words.append(f"{argument_name(param.name)} {spec.args[k]}")
    return ", ".join(words)
