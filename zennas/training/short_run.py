"""Short trainings in memory, of one network after the other on the same images. Imports torch."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from PlainNet import Structure
from PlainNet.device import device_of
from zennas.accuracy.protocol import Evaluator
from zennas.data import DataError, ImageSet, normalisation_of, open_set
from zennas.data.base import Shown
from zennas.data.splitting import part_of
from zennas.data.subsets import subset
from zennas.named.structures import check_channels
from zennas.training.beginning import first_state, network_of
from zennas.training.distributed import Group
from zennas.training.feed import Feed, fingerprint
from zennas.training.job import TrainingJob
from zennas.training.loop import train_epochs
from zennas.training.objectives.base import OBJECTIVES
from zennas.training.recipe import Recipe
from zennas.training.short import ShortTraining

TEST_BATCH = 4
"""Size of a test batch in training batches; testing keeps no gradients, so it needs less memory."""


class ShortTrainer:
    """Trains networks, each from the beginning, and measures them on the images that are held out.

    classes: how many the images have. images: a digest of the images and of which are held out.

    Equal arguments give equal accuracies on a CPU with the same number of threads.
    Raises DataError if there are no such images, or too few.
    """

    def __init__(self, settings: ShortTraining, resolution: int, use_se: bool, device: str) -> None:
        self._settings, self._use_se = settings, use_se
        self._train, self._held_out = _parts(
            settings.dataset, settings.data_folder, settings.held_out, settings.train_images
        )
        self._shown = Shown(normalisation_of(self._train), resolution, resolution, self._train.view)
        self._group = Group(device_of(device))
        self.classes = len(self._train.classes)
        self.images = f"{fingerprint(self._train)}-{fingerprint(self._held_out)}"

    def __call__(self, structure: Structure, epochs: int, seed: int) -> float:
        """Return a network's top-1 accuracy after a training of `epochs` epochs, in percent of the held-out images.

        Raises TrainingError if the loss is not finite, and StructureError or TargetError if the network does not fit
        the images. The state of torch's global generator is kept.
        """
        check_channels(structure)
        with torch.random.fork_rng(devices=[]):
            return self._accuracy(structure, self._settings.recipe_of(seed, epochs))

    def _accuracy(self, structure: Structure, recipe: Recipe) -> float:
        settings, shown, group = self._settings, self._shown, self._group
        job = TrainingJob(
            structure, settings.dataset, recipe, resolution=shown.resolution, use_se=self._use_se, objective="plain"
        )
        objective = OBJECTIVES.get(job.objective_name)(network_of(job, self.classes), job, shown)
        state = first_state(job, objective, group)
        feed = Feed(self._train, recipe, shown, group)
        evaluation = Evaluator(self._held_out, shown, group.device, batch_size=TEST_BATCH * recipe.batch_size)
        train_epochs(state, feed, evaluation, recipe, group)
        return state.history[-1].test_top1


@lru_cache(maxsize=1)  # a search asks for its objective several times
def _parts(dataset: str, folder: Path | None, held_out: float, train_images: int | None) -> tuple[ImageSet, ImageSet]:
    """The images to train on and those that are held out, of the training images of a data set."""
    whole = open_set(dataset, "train", folder)
    keys = [str(row) for row in range(len(whole))]
    train, rest = (part_of(whole, keys, held_out, split) for split in ("train", "test"))
    if train_images is None:
        return train, rest
    if train_images > len(train):
        raise DataError(
            f"train-images is {train_images:,}, but {whole.name} has {len(train):,} that are not held out: use fewer, "
            "or a smaller --held-out"
        )
    return subset(train, np.sort(np.random.default_rng(0).permutation(len(train))[:train_images])), rest
