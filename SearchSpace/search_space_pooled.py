"""`pooled`: XXBL's residual super-blocks of 3×3 kernels, with max pooling instead of strides.

Accelerators such as the MAX78000 compute convolutions at stride 1 only, and pool before them. A structure is one of
super-blocks in which every block of stride 2 is written as `MaxPool(channels,2,2)` and the same block at stride 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from PlainNet import BlockSpec, Structure
from PlainNet.ir import super_block
from SearchSpace.base import SPACES, SearchSpaceError, random_walk
from SearchSpace.superblocks import SuperBlockSpace, default_start

POOL = "MaxPool"
KINDS = ("SuperResK3K3", "SuperResK1K3K1")
START = (
    "SuperConvK3BNRELU(3,16,1,1)SuperResK3K3(16,16,1,16,1)MaxPool(16,2,2)SuperResK3K3(16,32,1,16,1)MaxPool(32,2,2)"
    "SuperResK3K3(32,64,1,32,1)MaxPool(64,2,2)SuperResK3K3(64,64,1,32,1)SuperConvK1BNRELU(64,128,1,1)"
)
MOST = 1024
"""The largest number of channels."""
_STRIDE_AT = 2


def with_pools(structure: Structure) -> Structure:
    """Return a structure of super-blocks with max pooling instead of strides of 2."""
    blocks: list[BlockSpec] = []
    for spec in structure.blocks:
        if spec.args[_STRIDE_AT] == 2:
            blocks.append(BlockSpec(POOL, (spec.args[0], 2, 2)))
        blocks.append(_with_stride(spec, 1))
    return Structure(tuple(blocks))


def with_strides(structure: Structure) -> Structure:
    """Return the structure that `with_pools` makes this one of. Raises SearchSpaceError if there is none."""
    blocks: list[BlockSpec] = []
    pooled = False
    for spec in structure.blocks:
        if spec.kind == POOL:
            if pooled or spec.args[1:] != (2, 2):
                raise SearchSpaceError(
                    f"{spec} cannot be in search space pooled, expected single MaxPool(channels,2,2)"
                )
            pooled = True
            continue
        if len(spec.args) not in (4, 5) or spec.args[_STRIDE_AT] != 1:
            raise SearchSpaceError(f"{spec} cannot be in search space pooled, expected super-blocks of stride 1")
        blocks.append(_with_stride(spec, 2 if pooled else 1))
        pooled = False
    if pooled:
        raise SearchSpaceError(f"{structure.blocks[-1]} cannot be the last block in search space pooled")
    return Structure(tuple(blocks))


def _with_stride(spec: BlockSpec, stride: int) -> BlockSpec:
    return super_block(spec.kind, (*spec.args[:_STRIDE_AT], stride, *spec.args[_STRIDE_AT + 1 :]))


@dataclass(frozen=True)
class PooledSpace:
    """A space of super-blocks with pools. strided: the space with strides instead."""

    strided: SuperBlockSpace
    name: str = "pooled"

    def initial(self) -> Structure:
        """Return the structure that a search starts from."""
        return with_pools(self.strided.initial())

    def sample(self, rng: Random) -> Structure:
        """Return a random structure: the initial one after 10 to 60 mutations."""
        return random_walk(self, rng)

    def mutate(self, structure: Structure, rng: Random, changes: int = 1) -> Structure:
        """Return a copy of `structure` with up to `changes` super-blocks replaced. The pools stay between them."""
        return with_pools(self.strided.mutate(with_strides(structure), rng, changes))

    def contains(self, structure: Structure) -> bool:
        """Return whether mutations can lead to `structure`."""
        try:
            strided = with_strides(structure)
        except SearchSpaceError:
            return False
        return with_pools(strided) == structure and self.strided.contains(strided)


def pooled(initial: Structure | None = None) -> PooledSpace:
    """Return the space with pools. Blocks have at most 1,024 channels. Raises SearchSpaceError for other structures."""
    start = with_strides(default_start(START, initial))
    return PooledSpace(SuperBlockSpace("pooled", KINDS, start, most=MOST))


SPACES.add("pooled", pooled)
