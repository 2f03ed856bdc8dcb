"""Training and asking the predictor: on one thread, and by a seed without touching torch's generator. Imports torch.

A step takes a set of graphs with about as many ordered pairs as a batch has, and an epoch takes each graph once, in
random sets. BRP-NAS takes single pairs in random order: an epoch there compares all pairs, and embeds each graph
hundreds of times.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import numpy as np
import torch

from zennas.searching.executors.base import one_thread
from zennas.searching.predictors.lessons import Lesson
from zennas.searching.predictors.neighbourhoods import Rows
from zennas.searching.predictors.network import BinaryRelation, Inputs, pair_loss

_CHUNK = 4096
"""Graphs that are ranked at once."""
_PATIENT = 20
"""Epochs that always take place, as in the code of BRP-NAS."""


def graphs_in(pairs: int) -> int:
    """Return the most graphs that have at most so many ordered pairs among them, at least 2."""
    return max(2, math.floor(0.5 + math.sqrt(0.25 + pairs)))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with one_thread(True), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def untrained(features: int, width: int, depth: int, dropout: float, seed: int) -> BinaryRelation:
    """Return a network whose weights the seed decides. features: of a node."""
    with _seeded(seed):
        return BinaryRelation(features + 1, width, depth, dropout).eval()


def trained(network: BinaryRelation, lesson: Lesson) -> BinaryRelation:
    """Return a copy of a network after a lesson: that of the epoch with the lowest loss over all pairs."""
    plan = lesson.plan
    network = deepcopy(network)
    rows = Rows.of(lesson.graphs, len(network.linears))
    everything, target = Inputs.of(rows), torch.tensor(lesson.worth, dtype=torch.float32)
    with _seeded(lesson.seed):
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, plan.epochs)
        group = graphs_in(plan.pairs)
        lowest, best, since = math.inf, network.state_dict(), 0
        for epoch in range(plan.epochs):
            network.train()
            for places in torch.tensor_split(torch.randperm(len(target)), max(1, len(target) // group)):
                loss = pair_loss(network, network.embed(Inputs.of(rows.part(places.numpy()))), target[places])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            schedule.step()
            network.eval()
            with torch.no_grad():
                reached = float(pair_loss(network, network.embed(everything), target))
            since += 1
            if reached < lowest:
                lowest, best, since = reached, deepcopy(network.state_dict()), 0
            elif epoch > _PATIENT and since >= plan.patience:
                break
        network.load_state_dict(best)
    return network.eval()


def ranked(network: BinaryRelation, rows: Rows) -> list[int]:
    """Return the places of the graphs, that of the best one first; of equal ones, the first comes first.

    network: from `untrained` or `trained`.
    """
    parts = np.array_split(np.arange(len(rows.graphs)), math.ceil(len(rows.graphs) / _CHUNK))
    with one_thread(True), torch.no_grad():
        found = [network.ranking(network.embed(Inputs.of(rows.part(places)))).numpy() for places in parts]
    return [int(i) for i in np.argsort(-np.concatenate(found), kind="stable")]
