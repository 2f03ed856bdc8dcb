"""Structures: networks as immutable lists of blocks.

`BlockSpec` is one block as written, and `Structure` is a whole network. `grammar.py` parses text into structures, and
the files in `blocks/` define what blocks mean. Everything else (cost, module, score, latency) interprets the op graph
that `lowering.py` makes from a structure. This file does not import torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from PlainNet.errors import ZennasError

CHOICE = "Choice"
"""The kind of a block with alternatives, of which a network has one: `Choice{a;b;…}`, see blocks/choice.py."""


class StructureError(ZennasError, ValueError):
    """Raised if a structure is not a network: channels do not match, the input is too small, or a block is not valid.

    message: the reason. path: the block, as a dotted index: "2" is the third block, "2.0" the first block inside it.
    """

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path


def does_not_join(kind: str, takes: int, given: int) -> str:
    """Return the message for a block whose input channels do not match the output of the previous block."""
    return f"{kind} takes {takes} channels, but the block before it outputs {given}"


class BlockSpec(NamedTuple):
    """One block as written: `SuperResK3K3(8,16,1,8,1)` is `BlockSpec("SuperResK3K3", (8, 16, 1, 8, 1))`.

    kind: the name of the block's type.
    args: the integer arguments, in order; `BlockType.params` has their names.
    branches: the inner blocks. `Sequential` and the residual blocks have one branch, `MultiSumBlock` and
        `MultiCatBlock` have one for each parallel path, `Choice` one for each alternative, and other blocks have none.
    name: the optional label in `Block(name|...)`. Blocks with different labels are different.
    """

    # A NamedTuple instead of a dataclass, because a search makes and hashes millions of these.
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
        if self.kind == CHOICE:
            return f"{self.kind}{{{label}{inner}}}"
        comma = "," if numbers else ""
        return f"{self.kind}({label}{numbers}{comma}{inner})"


def super_block(kind: str, args: tuple[int, ...]) -> BlockSpec:
    """Return `BlockSpec(kind, args)` in a third of the time, for the inner loop of a search."""
    return tuple.__new__(BlockSpec, (kind, args, (), ""))


@dataclass(frozen=True, slots=True)
class Structure:
    """A network without its classifier, as a tuple of blocks. Immutable, hashable and comparable.

    `str(structure)` is its canonical text, and `Structure.parse(str(s)) == s`. The constructor checks nothing;
    `PlainNet.parse`, `PlainNet.cost` and `PlainNet.build` check that the blocks form a network.
    """

    blocks: tuple[BlockSpec, ...]

    @classmethod
    def of(cls, blocks: Iterable[BlockSpec]) -> Structure:
        """Return the structure of any iterable of blocks."""
        return cls(tuple(blocks))

    @classmethod
    def parse(cls, text: str) -> Structure:
        """Return the structure that `text` describes. Raises `PlainNet.ParseError` if it is not a structure."""
        from PlainNet.grammar import parse  # grammar.py imports this file

        return parse(text)

    def __str__(self) -> str:
        return "".join(map(str, self.blocks))

    def __len__(self) -> int:
        return len(self.blocks)
