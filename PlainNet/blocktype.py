"""What a kind of block is: its name, its integer arguments, and how it becomes operations.

A file in `blocks/` makes `BlockType`s and registers them in `BLOCKS`; that is all a new block needs.
Lowering walks them in `lowering.py`, text is checked against their parameters in `grammar.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Literal

from PlainNet.ir import BlockSpec, StructureError
from PlainNet.registry import Registry

if TYPE_CHECKING:
    from PlainNet.lowering import Builder, Value


@dataclass(frozen=True, slots=True)
class Options:
    """How a structure is read: the two switches of Zen-NAS.

    use_se: super-blocks carry squeeze-and-excitation.
    no_reslink: residual links and projections are left out; the Zen-score is defined on that plain network.
    """

    use_se: bool = False
    no_reslink: bool = False


@dataclass(frozen=True, slots=True)
class Param:
    """One integer argument of a block, with the values it may take."""

    name: str
    maximum: int
    minimum: int = 1
    odd: bool = False

    @property
    def expected(self) -> str:
        if self.odd:
            return f"an odd number from {self.minimum} to {self.maximum}"
        return f"a number from {self.minimum} to {self.maximum}"

    def check(self, kind: str, value: int) -> None:
        """Raises StructureError where `value` is not allowed."""
        if not self.minimum <= value <= self.maximum or (self.odd and value % 2 == 0):
            raise StructureError(f"{self.name} of {kind} is {value}, expected {self.expected}")


# The limits are far above any published network; they are there so that a typing error is an error
# and not a machine out of memory.
MAX_CHANNELS = 65_536
IN = Param("in_channels", MAX_CHANNELS)
OUT = Param("out_channels", MAX_CHANNELS)
CHANNELS = Param("channels", MAX_CHANNELS)
BOTTLENECK = Param("bottleneck_channels", MAX_CHANNELS)
STRIDE = Param("stride", 32)
KERNEL = Param("kernel_size", 63, odd=True)
WINDOW = Param("kernel_size", 63)
SUB_LAYERS = Param("sub_layers", 256)
SIZE = Param("output_size", 256)
BIAS = Param("bias", 1, minimum=0)


@dataclass(frozen=True)
class BlockType:
    """A kind of block.

    A block is written once, as one of two functions:
      lower(builder, x, spec) -> Value     makes the operations, for basic blocks and containers;
      expand(spec, options) -> blocks      rewrites the block into simpler ones, for super-blocks.

    inner says what may stand inside the brackets: nothing, a sequence of blocks, or branches
    separated by semicolons. `complete` fills in arguments that the text may leave out (it gets the
    ones that were written and the inner blocks). `attributes` are constants of the kind, such as
    the kernel size in the name of a super-block; search spaces read them.
    `linear` promises that, for channel arguments that are multiples of 8, the block's operations are
    always the same but for a difference between bottleneck = out and bottleneck != out channels, and
    that every width is a fixed multiple of one argument (or a constant): `template.py` then counts the
    block without lowering it again. A contract test holds each kind to that promise.
    `layers` is the block's share of the network's layers where it has neither `sub_layers` nor inner blocks.
    """

    kind: str
    params: tuple[Param, ...]
    lower: Callable[[Builder, Value, BlockSpec], Value] | None = None
    expand: Callable[[BlockSpec, Options], tuple[BlockSpec, ...]] | None = None
    inner: Literal["none", "sequence", "branches"] = "none"
    complete: Callable[[tuple[int, ...], tuple[tuple[BlockSpec, ...], ...]], tuple[int, ...]] | None = None
    attributes: tuple[tuple[str, int], ...] = ()
    linear: bool = False
    layers: Callable[[BlockSpec], int] | None = None

    def __post_init__(self) -> None:
        if (self.lower is None) == (self.expand is None):
            raise ValueError(f"{self.kind}: a block type has either lower or expand")

    @cached_property
    def _ranges(self) -> tuple[tuple[int, int, bool], ...]:
        return tuple((param.minimum, param.maximum, param.odd) for param in self.params)

    def index(self, name: str) -> int | None:
        """Position of the argument `name`, or None."""
        for i, param in enumerate(self.params):
            if param.name == name:
                return i
        return None

    def check(self, spec: BlockSpec) -> None:
        """Raises StructureError where the arguments or inner blocks of `spec` are not allowed."""
        if not spec.branches and self.inner == "none" and len(spec.args) == len(self.params):
            # The usual case, in one sweep: a search checks every block that it has not met before.
            for value, (least, most, odd) in zip(spec.args, self._ranges, strict=True):
                if not least <= value <= most or (odd and value % 2 == 0):
                    break
            else:
                return
        if len(spec.args) != len(self.params):
            names = ",".join(param.name for param in self.params)
            raise StructureError(f"{self.kind} has {len(spec.args)} arguments, expected {self.kind}({names})")
        for param, value in zip(self.params, spec.args, strict=True):
            param.check(self.kind, value)
        if (self.inner == "none") != (not spec.branches) or not all(spec.branches):
            wanted = "no inner blocks" if self.inner == "none" else "at least one block inside"
            raise StructureError(f"{self.kind} has {wanted}")


BLOCKS: Registry[BlockType] = Registry("block", "PlainNet.blocks", "zennas.blocks", lambda block: (block.kind,))


def register(block_type: BlockType) -> None:
    BLOCKS.add(block_type.kind, block_type)


@cache
def block_type(kind: str) -> BlockType:
    """The type of exactly that name (text is case-sensitive). Raises StructureError naming the nearest ones."""
    if kind in BLOCKS and BLOCKS.get(kind).kind == kind:
        return BLOCKS.get(kind)
    near = BLOCKS.nearest(kind)
    hint = f"did you mean {' or '.join(near)}?" if near else "docs/structures.md lists them all"
    raise StructureError(f"unknown block {kind[:80]!r}, {hint}")


def argument(spec: BlockSpec, name: str) -> int | None:
    """The argument of `spec` called `name` ("stride", "sub_layers", ...), or None where it has none."""
    i = _position(spec.kind, name)
    return None if i is None else spec.args[i]


@cache
def _position(kind: str, name: str) -> int | None:
    return block_type(kind).index(name)


def in_channels(spec: BlockSpec) -> int:
    """Channels that the block takes. Raises StructureError where its arguments are not allowed."""
    block_type(spec.kind).check(spec)
    for name in ("in_channels", "channels"):
        value = argument(spec, name)
        if value is not None:
            return value
    return in_channels(spec.branches[0][0])


def stride(spec: BlockSpec) -> int:
    """Product of the strides along the block's first branch."""
    own = argument(spec, "stride")
    if own is not None:
        return own
    return math.prod(stride(inner) for inner in spec.branches[0]) if spec.branches else 1
