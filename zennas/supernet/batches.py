"""Batches for a search, which depend only on the seed, the epoch and the step. Imports torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from zennas.data.loading import seed_of
from zennas.supernet.errors import SupernetError
from zennas.training.feed import Feed

_ORDER, _LOAD = 201, 202
"""Purposes of random keys; the trainer has others."""


@runtime_checkable
class Batches(Protocol):
    """Images and labels, epoch by epoch. steps: batches in an epoch."""

    steps: int

    def epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of an epoch from number `first` on: images (n, C, H, W) and labels (n,)."""


class FeedBatches:
    """The batches of a training's `Feed`. layout: of the images in memory."""

    def __init__(self, feed: Feed, layout: torch.memory_format = torch.contiguous_format) -> None:
        self.steps, self._feed, self._layout = feed.steps, feed, layout

    def epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of an epoch from number `first` on."""
        for given in self._feed.epoch(epoch, first):
            yield given.images.contiguous(memory_format=self._layout), given.labels


class LoaderBatches:
    """The batches of any iterable with a length, such as a `DataLoader`.

    Before each batch, torch's global generator gets a seed of its own, so that the order of a `DataLoader` and what its
    transforms draw from torch depend on the key only. To begin within an epoch, the batches before are read and
    dropped. What draws from numpy, from `random`, or in worker processes of another kind is not covered.
    """

    def __init__(self, loader: Any, seed: int, purpose: int) -> None:
        self.steps, self._loader, self._key = len(loader), loader, (seed, purpose)
        if not self.steps:
            raise SupernetError("a loader has no batches, expected at least one")

    def epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of an epoch from number `first` on."""
        torch.manual_seed(seed_of(*self._key, _ORDER, epoch))
        batches = iter(self._loader)
        for step in range(self.steps):
            torch.manual_seed(seed_of(*self._key, _LOAD, epoch, step))
            images, labels = next(batches)
            if step >= first:
                yield images, labels


def batches_of(loader: Any, seed: int, purpose: int) -> Batches:
    """Return the batches of a loader, or the loader itself if it has keyed batches already."""
    return loader if isinstance(loader, Batches) else LoaderBatches(loader, seed, purpose)


class Endless:
    """Batches one after another, through as many epochs as it takes. taken: how many were."""

    def __init__(self, batches: Batches) -> None:
        self._batches, self.taken = batches, 0
        self._running: Iterator[tuple[Tensor, Tensor]] | None = None

    def next(self) -> tuple[Tensor, Tensor]:
        """Return the next batch."""
        epoch, step = divmod(self.taken, self._batches.steps)
        if self._running is None or step == 0:
            self._running = self._batches.epoch(epoch, step)
        self.taken += 1
        return next(self._running)

    def seek(self, taken: int) -> None:
        """Go on as after `taken` batches."""
        self.taken, self._running = taken, None
