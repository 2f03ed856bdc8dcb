"""Maximise the accuracy after a short training of each network, on images that are held out of the training images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PlainNet import Structure, parse
from zennas.common.errors import WrongSettingError
from zennas.runs.candidate import Candidate, Measure
from zennas.searching.objectives.base import ObjectiveKind, register
from zennas.searching.settings import SearchSettings
from zennas.training.short import ShortTraining, complete_training

NAME = "train"
ACCURACY, EPOCHS = "accuracy", "epochs"


class ShortTrainings:
    """The top-1 accuracy of each network, in percent of the held-out images, and the epochs that it was trained for.

    epochs: those of a whole training; a strategy can ask for fewer, by the candidate's own.
    images: a digest of the images.
    """

    name, relative, torch, per_cent = NAME, False, True, True
    measures: tuple[str, ...] = (ACCURACY, EPOCHS)

    def __init__(self, settings: SearchSettings) -> None:
        from zennas.training.short_run import ShortTrainer

        training = _training(settings)
        self.epochs = training.recipe_of(0).epochs
        self._trainer = ShortTrainer(
            training, settings.resolution, settings.use_se, settings.device, settings.in_channels
        )
        self.images = self._trainer.images
        if self._trainer.classes != settings.num_classes:
            raise WrongSettingError(
                f"num-classes is {settings.num_classes:,}, but {training.dataset} has {self._trainer.classes:,} "
                f"classes: use --num-classes {self._trainer.classes}"
            )

    def measure(self, candidate: Candidate) -> dict[str, Measure]:
        epochs = self.epochs if candidate.epochs is None else candidate.epochs
        accuracy = self._trainer(candidate.structure, epochs, candidate.seed)
        return {ACCURACY: Measure(accuracy), EPOCHS: Measure(float(epochs))}

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        return [candidate.measures[ACCURACY].value for candidate in candidates]


def complete(settings: SearchSettings) -> SearchSettings:
    """Return settings whose training says everything.

    Raises WrongSettingError if there is none, or if the number of trainings is not limited.
    """
    if settings.budget_evaluations is None:
        raise WrongSettingError(
            f"a search that trains {settings.iterations:,} networks has no end: add --budget-evaluations N, like 50"
        )
    return replace(settings, training=complete_training(_training(settings), settings.device))


def digest(settings: SearchSettings) -> str:
    """Return a digest of the images that a search trains on and compares by."""
    return ShortTrainings(settings).images


def _training(settings: SearchSettings) -> ShortTraining:
    if settings.training is None:
        raise WrongSettingError(f"the objective {NAME} needs images: add --dataset NAME, like digits or cifar10")
    return settings.training


def _example(settings: SearchSettings) -> tuple[SearchSettings, list[Structure]]:
    training = ShortTraining("digits", epochs=1, train_images=64, recipe={"batch_size": 16})
    networks = (f"SuperConvK3BNRELU(3,{width},2,1)SuperConvK1BNRELU({width},16,1,1)" for width in range(4, 10))
    chosen = replace(settings, objective=NAME, training=training, resolution=8, budget_evaluations=6)
    return chosen, [parse(one) for one in networks]


register(
    ObjectiveKind(
        NAME,
        "the accuracy on held-out images after a short training",
        ShortTrainings,
        _example,
        complete,
        digest,
        trains=True,
    )
)
