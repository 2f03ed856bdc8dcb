"""Templates: families of blocks that differ only in their channel numbers, so that a block is analysed only once.

Almost every mutation of a search makes a new block, but rarely a new family: `SuperResK3K3(24,48,2,32,3)` has the same
operations as every other `SuperResK3K3` with stride 2 and three sub-layers, only with other widths. A `Template` is
such a family. Its `probe` is a member whose channel numbers cannot be confused with each other. An interpreter lowers
the probe, asks `width` which argument each number comes from, and then has formulas for all members. See `costform.py`
for an example.

Only blocks whose type promises it (`BlockType.linear`) have templates, and only if all channel arguments are multiples
of 8. All other blocks are lowered and cached one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import gcd
from operator import itemgetter
from typing import NamedTuple

from PlainNet.blocktype import MAX_CHANNELS, block_type
from PlainNet.ir import BlockSpec

_CHANNEL_PARAMS = ("in_channels", "out_channels", "bottleneck_channels")
_PRIMES = (11, 13, 17)
_UNIT = 8
_MAX_RATIO = 8  # less than the primes, so that no number is a multiple of two arguments


class Width(NamedTuple):
    """A number of channels as a multiple of one argument of a block: `args[arg] * numerator // denominator`.

    For a constant, `arg` is -1 and `numerator` is the constant.
    """

    arg: int
    numerator: int
    denominator: int

    def of(self, args: tuple[int, ...]) -> int:
        """Return the number of channels for the given arguments of the block."""
        return self.numerator if self.arg < 0 else args[self.arg] * self.numerator // self.denominator


@dataclass(frozen=True, eq=False)
class Template:
    """A family of blocks that differ only in their channel numbers.

    Equal templates are the same object and are compared by identity, which makes them fast dictionary keys.
    """

    probe: BlockSpec
    channel_args: tuple[int, ...]

    def width(self, number: int) -> Width:
        """Return the argument that `number`, a number of channels in the probe's op graph, is a multiple of."""
        for arg in self.channel_args:
            own = self.probe.args[arg]
            common = gcd(number, own)
            if own <= 4 * common and number <= _MAX_RATIO * common:
                return Width(arg, number // common, own // common)
        return Width(-1, number, 1)


def template_of(spec: BlockSpec) -> Template | None:
    """Return the template of `spec`, or None if it has none or its channel numbers are not valid.

    Raises StructureError if another argument is not valid.
    """
    layout = _layout(spec.kind)
    if layout is None or len(spec.args) != layout.arguments:
        return None
    channels = layout.channels(spec.args)
    for c in channels:
        if c % _UNIT or not 0 < c <= MAX_CHANNELS:
            return None
    # If two numbers of channels are equal, a block may differ: it may omit a projection, or have a link.
    compared = layout.compared
    equal = compared is not None and spec.args[compared[0]] == spec.args[compared[1]]
    return _template(spec.kind, layout.rest(spec.args), equal)


class _Layout(NamedTuple):
    """The positions of a kind's arguments: channels (in, out, and bottleneck if it has one), and the rest.

    compared: the positions of the two channel arguments for which it matters whether they are equal: bottleneck and
    out, or out and in for a kind without a bottleneck. None for a kind with one channel argument.
    """

    arguments: int
    channel_args: tuple[int, ...]
    compared: tuple[int, int] | None
    channels: Callable[[tuple[int, ...]], tuple[int, ...]]
    rest: Callable[[tuple[int, ...]], tuple[int, ...]]


@cache
def _layout(kind: str) -> _Layout | None:
    found = block_type(kind)
    if not found.linear:
        return None
    channels = tuple(i for name in _CHANNEL_PARAMS if (i := found.index(name)) is not None)
    rest = tuple(i for i in range(len(found.params)) if i not in channels)
    compared = (channels[-1], channels[-2]) if len(channels) > 1 else None
    return _Layout(len(found.params), channels, compared, _getter(channels), _getter(rest))


def _getter(positions: tuple[int, ...]) -> Callable[[tuple[int, ...]], tuple[int, ...]]:
    """A function that returns the arguments at `positions`, always as a tuple."""
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda args: tuple(args[i] for i in positions)


@cache
def _template(kind: str, rest: tuple[int, ...], equal: bool) -> Template:
    layout = _layout(kind)
    assert layout is not None  # only called for kinds that have one
    values = iter(rest)
    args = [0 if i in layout.channel_args else next(values) for i in range(len(rest) + len(layout.channel_args))]
    for position, prime in zip(layout.channel_args, _PRIMES, strict=False):
        args[position] = _UNIT * prime
    if equal and layout.compared is not None:
        changed, kept = layout.compared
        args[changed] = args[kept]
    block_type(kind).check(BlockSpec(kind, tuple(args)))
    return Template(BlockSpec(kind, tuple(args)), layout.channel_args)
