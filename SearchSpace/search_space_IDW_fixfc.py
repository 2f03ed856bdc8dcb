"""`IDW_fixfc`: inverted depthwise super-blocks and a fixed last layer; Zen-NAS's space for FLOPs budgets."""

from __future__ import annotations

from PlainNet import Structure
from SearchSpace.base import SPACES
from SearchSpace.superblocks import SuperBlockSpace, default_start

KINDS = tuple(f"SuperResIDWE{e}K{k}" for k in (3, 5, 7) for e in (1, 2, 4, 6))
START = (
    "SuperConvK3BNRELU(3,8,2,1)SuperResIDWE6K3(8,32,2,8,1)SuperResIDWE6K3(32,48,2,32,1)"
    "SuperResIDWE6K3(48,96,2,48,1)SuperResIDWE6K3(96,128,2,96,1)SuperConvK1BNRELU(128,2048,1,1)"
)


def idw_fixfc(initial: Structure | None = None) -> SuperBlockSpace:
    """Return the IDW_fixfc space. Mutations never change its last 1×1 convolution."""
    return SuperBlockSpace("IDW_fixfc", KINDS, default_start(START, initial), fixed_last=True)


SPACES.add("IDW_fixfc", idw_fixfc)
