"""`XXBL`: residual super-blocks of K×K–K×K and 1×1–K×K–1×1; Zen-NAS's space for CIFAR and for latency budgets."""

from __future__ import annotations

from PlainNet import Structure
from SearchSpace.base import SPACES
from SearchSpace.superblocks import SuperBlockSpace, default_start

KINDS = tuple(f"SuperResK1K{k}K1" for k in (3, 5, 7)) + tuple(f"SuperResK{k}K{k}" for k in (3, 5, 7))
START = (
    "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,1,8,1)SuperResK3K3(16,32,2,16,1)"
    "SuperResK3K3(32,64,2,32,1)SuperResK3K3(64,64,2,32,1)SuperConvK1BNRELU(64,128,1,1)"
)


def xxbl(initial: Structure | None = None) -> SuperBlockSpace:
    """Return the XXBL space. Blocks have at most 2,048 channels."""
    return SuperBlockSpace("XXBL", KINDS, default_start(START, initial), most=2048)


SPACES.add("XXBL", xxbl)
