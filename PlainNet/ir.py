"""What a network is: an immutable list of blocks, nothing built, nothing counted.

`BlockSpec` is one block as written, `Structure` a whole network. Text becomes a structure in
`grammar.py`; what a block means is in `blocks/`; everything else (cost, module, score, latency)
interprets the op graph that `lowering.py` makes of a structure. No torch here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from PlainNet.errors import ZennasError


class StructureError(ZennasError, ValueError):
    """A structure that is no network: channels that do not join, an input too small, a broken block.

    `path` says which block, as a dotted index: "2" is the third block, "2.0" the first inside it.
    """

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path


def does_not_join(kind: str, takes: int, given: int) -> str:
    """The message for a block that takes other channels than there are."""
    return f"{kind} takes {takes} channels, what comes before it gives {given}"


class BlockSpec(NamedTuple):
    """One block as written: `SuperResK3K3(8,16,1,8,1)` is `BlockSpec("SuperResK3K3", (8, 16, 1, 8, 1))`.

    `args` are the integers in the order of the grammar (`blocktype.BlockType.params` names them).
    `branches` are the inner blocks: one branch for `Sequential` and the residual blocks, one for
    each parallel path of `MultiSumBlock` and `MultiCatBlock`, none otherwise.
    `name` is the optional label of `Block(name|...)`; it is part of the text, hence of the identity.
    """

    # A NamedTuple and not a dataclass: a search makes and hashes millions of these.
    kind: str
    args: tuple[int, ...]
    branches: tuple[tuple[BlockSpec, ...], ...] = ()
    name: str = ""

    def __str__(self) -> str:
        label = f"{self.name}|" if self.name else ""
        numbers = ",".join(map(str, self.args))
        if not self.branches:
            return f"{self.kind}({label}{numbers})"
        inner = ";".join("".join(map(str, branch)) for branch in self.branches)
        comma = "," if numbers else ""
        return f"{self.kind}({label}{numbers}{comma}{inner})"


def super_block(kind: str, args: tuple[int, ...]) -> BlockSpec:
    """`BlockSpec(kind, args)`, three times faster: for the inner loop of a search."""
    return tuple.__new__(BlockSpec, (kind, args, (), ""))


@dataclass(frozen=True, slots=True)
class Structure:
    """A network without its classifier head, as a tuple of blocks.

    Hashable and comparable; `str(structure)` is canonical and `Structure.parse(str(s)) == s`.
    Made by hand it is not checked: `PlainNet.parse` and every interpreter check it.
    """

    blocks: tuple[BlockSpec, ...]

    @classmethod
    def of(cls, blocks: Iterable[BlockSpec]) -> Structure:
        return cls(tuple(blocks))

    @classmethod
    def parse(cls, text: str) -> Structure:
        """The structure that `text` describes; raises `PlainNet.ParseError`. See `grammar.py`."""
        from PlainNet.grammar import parse  # grammar.py builds on this file

        return parse(text)

    def __str__(self) -> str:
        return "".join(map(str, self.blocks))

    def __len__(self) -> int:
        return len(self.blocks)
