"""Batches of any set of images, made in this process or by workers with equal results. Imports torch.

Randomness is keyed: the view of an image depends only on (seed, epoch, index of the image), not on the process or the
order. A training can therefore resume within an epoch, and several processes see what one would see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from latency.measuring.conditions import cores
from zennas.data.base import CorruptImageError, DataError, ImageSet

View = Callable[[Tensor], Tensor]
"""A function from an image (3, H, W) in uint8 to one of a fixed size; it may draw from torch's global generator."""


class Batch(NamedTuple):
    """A batch of images.

    images: (n, C, H, W) in uint8. labels: (n,). rows: indices in the set, (n,). skipped: messages about corrupt images.
    """

    images: Tensor
    labels: Tensor
    rows: Tensor
    skipped: tuple[str, ...] = ()


class Key(NamedTuple):
    epoch: int
    row: int


def in_batches(rows: Sequence[int], size: int) -> list[list[Key]]:
    """Split images with the indices `rows` into batches of `size`, in order, all with epoch 0."""
    return [[Key(0, row) for row in rows[i : i + size]] for i in range(0, len(rows), size)]


def generator(*key: int) -> torch.Generator:
    """Return a random generator that is determined by the key."""
    return torch.Generator().manual_seed(seed_of(*key))


def seed_of(*key: int) -> int:
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)


@dataclass(eq=False)
class _Views(Dataset[Any]):
    images: ImageSet
    view: View
    seed: int
    skip_corrupt: bool

    def __getitems__(self, keys: Sequence[Key]) -> Batch | DataError:
        try:
            return self._batch(keys)
        except DataError as error:
            # Returned, as the message of what is raised here would contain a worker's traceback. A new one, because
            # this one refers to frames that refer to it, and what only the garbage collector frees is freed late.
            return DataError(str(error))

    def _batch(self, keys: Sequence[Key]) -> Batch:
        shown, rows, skipped = [], [], []
        for key in keys:
            image = self._shown(key)
            if isinstance(image, str):
                skipped.append(image)
            else:
                shown.append(image)
                rows.append(key.row)
        chosen = torch.tensor(rows, dtype=torch.int64)
        labels = torch.from_numpy(self.images.labels)[chosen]
        images = torch.stack(shown) if shown else torch.empty(0, self.images.channels, 1, 1, dtype=torch.uint8)
        return Batch(images, labels, chosen, tuple(skipped))

    def _shown(self, key: Key) -> Tensor | str:
        """The image, or the message if it is corrupt and may be skipped. Raises DataError if it may not."""
        try:
            image = self.images.read(key.row)
        except CorruptImageError as error:
            if self.skip_corrupt:
                return str(error)
            raise DataError(f"{error}; leave such images out with --skip-corrupt") from None
        before = torch.get_rng_state()
        torch.default_generator.manual_seed(seed_of(self.seed, *key))
        try:
            return self.view(image)
        finally:
            torch.set_rng_state(before)


class Loader:
    """Turns batches of keys into batches of images.

    workers: number of processes, at most one per core; 0 uses this process. view: None uses images as they are; images
    in memory are then kept on `device`.
    """

    def __init__(
        self,
        images: ImageSet,
        view: View | None,
        device: torch.device,
        *,
        seed: int = 0,
        workers: int = 0,
        skip_corrupt: bool = False,
    ) -> None:
        self.images = images
        self._device = device
        workers = min(workers, cores())  # more would only compete for cores
        self._plan: list[list[Key]] = []
        self._pixels = images.pixels.to(device) if view is None and images.pixels is not None else None
        if self._pixels is None:
            views = _Views(images, view or _as_it_is, seed, skip_corrupt)
            self._loader = DataLoader(
                views,
                batch_sampler=_Planned(self._plan),
                collate_fn=_as_it_is,
                num_workers=workers,
                persistent_workers=workers > 0,
                pin_memory=device.type == "cuda",
                generator=torch.Generator(),  # the default draws from the global one, which would change resumed runs
                multiprocessing_context=_processes() if workers else None,
            )

    def __call__(self, plan: Sequence[Sequence[Key]]) -> Iterator[Batch]:
        """Yield the batches of `plan` on the device. Raises DataError for a corrupt image that must not be skipped."""
        if self._pixels is not None:
            labels = torch.from_numpy(self.images.labels)
            for keys in plan:
                rows = torch.tensor([key.row for key in keys])
                yield Batch(self._pixels[rows.to(self._device)], labels[rows].to(self._device), rows)
            return
        self._plan[:] = [list(keys) for keys in plan]
        for found in self._loader:
            if isinstance(found, DataError):
                try:
                    raise found
                finally:
                    # Or the error would refer to this frame, which refers to the error: workers that only the garbage
                    # collector finds take seconds to stop.
                    del found
            images, labels, rows, skipped = found
            there = [x.to(self._device, non_blocking=True) for x in (images, labels)]
            yield Batch(there[0], there[1], rows, skipped)


def _processes() -> BaseContext:
    """A context that forks workers from a server, which imports once what would take each worker seconds; workers
    forked from this process would inherit locks that threads may hold.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__, "torchvision.transforms.v2"])
    return context


class _Planned:
    """A batch sampler that follows the current plan."""

    def __init__(self, plan: list[list[Key]]) -> None:
        self._plan = plan

    def __len__(self) -> int:
        return len(self._plan)

    def __iter__(self) -> Iterator[list[Key]]:
        return iter(self._plan)


def _as_it_is(x: Any) -> Any:
    return x
