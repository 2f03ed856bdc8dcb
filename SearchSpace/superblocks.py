"""Search spaces of super-blocks: the common part of Zen-NAS's two search spaces.

A structure consists of a stem convolution, residual super-blocks, and a final 1×1 convolution. A mutation replaces
blocks: it scales their channels, adds or removes sub-layers, and picks any kind of block of the space. Then input
channels are adjusted to the preceding blocks, and deep blocks are split.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from random import Random

from PlainNet import BlockSpec, Structure, parse
from PlainNet.blocktype import MAX_CHANNELS
from PlainNet.edit import SPLIT_THRESHOLD, split
from PlainNet.ir import super_block
from SearchSpace.base import SearchSpaceError, SpaceArrays, random_walk

SCALES = (2.5, 2, 1.5, 1.25, 1, 1 / 1.25, 1 / 1.5, 1 / 2, 1 / 2.5)
SUB_LAYER_STEPS = (-2, -1, 0, 1, 2)
BASE = 8
FIXED = "SuperConvK1BNRELU"
"""The kind of block that `fixed_last` keeps."""


@cache
def channel_options(channels: int, most: int, base: int = BASE) -> tuple[int, ...]:
    """Return `channels` times each of `SCALES`, rounded to multiples of `base`, from `base` to `most`, sorted."""
    scaled = {round(min(most, max(base, channels * scale)) / base) * base for scale in SCALES}
    return tuple(sorted(scaled))


@cache
def sub_layer_options(sub_layers: int) -> tuple[int, ...]:
    """Return the numbers of sub-layers that a mutation can choose, at least 1."""
    return tuple(sub_layers + step for step in SUB_LAYER_STEPS if sub_layers + step >= 1)


@dataclass(frozen=True)
class SuperBlockSpace:
    """A search space of residual super-blocks. Raises SearchSpaceError if `start` has blocks of other kinds.

    kinds: the kinds of residual super-blocks.
    start: the initial structure.
    most: the largest number of channels.
    fixed_last: whether a `SuperConvK1BNRELU` is never changed, which keeps the width of the classifier's input.
    base: what all widths are multiples of, itself a multiple of `BASE`.
    """

    name: str
    kinds: tuple[str, ...]
    start: Structure
    most: int = MAX_CHANNELS // BASE * BASE
    fixed_last: bool = False
    base: int = BASE

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", Structure.of(part for spec in self.start.blocks for part in split(spec)))
        for spec in self.start.blocks:
            if spec.kind not in self.kinds and not spec.kind.startswith("SuperConv"):
                raise SearchSpaceError(
                    f"{spec} cannot be in search space {self.name}: "
                    f"expected SuperConvK*BNRELU or {', '.join(self.kinds)}"
                )

    def initial(self) -> Structure:
        """Return the structure that a search starts from."""
        return self.start

    def sample(self, rng: Random) -> Structure:
        """Return a random structure: the initial one after 10 to 60 mutations."""
        return random_walk(self, rng)

    def restricted(self, kinds: tuple[str, ...], base: int, most: int) -> SuperBlockSpace:
        """Return the part of this space with some of its kinds, and with widths that are multiples of `base`.

        The initial structure is changed to be in it: widths are rounded up, and blocks of other kinds become the first
        kind. A width that is never changed is only changed if it is no such multiple, or larger than `most`.
        """
        most -= most % base

        def width(channels: int) -> int:
            return min(most, -(-channels // base) * base)

        blocks: list[BlockSpec] = []
        for spec in self.start.blocks:
            channels = blocks[-1].args[1] if blocks else spec.args[0]
            args = [channels, width(spec.args[1]), *spec.args[2:]]
            if len(args) == 5:
                args[3] = width(args[3])
            residual = len(args) == 5 and spec.kind not in kinds
            blocks.append(super_block(kinds[0] if residual else spec.kind, tuple(args)))
        return replace(self, kinds=kinds, start=Structure(tuple(blocks)), most=most, base=base)

    def arrays(self) -> SpaceArrays | None:
        """Return the array form of the space; None if its blocks have none, or if a width is no multiple of 8."""
        from PlainNet.arrays.structures import Layout  # numpy takes a while to import
        from SearchSpace.superblock_arrays import SuperBlockMutations

        deepest = SPLIT_THRESHOLD - 1 + SUB_LAYER_STEPS[-1]
        layout = Layout.of(self.start, self.kinds, deepest)
        fixed = FIXED if self.fixed_last else None
        if layout is None:
            return None
        return SuperBlockMutations(layout, self.kinds, self.most, fixed, SCALES, SUB_LAYER_STEPS, self.base)

    def contains(self, structure: Structure) -> bool:
        """Return whether mutations can lead to `structure`."""
        own = self.start.blocks
        blocks = structure.blocks
        if len(blocks) < 2 or not all(map(self._allowed, blocks)):
            return False
        ends = [(a.kind, a.args[2]) == (b.kind, b.args[2]) for a, b in ((own[0], blocks[0]), (own[-1], blocks[-1]))]
        last_kept = not self._is_fixed(own[-1]) or own[-1].args[1] == blocks[-1].args[1]
        strides = [[b.args[2] for b in s if b.args[2] > 1] for s in (own, blocks)]
        joined = all(a.args[1] == b.args[0] for a, b in pairwise(blocks))
        return all(ends) and last_kept and joined and strides[0] == strides[1] and own[0].args[0] == blocks[0].args[0]

    def mutate(self, structure: Structure, rng: Random, changes: int = 1) -> Structure:
        """Return a copy of `structure` with up to `changes` blocks replaced. The result may equal `structure`."""
        blocks = list(structure.blocks)
        changed: set[int] = set()
        deep = False
        for _ in range(changes):
            i = int(rng.random() * len(blocks))
            if i in changed:  # two draws of one block change it once, as in Zen-NAS
                continue
            changed.add(i)
            before = blocks[i]
            after = blocks[i] = self._replace(before, rng)
            channels = after.args[1]
            if channels != before.args[1] and i + 1 < len(blocks):
                follower = blocks[i + 1]
                blocks[i + 1] = super_block(follower.kind, (channels, *follower.args[1:]))
            deep = deep or after.args[-1] >= SPLIT_THRESHOLD
        if deep:
            blocks = [part for spec in blocks for part in (split(spec) if spec.args[-1] >= SPLIT_THRESHOLD else [spec])]
        return Structure(tuple(blocks))

    def _replace(self, spec: BlockSpec, rng: Random) -> BlockSpec:
        random = rng.random  # the innermost loop of a search: rng.choice is four times slower
        if len(spec.args) == 4:
            if self._is_fixed(spec):
                return spec
            in_channels, out_channels, stride, _ = spec.args
            outs = channel_options(out_channels, self.most, self.base)
            return super_block(spec.kind, (in_channels, outs[int(random() * len(outs))], stride, 1))
        in_channels, out_channels, stride, bottleneck, sub_layers = spec.args
        outs = channel_options(out_channels, self.most, self.base)
        necks = channel_options(bottleneck, self.most, self.base)
        depths = sub_layer_options(sub_layers)
        args = (
            in_channels,
            outs[int(random() * len(outs))],
            stride,
            necks[int(random() * len(necks))],
            depths[int(random() * len(depths))],
        )
        return super_block(self.kinds[int(random() * len(self.kinds))], args)

    def _is_fixed(self, spec: BlockSpec) -> bool:
        return self.fixed_last and spec.kind == FIXED

    def _allowed(self, spec: BlockSpec) -> bool:
        if spec.kind.startswith("SuperConv"):
            return spec.args[3] == 1 and spec.args[1] % self.base == 0
        if spec.kind not in self.kinds:
            return False
        _, out_channels, _, bottleneck, sub_layers = spec.args
        widths_fit = all(c % self.base == 0 and self.base <= c <= self.most for c in (out_channels, bottleneck))
        return widths_fit and sub_layers < SPLIT_THRESHOLD


def default_start(text: str, initial: Structure | None) -> Structure:
    """Return `initial`, or the structure in `text` if `initial` is None."""
    return initial if initial is not None else parse(text)
