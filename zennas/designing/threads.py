"""How many CPU threads a design uses: one, or as many as torch takes by itself, whichever is faster now. Imports torch.

Small networks gain little from further threads. Where another process uses a core, they lose a lot: each operation
waits for the thread that has no core, and a step of milliseconds can take seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import nn

from PlainNet.sizes import Size, sides

STEPS = 2
"""Steps that are timed with each number of threads; the shorter one counts."""


@contextmanager
def threads_kept() -> Iterator[None]:
    """Give torch its number of threads back after the context, in which others may be chosen."""
    _most.cache_clear()
    before = _most()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def use_fastest(network: nn.Module, in_channels: int, resolution: Size, batch: int) -> int:
    """Let torch use the number of threads with which a step of the network takes less time, and return it.

    batch: images in a step. The network's gradients are dropped, and its statistics of batch-norms change.
    """
    images = torch.zeros(batch, in_channels, *sides(resolution))
    network.train()
    most = _most()
    seconds = {1: _seconds(network, images, 1)}
    if most > 1:
        seconds[most] = _seconds(network, images, most)
    fastest = min(seconds, key=seconds.__getitem__)
    torch.set_num_threads(fastest)
    network.zero_grad(set_to_none=True)
    return fastest


@cache
def _most() -> int:
    """The threads that torch takes by itself, before any choice."""
    return torch.get_num_threads()


def _seconds(network: nn.Module, images: torch.Tensor, threads: int) -> float:
    torch.set_num_threads(threads)
    found = []
    for _ in range(STEPS):
        began = time.monotonic()
        network(images).sum().backward()
        found.append(time.monotonic() - began)
    return min(found)
