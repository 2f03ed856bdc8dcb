"""Batches of any set of images, in this process or by workers, the same either way. Imports torch.

What is random is keyed: an image's view is drawn from (seed, epoch, number of the image), whoever draws it and in
which order. So a training can go on in the middle of an epoch, and several processes see what one would see.
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
"""From an image (3, H, W) in uint8 to one of the size that all in a batch have; random by torch's global generator."""


class Batch(NamedTuple):
    """images: (n, 3, S, S) in uint8; labels, rows: (n,), rows being numbers in the set; skipped: what was corrupt."""

    images: Tensor
    labels: Tensor
    rows: Tensor
    skipped: tuple[str, ...] = ()


class Key(NamedTuple):
    epoch: int
    row: int


def in_batches(rows: Sequence[int], size: int) -> list[list[Key]]:
    """A plan of these images in their order, without an epoch."""
    return [[Key(0, row) for row in rows[i : i + size]] for i in range(0, len(rows), size)]


def generator(*key: int) -> torch.Generator:
    """A generator of its own for each key."""
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
            return error  # raised here, a worker's traceback would become its message

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
        images = torch.stack(shown) if shown else torch.empty(0, 3, 1, 1, dtype=torch.uint8)
        return Batch(images, labels, chosen, tuple(skipped))

    def _shown(self, key: Key) -> Tensor | str:
        """The image; where it is corrupt and may be skipped, what is wrong with it. Raises DataError."""
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
    """Makes batches of keys into batches of images, in `workers` processes, 0 for this one.

    view: None for images that are in memory and shown as they are, which then lie on `device`.
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
        workers = min(workers, cores())  # more are only in each other's way
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
                generator=torch.Generator(),  # else it draws from the global one, and a training that goes on differs
                multiprocessing_context=_processes() if workers else None,
            )

    def __call__(self, plan: Sequence[Sequence[Key]]) -> Iterator[Batch]:
        """The batches of that plan, on the device. Raises DataError."""
        if self._pixels is not None:
            labels = torch.from_numpy(self.images.labels)
            for keys in plan:
                rows = torch.tensor([key.row for key in keys])
                yield Batch(self._pixels[rows.to(self._device)], labels[rows].to(self._device), rows)
            return
        self._plan[:] = [list(keys) for keys in plan]
        for found in self._loader:
            if isinstance(found, DataError):
                raise found
            images, labels, rows, skipped = found
            there = [x.to(self._device, non_blocking=True) for x in (images, labels)]
            yield Batch(there[0], there[1], rows, skipped)


def _processes() -> BaseContext:
    """Forked from a server, which has imported once what takes each of them seconds; forked from here, they would
    inherit locks that threads may hold.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__, "torchvision.transforms.v2"])
    return context


class _Planned:
    """A batch sampler that says what the plan says now."""

    def __init__(self, plan: list[list[Key]]) -> None:
        self._plan = plan

    def __len__(self) -> int:
        return len(self._plan)

    def __iter__(self) -> Iterator[list[Key]]:
        return iter(self._plan)


def _as_it_is(x: Any) -> Any:
    return x
