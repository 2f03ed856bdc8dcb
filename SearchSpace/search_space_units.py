"""`units`: inverted residuals and basic blocks, one by one; hand-made networks such as MobileNetV2's are in this space.

A structure is a stem (3×3 convolution, BN, ReLU), at least one unit (`MBConv` or `BasicBlock`), and possibly a last 1×1
convolution with BN and ReLU. Units have kernels of 3 and 5, expansions from 1 to 6, and widths that are multiples of 8.
A link is the identity where a unit keeps its width, so a width can change in one unit or in all neighbours that share
it. Strides are 2 or 1, in the stem and in units. A mutation may move them, but their number stays that of the initial
structure, and with it the resolution of the features: give an initial structure with more of them for large images.

The MobileNetV2-like network and ResNet-8 at 32×32 pixels are members. The ResNet-8 of MLPerf Tiny differs from the one
of basic blocks: it has biases in all convolutions and no BN on its projections, and 78,666 parameters with moving
averages counted, where this one has 78,042.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from random import Random
from typing import TypeAlias, TypeVar

from PlainNet import BlockSpec, Structure
from PlainNet.ir import super_block
from SearchSpace.base import SPACES, SearchSpaceError, random_walk
from SearchSpace.superblocks import BASE, channel_options, default_start

T = TypeVar("T")

STEM, MBCONV, BASIC, LAST = "SuperConvK3BNRELU", "MBConv", "BasicBlock", "SuperConvK1BNRELU"
UNITS = (MBCONV, BASIC)
KERNELS = (3, 5)
EXPANSIONS = (1, 2, 3, 4, 5, 6)
MOST = 2048
"""The largest number of channels."""

START = (
    "SuperConvK3BNRELU(3,16,1,1)MBConv(16,16,3,3,1)MBConv(16,32,3,3,2)MBConv(32,32,3,3,1)MBConv(32,64,3,3,2)"
    "SuperConvK1BNRELU(64,128,1,1)"
)

_STRIDE_AT = {STEM: 2, MBCONV: 4, BASIC: 3, LAST: 2}
"""The position of the stride among a block's arguments."""
_KERNEL_AT, _EXPANSION_AT = 2, 3

_Random: TypeAlias = Callable[[], float]
_Move: TypeAlias = Callable[[list[BlockSpec], int, _Random], None]
"""Changes a list of blocks at one place."""


def _pick(options: tuple[T, ...], random: _Random) -> T:
    return options[int(random() * len(options))]  # rng.choice is four times slower


@cache
def width_options(channels: int) -> tuple[int, ...]:
    """Return the other widths that a mutation can choose: scaled as in XXBL, and one step of 8 up and down."""
    steps = {channels - BASE, channels + BASE} | set(channel_options(channels, MOST))
    return tuple(sorted(width for width in steps if BASE <= width <= MOST and width != channels))


def _stride(spec: BlockSpec) -> int:
    return spec.args[_STRIDE_AT[spec.kind]]


def _with(spec: BlockSpec, place: int, value: int) -> BlockSpec:
    return super_block(spec.kind, (*spec.args[:place], value, *spec.args[place + 1 :]))


def _set_width(blocks: list[BlockSpec], i: int, width: int) -> None:
    """Change the output of block `i`, and the input of the next one."""
    blocks[i] = _with(blocks[i], 1, width)
    if i + 1 < len(blocks):
        blocks[i + 1] = _with(blocks[i + 1], 0, width)


def _set_stride(blocks: list[BlockSpec], i: int, stride: int) -> None:
    blocks[i] = _with(blocks[i], _STRIDE_AT[blocks[i].kind], stride)


def _strided(blocks: list[BlockSpec], stride: int) -> tuple[int, ...]:
    """The positions of the stem and the units that have this stride."""
    return tuple(i for i, spec in enumerate(blocks) if spec.kind != LAST and _stride(spec) == stride)


