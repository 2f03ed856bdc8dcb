"""How fast a network is trained on the images of a design: a few steps, measured. Imports torch."""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from PlainNet import cost
from PlainNet.device import device_of
from zennas.accuracy.protocol import Evaluator
from zennas.data import normalisation_of, open_set
from zennas.data.base import Decoding, Shown
from zennas.data.channels import of_channels
from zennas.data.subsets import drawn
from zennas.designing.planning import Pace
from zennas.designing.threads import use_fastest
from zennas.training.beginning import TEST_BATCH, first_state, network_of
from zennas.training.distributed import Group
from zennas.training.feed import Feed
from zennas.training.job import TrainingJob
from zennas.training.loop import train_epochs
from zennas.training.objectives.base import OBJECTIVES
from zennas.training.settling import settled

STEPS = 4
TESTED = 64
"""Images that are tested."""


def pace_of(job: TrainingJob, device: str, skip_corrupt: bool) -> Pace:
    """Measure how fast a network is trained and tested, after a warm-up. torch's global generator is kept.

    On a CPU, torch uses as many threads from then on as are fastest for this network, until `threads_kept` ends.

    Raises DataError if images cannot be read, and StructureError if the network does not fit them.
    """
    with torch.random.fork_rng(devices=[]):
        return _measured(replace(job, recipe=replace(job.recipe, epochs=2)), device, skip_corrupt)


def _measured(job: TrainingJob, device: str, skip_corrupt: bool) -> Pace:
    decoding, group = Decoding(job.white), Group(device_of(device))
    recipe = settled(job.recipe, group.device.type)
    train, test = (
        of_channels(open_set(job.dataset, split, None, decoding, job.val_fraction), job.in_channels)
        for split in ("train", "test")
    )
    some, tested = drawn(train, STEPS * recipe.batch_size), drawn(test, TESTED)
    shown = Shown(normalisation_of(train), job.resolution, job.resolution, train.view, decoding)
    feed = Feed(some, recipe, shown, group, skip_corrupt=skip_corrupt)
    began = time.monotonic()
    for _ in feed.epoch(0):
        pass
    images = min(len(some), feed.steps * recipe.batch_size)
    load = (time.monotonic() - began) / images
    network = network_of(job, len(train.classes))
    if group.device.type == "cpu":
        use_fastest(network, shown.channels, job.resolution, recipe.batch_size)
    objective = OBJECTIVES.get(job.objective_name)(network, job, shown)
    state = first_state(job, objective, group)
    evaluation = Evaluator(
        tested, shown, group.device, batch_size=TEST_BATCH * recipe.batch_size, skip_corrupt=skip_corrupt
    )
    train_epochs(state, feed, evaluation, recipe, group)
    testing = state.seconds - sum(epoch.seconds for epoch in state.history)
    counted = cost(job.structure, resolution=job.resolution, num_classes=len(train.classes), use_se=job.use_se)
    return Pace(load, state.history[-1].seconds / images, testing / recipe.epochs / len(tested), counted.flops)
