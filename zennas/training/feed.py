"""Batches of training images, whose order and augmentation depend only on seed, epoch and image. Imports torch.

A training can therefore resume at any step, and N processes share the same batches that one process would see.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from PlainNet.sizes import each_side
from zennas.data import ImageSet
from zennas.data.base import Shown
from zennas.data.channels import COLOUR, GREY
from zennas.data.loading import Batch, Key, Loader, generator, seed_of
from zennas.data.preparation import Normaliser, photograph_view, random_crop
from zennas.training.augment import DRAWS, Moves, cut_out, erased, mixer, moved
from zennas.training.distributed import Group
from zennas.training.precision import layout
from zennas.training.recipe import Recipe, TrainingError

if TYPE_CHECKING:
    from torchvision.transforms import v2

# Purposes of random keys, so that no two purposes share random numbers; 4 is that of `drop_path.py`.
_ORDER, _MOVES, _MIX, _CUT = 1, 2, 3, 5


class Given(NamedTuple):
    """A training batch.

    images: (n, C, H, W), normalised. targets: labels (n,), or (n, classes) if images are mixed. labels: (n,). skipped:
    messages about corrupt images that were left out.
    """

    images: Tensor
    targets: Tensor
    labels: Tensor
    skipped: tuple[str, ...]


class Feed:
    """The training images of this process, epoch by epoch, with `steps` batches per epoch.

    Raises TrainingError if the batch size is not a multiple of the number of processes, or AutoAugment does not take
    images of that many channels.
    """

    def __init__(
        self,
        images: ImageSet,
        recipe: Recipe,
        shown: Shown,
        group: Group,
        *,
        workers: int = 0,
        skip_corrupt: bool = False,
    ) -> None:
        if recipe.batch_size % group.world:
            raise TrainingError(
                f"batch-size is {recipe.batch_size}, expected a multiple of the number of processes, {group.world}"
            )
        self.steps = max(1, len(images) // recipe.batch_size)
        self._images, self._recipe, self._group = images, recipe, group
        usual = images.usual
        shift = each_side(lambda side: round(side * usual.shift), shown.resolution) if usual.crop == "shift" else 0
        self._moves = Moves(shift, usual.flip, recipe.erase) if recipe.augment else Moves(erase=recipe.erase)
        view = _view(images, recipe, shown)
        self._loader = Loader(images, view, group.device, seed=recipe.seed, workers=workers, skip_corrupt=skip_corrupt)
        self._show = Normaliser(shown.normalisation, shown.resolution, group.device)
        self._mix = mixer(recipe.mixup, recipe.cutmix, len(images.classes))
        self._layout = layout(recipe.precision, group.device)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Given]:
        """Yield the batches of an epoch, starting at batch number `first`. Raises DataError if an image is corrupt."""
        seed, size = self._recipe.seed, self._recipe.batch_size
        order = torch.randperm(len(self._images), generator=generator(seed, epoch, _ORDER)).tolist()
        draws = torch.rand(len(order), DRAWS, generator=generator(seed, epoch, _MOVES))
        cuts = None
        if self._recipe.cutout:
            cuts = torch.rand(len(order), 2, generator=generator(seed, epoch, _CUT))
        mine = slice(self._group.rank, None, self._group.world)
        plan = [[Key(epoch, row) for row in order[i * size : (i + 1) * size][mine]] for i in range(first, self.steps)]
        for step, batch in enumerate(self._loader(plan), first):
            yield self._given(batch, draws, cuts, seed_of(seed, epoch, _MIX, step))

    def _given(self, batch: Batch, draws: Tensor, cuts: Tensor | None, mix_seed: int) -> Given:
        drawn = draws[batch.rows].to(self._group.device)
        images = batch.images
        if self._show.keeps(images):  # bytes are moved faster than numbers, with the same result
            images = moved(images, drawn, self._moves)
            x = self._show.resized(images)
        else:
            x = moved(self._show.resized(images), drawn, self._moves)
        x = erased(self._show.normalised(x), drawn, self._moves)
        if cuts is not None:
            x = cut_out(x, cuts[batch.rows].to(x.device), self._recipe.cutout)
        targets = batch.labels
        if self._mix is not None and len(targets):
            before = torch.get_rng_state()
            torch.default_generator.manual_seed(mix_seed)
            x, targets = self._mix(x, targets)
            torch.set_rng_state(before)
        return Given(x.contiguous(memory_format=self._layout), targets, batch.labels, batch.skipped)


def fingerprint(images: ImageSet) -> str:
    """Return a hash of the images and their labels; a training resumes only with the images that it started with."""
    return hashlib.sha256(f"{images.fingerprint} {images.classes} {len(images)}".encode()).hexdigest()[:16]


def _view(images: ImageSet, recipe: Recipe, shown: Shown) -> v2.Transform | None:
    """The torchvision transforms of a single image; None if there are none."""
    usual = images.usual
    if usual.crop != "resized" and not recipe.auto_augment:
        return None
    from torchvision.transforms import v2  # takes seconds, and small images do not need it

    steps: list[v2.Transform] = []
    if usual.crop == "resized" and recipe.augment:
        steps.append(random_crop(shown.resolution))
    elif usual.crop == "resized":
        steps.append(photograph_view(shown.resolution))
    if recipe.auto_augment:
        if images.channels not in (GREY, COLOUR):
            raise TrainingError(
                f"AutoAugment is for images of {GREY} or {COLOUR} channels, those of {images.name} have "
                f"{images.channels}: leave out --auto-augment"
            )
        steps.append(v2.AutoAugment(v2.AutoAugmentPolicy(usual.policy)))
    return v2.Compose(steps)