# -- moves -----------------------------------------------------------------------------------


def _change_width(blocks: list[BlockSpec], i: int, random: _Random) -> None:
    """Give another width to a block, or with it to all neighbours that share its width."""
    before = blocks[i].args[1]
    width = _pick(width_options(before), random)
    first = last = i
    if blocks[i].kind != LAST and random() < 0.5:
        while first > 0 and blocks[first - 1].args[1] == before:
            first -= 1
        while last + 1 < len(blocks) and blocks[last + 1].kind != LAST and blocks[last + 1].args[1] == before:
            last += 1
    for place in range(first, last + 1):
        _set_width(blocks, place, width)


def _change_kernel(blocks: list[BlockSpec], i: int, random: _Random) -> None:
    kernel = blocks[i].args[_KERNEL_AT]
    blocks[i] = _with(blocks[i], _KERNEL_AT, _pick(tuple(k for k in KERNELS if k != kernel), random))


def _change_expansion(blocks: list[BlockSpec], i: int, random: _Random) -> None:
    expansion = blocks[i].args[_EXPANSION_AT]
    blocks[i] = _with(blocks[i], _EXPANSION_AT, _pick(tuple(e for e in EXPANSIONS if e != expansion), random))


def _change_kind(blocks: list[BlockSpec], i: int, random: _Random) -> None:
    """Turn an inverted residual into a basic block, or the other way round with a random expansion."""
    spec = blocks[i]
    if spec.kind == MBCONV:
        blocks[i] = super_block(BASIC, (*spec.args[:3], spec.args[4]))
    else:
        blocks[i] = super_block(MBCONV, (*spec.args[:3], _pick(EXPANSIONS, random), spec.args[3]))


def _move_stride(blocks: list[BlockSpec], i: int, random: _Random) -> None:
    """Move the stride of a block to another block, or that of another block to this one."""
    own = _stride(blocks[i])
    others = _strided(blocks, 3 - own)
    if others:
        other = _pick(others, random)
        _set_stride(blocks, other, own)
        _set_stride(blocks, i, 3 - own)


def _insert(blocks: list[BlockSpec], i: int, random: _Random) -> None:
    """Insert a unit after a block, which keeps its width and so has an identity link."""
    width, kernel = blocks[i].args[1], _pick(KERNELS, random)
    if random() < 0.5:
        unit = super_block(MBCONV, (width, width, kernel, _pick(EXPANSIONS, random), 1))
    else:
        unit = super_block(BASIC, (width, width, kernel, 1))
    blocks.insert(i + 1, unit)


def _remove(blocks: list[BlockSpec], i: int, random: _Random) -> None:
    """Remove a unit unless it is the only one. Its stride moves to another block; if there is none, the unit stays."""
    if sum(spec.kind in UNITS for spec in blocks) == 1:
        return
    if _stride(blocks[i]) > 1:
        free = _strided(blocks, 1)
        if not free:
            return
        _set_stride(blocks, _pick(free, random), _stride(blocks[i]))
    width = blocks[i].args[0]
    del blocks[i]
    if i < len(blocks):
        blocks[i] = _with(blocks[i], 0, width)


def _remove_last(blocks: list[BlockSpec], i: int, random: _Random) -> None:
    del blocks[i]


_EVERY_UNIT = (_change_width, _change_kernel, _change_kind, _move_stride, _insert, _remove)
_MOVES: dict[str, tuple[_Move, ...]] = {
    STEM: (_change_width, _move_stride, _insert),
    MBCONV: (*_EVERY_UNIT, _change_expansion),
    BASIC: _EVERY_UNIT,
    LAST: (_change_width, _change_width, _change_width, _remove_last),
}


# -- the space -------------------------------------------------------------------------------


