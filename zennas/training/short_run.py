"""Short trainings in memory, of one network after the other on the same images. Imports torch."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch

from PlainNet import Structure
from PlainNet.device import device_of
from PlainNet.sizes import Size
from zennas.accuracy.protocol import Evaluator
from zennas.data import DataError, ImageSet, normalisation_of, open_set
from zennas.data.base import Normalisation, Shown
from zennas.data.channels import of_channels
from zennas.data.splitting import train_and_held_out
from zennas.data.subsets import drawn
from zennas.named.structures import check_channels
from zennas.training.beginning import TEST_BATCH, first_state, network_of
from zennas.training.distributed import Group
from zennas.training.feed import Feed, fingerprint
from zennas.training.job import TrainingJob
from zennas.training.loop import train_epochs
from zennas.training.objectives.base import OBJECTIVES
from zennas.training.recipe import Recipe
from zennas.training.settling import settled
from zennas.training.short import ShortTraining


class ShortTrainer:
    """Trains networks, each from the beginning, and measures them on the images that are held out.

    classes: how many the images have. images: a digest of the images and of which are held out.

    Equal arguments give equal accuracies on a CPU with the same number of threads.
    Raises DataError if there are no such images, or too few.
    """

    def __init__(
        self, settings: ShortTraining, resolution: Size, use_se: bool, device: str, in_channels: int | None = None
    ) -> None:
        self._settings, self._use_se = settings, use_se
        self._train, self._held_out, normalisation = _parts(
            settings.dataset, settings.data_folder, settings.held_out, settings.train_images, in_channels
        )
        self._shown = Shown(normalisation, resolution, resolution, self._train.view)
        self._group = Group(device_of(device))
        self.classes = len(self._train.classes)
        self.images = f"{fingerprint(self._train)}-{fingerprint(self._held_out)}"

    def __call__(self, structure: Structure, epochs: int, seed: int) -> float:
        """Return a network's top-1 accuracy after a training of `epochs` epochs, in percent of the held-out images.

        Raises TrainingError if the loss is not finite, and StructureError or TargetError if the network does not fit
        the images. The state of torch's global generator is kept.
        """
        check_channels(structure, self._train.channels, f"those of {self._train.name}")
        with torch.random.fork_rng(devices=[]):
            return self._accuracy(structure, settled(self._settings.recipe_of(seed, epochs), self._group.device.type))

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
def _parts(
    dataset: str, folder: Path | None, held_out: float, train_images: int | None, in_channels: int | None
) -> tuple[ImageSet, ImageSet, Normalisation]:
    """The images to train on and those that are held out, of the training images of a data set; how to normalise."""
    whole = of_channels(open_set(dataset, "train", folder), in_channels)
    train, rest = train_and_held_out(whole, held_out)
    if train_images is not None:
        if train_images > len(train):
            raise DataError(
                f"train-images is {train_images:,}, but {whole.name} has {len(train):,} that are not held out: use "
                "fewer, or a smaller --held-out"
            )
        train = drawn(train, train_images)
    return train, rest, normalisation_of(train)
