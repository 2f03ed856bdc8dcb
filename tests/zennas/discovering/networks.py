"""Small networks and images for the tests of this room."""

from __future__ import annotations

from random import Random

import numpy as np

from PlainNet import Structure, parse
from SearchSpace.nasbench201 import OPERATIONS, Cell201, network
from zennas.discovering.settings import Images

CELL = Cell201.parse("|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|skip_connect~2|")
WITHOUT_UNITS = parse("SuperConvK3BNRELU(3,8,1,1)")


def images(count: int = 2, side: int = 16, seed: int = 0) -> Images:
    return np.random.default_rng(seed).standard_normal((count, 3, side, side), dtype=np.float32)


def networks(count: int = 3, seed: int = 0) -> list[Structure]:
    """Different networks of NAS-Bench-201 with few channels and a cell a stage."""
    rng, found = Random(seed), [network(CELL, channels=4, cells=1)]
    while len(found) < count:
        edges = tuple(rng.randrange(len(OPERATIONS)) for _ in range(6))
        structure = network(Cell201(edges), channels=4, cells=1)
        if structure not in found:
            found.append(structure)
    return found