@dataclass(frozen=True)
class UnitSpace:
    """The search space of single units. Raises SearchSpaceError if `start` is not made of a stem and units.

    start: the initial structure. All structures have as many strides of 2 as it has.
    """

    start: Structure
    name: str = "units"

    def __post_init__(self) -> None:
        reason = _why_not(self.start)
        if reason is not None:
            raise SearchSpaceError(f"the initial structure is not in the search space {self.name}: {reason}")

    def initial(self) -> Structure:
        """Return the structure that a search starts from."""
        return self.start

    def sample(self, rng: Random) -> Structure:
        """Return a random structure: the initial one after 10 to 60 mutations."""
        return random_walk(self, rng)

    def contains(self, structure: Structure) -> bool:
        """Return whether mutations can lead to `structure`."""
        if _why_not(structure) is not None or structure.blocks[0].args[0] != self.start.blocks[0].args[0]:
            return False
        return len(_strided(list(structure.blocks), 2)) == len(_strided(list(self.start.blocks), 2))

    def mutate(self, structure: Structure, rng: Random, changes: int = 1) -> Structure:
        """Return a copy of `structure` with up to `changes` random changes. The result may equal `structure`.

        A change picks a block and changes its width, kernel, expansion, stride or kind, inserts a unit after it, or
        removes it.
        """
        blocks, random = list(structure.blocks), rng.random
        for _ in range(changes):
            ended = blocks[-1].kind == LAST
            i = int(random() * (len(blocks) + (not ended)))
            if i < len(blocks):
                _pick(_MOVES[blocks[i].kind], random)(blocks, i, random)
            else:
                width = blocks[-1].args[1]
                blocks.append(super_block(LAST, (width, _pick((width, *width_options(width)), random), 1, 1)))
        return Structure(tuple(blocks))


def _why_not(structure: Structure) -> str | None:
    """Why a structure cannot be in the space, whatever its strides; None if it can."""
    blocks = structure.blocks
    if not blocks or blocks[0].kind != STEM:
        return f"it begins with {blocks[0] if blocks else 'nothing'}, expected {STEM}"
    inner = blocks[1:-1] if blocks[-1].kind == LAST else blocks[1:]
    if not inner:
        return f"it has no unit, expected {' or '.join(UNITS)} after the stem"
    for spec in inner:
        if spec.kind not in UNITS:
            return f"it has {spec} after the stem, expected {' or '.join(UNITS)}"
    for spec in blocks:
        reason = _why_not_block(spec)
        if reason is not None:
            return f"{reason} in {spec}"
    for a, b in pairwise(blocks):
        if a.args[1] != b.args[0]:
            return f"{b} does not take the {a.args[1]} channels of {a}"
    return None


def _why_not_block(spec: BlockSpec) -> str | None:
    if spec.name:
        return "labels are not possible"
    out, stride = spec.args[1], _stride(spec)
    if out % BASE or not BASE <= out <= MOST:
        return f"out_channels is {out}, expected a multiple of {BASE} from {BASE} to {MOST:,}"
    if stride not in ((1,) if spec.kind == LAST else (1, 2)):
        return f"stride is {stride}, expected {'1' if spec.kind == LAST else '1 or 2'}"
    if spec.kind in (STEM, LAST):
        return None if spec.args[3] == 1 else f"sub_layers is {spec.args[3]}, expected 1"
    if spec.args[_KERNEL_AT] not in KERNELS:
        return f"kernel_size is {spec.args[_KERNEL_AT]}, expected {' or '.join(map(str, KERNELS))}"
    if spec.kind == MBCONV and spec.args[_EXPANSION_AT] not in EXPANSIONS:
        return f"expansion is {spec.args[_EXPANSION_AT]}, expected {EXPANSIONS[0]} to {EXPANSIONS[-1]}"
    return None


def units(initial: Structure | None = None) -> UnitSpace:
    """Return the space of single units. Raises SearchSpaceError if `initial` is not made of a stem and units."""
    return UnitSpace(default_start(START, initial))


SPACES.add("units", units)
