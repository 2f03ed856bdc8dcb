"""What the parts of a design are asked for: the settings of its search and of its trainings. No torch."""

from __future__ import annotations

from dataclasses import replace

from PlainNet import Structure
from zennas.budget.budgets import Budget
from zennas.budget.target import find_target
from zennas.designing.images import Images
from zennas.designing.planning import FIRST_ITERATIONS, MORE_EPOCHS, MOST_LAYERS, batch_size_for, first_structure
from zennas.designing.record import Design
from zennas.designing.settings import DesignSettings
from zennas.named.card import WEIGHTS_FILE
from zennas.runs.designs import SEARCH, TRAINING
from zennas.searching.result import read_result
from zennas.searching.settings import SearchSettings
from zennas.training.job import RunOptions, TrainingJob
from zennas.training.recipe import Recipe

TUNING_LR, TUNING_NORM = 0.004, 1.0
"""A fiftieth of the recipe's, and the largest norm of gradients: batch-norms that keep their statistics limit none."""
CHECKPOINT_MINUTES = 0.5


def search_settings(
    settings: DesignSettings, images: Images, flops: int | None, epochs: int, iterations: int = FIRST_ITERATIONS
) -> SearchSettings:
    """Return the settings of the search.

    flops: the limit besides those of the target, None for none. epochs: of the training that will follow.
    """
    own = find_target(settings.target).search_space == SearchSettings.search_space
    return SearchSettings(
        initial=first_structure(images.size, images.channels) if own else None,
        budget=Budget(flops=flops, layers=MOST_LAYERS),
        target=settings.target,
        resolution=images.size,
        in_channels=images.channels,
        num_classes=len(images.classes),
        proxy=settings.proxy,
        iterations=iterations,
        seed=settings.seed,
        device=settings.device,
        training_steps=epochs * max(1, images.train // batch_size_for(images.train)),
    )


def training_job(
    settings: DesignSettings, images: Images, structure: Structure, epochs: int, seconds: float | None = None
) -> TrainingJob:
    """Return the training of a network on the images. seconds: its most time, None for no limit."""
    return TrainingJob(
        structure,
        settings.dataset,
        Recipe(
            epochs=epochs,
            minutes=None if seconds is None else seconds / 60,
            batch_size=batch_size_for(images.train),
            seed=settings.seed,
            warmup=1.0 if seconds is None or settings.epochs is not None else MORE_EPOCHS,  # one of those that fit
        ),
        resolution=images.size,
        in_channels=images.channels,
        white=settings.white,
        val_fraction=images.val_fraction,
    )


def training_options(settings: DesignSettings) -> RunOptions:
    """Return how the trainings of a design are run: what was interrupted goes on, and little of it is lost."""
    return RunOptions(
        device=settings.device,
        skip_corrupt=settings.skip_corrupt,
        resume="auto",
        checkpoint_minutes=CHECKPOINT_MINUTES,
    )


def found_structure(design: Design) -> Structure:
    """Return the network that the search has found."""
    best = read_result(design.folder / SEARCH).best
    assert best is not None  # the search has ended
    return best.structure


def own_job(design: Design, epochs: int, seconds: float | None) -> TrainingJob:
    """Return the training of that network. seconds: its most time, None for no limit."""
    return training_job(design.settings, design.images, found_structure(design), epochs, seconds)


def tuning_job(design: Design, epochs: int) -> TrainingJob:
    """Return the quantisation-aware training that goes on with the weights of the training."""
    job = own_job(design, epochs, design.plan.tuning_seconds)
    weights = str(find_target(design.settings.target).export.options.get("weights", "per-channel"))
    recipe = replace(
        job.recipe, quantise_aware=epochs, quantise_weights=weights, lr=TUNING_LR, warmup=0.0, clip_norm=TUNING_NORM
    )
    return replace(job, recipe=recipe, weights=design.folder / TRAINING / WEIGHTS_FILE)
