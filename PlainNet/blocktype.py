"""Kinds of blocks: their names, their integer arguments, and how they become operations.

Each file in `blocks/` makes `BlockType`s and registers them in `BLOCKS`; a new block needs nothing else. `lowering.py`
turns blocks into operations, and `grammar.py` checks text against their parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Literal

from PlainNet.ir import BlockSpec, StructureError
from PlainNet.registry import Registry, did_you_mean

if TYPE_CHECKING:
    from PlainNet.lowering import Builder, Value


@dataclass(frozen=True, slots=True)
class Options:
    """Two options of Zen-NAS that change which network a structure describes.

    use_se: super-blocks have squeeze-and-excitation.
    no_reslink: residual links and their projections are left out. The Zen-score is defined on this plain network.
    """

    use_se: bool = False
    no_reslink: bool = False


@dataclass(frozen=True, slots=True)
class Param:
    """One integer argument of a block and its valid values: from `minimum` to `maximum`, only odd ones if `odd`.

    words: what the values from 0 on mean, such as the operations of a cell; empty for numbers.
    """

    name: str
    maximum: int
    minimum: int = 1
    odd: bool = False
    words: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """The valid values in words, for messages."""
        if self.odd:
            return f"an odd number from {self.minimum} to {self.maximum}"
        return f"a number from {self.minimum} to {self.maximum}"

    def said(self, value: int) -> str:
        """Return a valid value for readers: the word for it if there is one."""
        return self.words[value] if self.words else str(value)

    def check(self, kind: str, value: int) -> None:
        """Raise StructureError if `value` is not valid for a block of kind `kind`."""
        if not self.minimum <= value <= self.maximum or (self.odd and value % 2 == 0):
            raise StructureError(f"{self.name} of {kind} is {value}, expected {self.expected}")


# The limits are far above any published network. They make sure that a typing mistake raises an error instead of
# filling the machine's memory.
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

    kind: the name of the block.
    params: the integer arguments, in order.
    lower, expand: how the block becomes operations; exactly one of the two is given.
      lower(builder, x, spec) -> Value     makes the operations (basic blocks and containers)
      expand(spec, options) -> blocks      rewrites the block into simpler ones (super-blocks)
    inner: what may be inside the brackets: nothing, a sequence of blocks, or branches separated by semicolons.
    complete: fills in arguments that the text may omit, from the given arguments and the inner blocks.
    attributes: constants of the kind that search spaces read, such as the kernel size in a super-block's name.
    linear: promises three things for channel arguments that are multiples of 8. The operations are always the same,
      except for a difference between bottleneck = out and bottleneck != out channels, or between in = out and
      in != out if there is no bottleneck. Every width is a constant or a fixed multiple, at most 8, of one argument.
      The operations form chains and residual units, so that a plan of memory needs no more than is in use at once.
      `template.py` then computes costs without lowering the block again. Contract tests check the promises.
    layers: the number of layers that a block without `sub_layers` and inner blocks counts as; None means 0.
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
            raise ValueError(f"{self.kind}: give either lower or expand")

    @cached_property
    def _ranges(self) -> tuple[tuple[int, int, bool], ...]:
        return tuple((param.minimum, param.maximum, param.odd) for param in self.params)

    def index(self, name: str) -> int | None:
        """Return the position of the argument `name`, or None if there is no such argument."""
        for i, param in enumerate(self.params):
            if param.name == name:
                return i
        return None

    def check(self, spec: BlockSpec) -> None:
        """Raise StructureError if the arguments or the inner blocks of `spec` are not valid."""
        if not spec.branches and self.inner == "none" and len(spec.args) == len(self.params):
            # The usual case, in one pass: a search checks every new block.
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
            wanted = "cannot have inner blocks" if self.inner == "none" else "needs at least one inner block"
            raise StructureError(f"{self.kind} {wanted}")


BLOCKS: Registry[BlockType] = Registry("block", "PlainNet.blocks", "zennas.blocks", lambda block: (block.kind,))


def register(block_type: BlockType) -> None:
    """Register a kind of block under its name. Raises RegistryError if the name is taken."""
    BLOCKS.add(block_type.kind, block_type)


@cache
def block_type(kind: str) -> BlockType:
    """Return the kind of block named `kind`, which is case-sensitive.

    Raises StructureError with the most similar names if there is none.
    """
    if kind in BLOCKS and BLOCKS.get(kind).kind == kind:
        return BLOCKS.get(kind)
    near = BLOCKS.nearest(kind)
    hint = did_you_mean(near, "see docs/structures.md for all blocks")
    raise StructureError(f"unknown block {kind[:80]!r}, {hint}")


def one_layer(spec: BlockSpec) -> int:
    """Return 1, as the `layers` of a kind that always counts as one layer."""
    return 1


def argument(spec: BlockSpec, name: str) -> int | None:
    """Return the argument of `spec` named `name` ("stride", "sub_layers", …), or None if it has no such argument."""
    i = _position(spec.kind, name)
    return None if i is None else spec.args[i]


@cache
def _position(kind: str, name: str) -> int | None:
    return block_type(kind).index(name)


def in_channels(spec: BlockSpec) -> int:
    """Return the number of input channels of a block. Raises StructureError if its arguments are not valid."""
    block_type(spec.kind).check(spec)
    for name in ("in_channels", "channels"):
        value = argument(spec, name)
        if value is not None:
            return value
    return in_channels(spec.branches[0][0])


def stride(spec: BlockSpec) -> int:
    """Return the total stride of a block: the product of the strides along its first branch."""
    own = argument(spec, "stride")
    if own is not None:
        return own
    return math.prod(stride(inner) for inner in spec.branches[0]) if spec.branches else 1


def block_layers(spec: BlockSpec) -> int:
    """The block's share of the network's layers, Zen-NAS's depth.

    That is `sub_layers` for a super-block and the largest sum over a branch for a container. For other blocks it is
    the `layers` of the block's type: 1 for a convolution or a linear layer, 0 for most others.
    """
    own = argument(spec, "sub_layers")
    if own is not None:
        return own
    if spec.branches:
        return max(sum(map(block_layers, branch)) for branch in spec.branches)
    own_layers = block_type(spec.kind).layers
    return own_layers(spec) if own_layers is not None else 0
