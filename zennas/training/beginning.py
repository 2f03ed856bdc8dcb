"""A network and the state of its training, before the first step. Imports torch."""

from __future__ import annotations

import torch
from torch import nn

from PlainNet.checkpoint import load_checkpoint
from PlainNet.masternet import MasterNet, build
from zennas.training.auxiliary import add_auxiliary
from zennas.training.distributed import Group, synchronise_norms
from zennas.training.drop_path import with_drop_path
from zennas.training.initialise import initialise
from zennas.training.job import TrainingJob
from zennas.training.objectives.base import Objective
from zennas.training.precision import layout
from zennas.training.quantising import with_rounding
from zennas.training.state import State, new_state

TEST_BATCH = 4
"""Size of a test batch in training batches; testing keeps no gradients, so it needs less memory."""


def network_of(job: TrainingJob, num_classes: int) -> MasterNet:
    """Return the network of a training with its first weights. Sets torch's global generator.

    Raises StructureError if it does not fit the resolution, and CheckpointError if weights cannot be loaded.
    """
    torch.manual_seed(job.recipe.seed)
    network = build(job.structure, num_classes=num_classes, use_se=job.use_se, bn_eps=job.recipe.bn_eps)
    initialise(network, job.recipe.init)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and job.recipe.bn_momentum is not None:
            module.momentum = job.recipe.bn_momentum
    if job.weights is not None:
        load_checkpoint(network, job.weights)
    return network


def first_state(job: TrainingJob, objective: Objective, group: Group) -> State:
    """Return the state before the first step, on the device of the group.

    Raises TrainingError if the network has no place for an auxiliary head or for drop-path that the recipe asks for, or
    no form in INT8 for its quantisation-aware epochs.
    """
    paths = with_drop_path(objective.network) if job.recipe.drop_path else None
    before = job.weights is not None or job.recipe.quantise_aware < job.recipe.epochs
    rounding = with_rounding(objective.network, before) if job.recipe.quantise_aware else None
    if job.recipe.auxiliary:
        add_auxiliary(objective, job.recipe, job.resolution)
    if job.recipe.sync_bn:
        synchronise_norms(objective, group)
    objective.to(group.device).to(memory_format=layout(job.recipe.precision, group.device))
    state = new_state(objective, job.recipe, group)
    state.paths, state.rounding = paths, rounding
    return state
