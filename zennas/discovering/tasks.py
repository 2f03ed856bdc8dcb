"""Tasks of a search: what is left out of them, and what of them a generation sees. This file does not import torch."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from random import Random
from typing import Any

from zennas.discovering.cache import Cache, Stored
from zennas.discovering.choices import EvolutionSettings
from zennas.discovering.errors import DiscoveryError
from zennas.discovering.fitness import Task
from zennas.discovering.settings import CollectingSettings

_SAME = ("statistics", "batch", "perturbed", "initialisation", "units")
"""What tasks have in common: a program's file has one value of each."""


def with_statistics(name: str, networks: Sequence[Stored], accuracies: Sequence[float]) -> Task:
    """Return a task of those networks that have statistics. Raises DiscoveryError if they cannot be ranked."""
    if len(networks) != len(accuracies):
        raise DiscoveryError(f"task {name} has {len(networks)} networks, but {len(accuracies)} accuracies")
    kept = [i for i, network in enumerate(networks) if network.missing is None]
    return Task(name, tuple(networks[i] for i in kept), tuple(float(accuracies[i]) for i in kept))


def drawn_networks(task: Task, settings: EvolutionSettings, generation: int) -> tuple[int, ...]:
    """Return the positions of the networks of a task that a generation is evaluated on."""
    rng = Random(f"{settings.seed}/{generation}/{task.name}")
    while True:
        found = rng.sample(range(len(task.networks)), min(settings.subset, len(task.networks)))
        if len({task.accuracies[i] for i in found}) > 1:  # which a task has, so it is drawn in the end
            return tuple(found)


def part_of(task: Task, positions: Sequence[int]) -> Task:
    """Return a task of some of the networks."""
    return Task(task.name, tuple(task.networks[i] for i in positions), tuple(task.accuracies[i] for i in positions))


def check_tasks(tasks: Sequence[Task], held_out: Sequence[Task]) -> CollectingSettings:
    """Return the settings that the statistics of all tasks were collected with.

    Raises DiscoveryError if there are no tasks, two have the same name, those with held-out networks have other names,
    networks are in both or have no statistics, or were collected with settings that no one program could name.
    """
    names = [task.name for task in tasks]
    if not names or len(set(names)) < len(names):
        raise DiscoveryError(f"the tasks are {', '.join(names) or 'none'}, expected at least one, and none twice")
    if [task.name for task in held_out] != names:
        raise DiscoveryError(f"the tasks have other names than those that are held out: {', '.join(names)}")
    found: list[CollectingSettings] = []
    for task, other in zip(tasks, held_out, strict=True):
        shared = {network.path for network in task.networks} & {network.path for network in other.networks}
        if shared:
            raise DiscoveryError(f"task {task.name} has {len(shared)} of its networks among those that are held out")
        for network in (*task.networks, *other.networks):
            if network.missing is not None:
                raise DiscoveryError(f"task {task.name} has a network without statistics: {network.missing}")
        folders = {network.path.parent for network in (*task.networks, *other.networks)}
        found += [Cache(folder).settings for folder in sorted(folders)]
    for settings in found:
        for name in _SAME:
            if getattr(settings, name) != getattr(found[0], name):
                raise DiscoveryError(f"statistics of the tasks were collected with different values of {name}")
    return found[0]


def digest_of_tasks(tasks: Sequence[Task]) -> dict[str, Any]:
    """Return a digest of each task: of its networks with what they were collected with, and of its accuracies."""
    return {
        task.name: sha256(
            repr([(network.path.stem, network.checksum) for network in task.networks]).encode()
            + repr(task.accuracies).encode()
        ).hexdigest()
        for task in tasks
    }
