"""The fitness of programs: how well their scores rank networks of known accuracy, in the worst of several tasks.

A program that has no score for a network is not valid: leaving networks out would reward programs that fail on hard
ones. Nor is one whose scores are all equal, which ranks nothing. Equal means up to rounding in single precision: a mean
of equal elements is rounded differently for tensors of different sizes, so that the scores of a constant would rank
networks by nothing but their sizes. This file does not import torch by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zennas.correlation.statistics import kendall_rows
from zennas.discovering.cache import Stored
from zennas.discovering.errors import DiscoveryError
from zennas.discovering.evaluation import values_of_network
from ZeroShotProxy.programs.running import ToScalar
from ZeroShotProxy.programs.together import MOST_BYTES, Value
from ZeroShotProxy.programs.tree import Tree

EQUAL = "all scores are equal"
"""Why a constant program is not valid."""
ROUNDING = 1e-6
"""Scores whose range is at most this part of the largest absolute value count as equal."""


@dataclass(frozen=True, eq=False)
class Task:
    """Networks with known accuracies, in any unit. Raises DiscoveryError if they cannot be ranked."""

    name: str
    networks: tuple[Stored, ...]
    accuracies: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.networks) != len(self.accuracies):
            raise DiscoveryError(
                f"task {self.name} has {len(self.networks)} networks, but {len(self.accuracies)} accuracies"
            )
        if not all(map(math.isfinite, self.accuracies)):
            raise DiscoveryError(f"task {self.name} has an accuracy that is not finite")
        if len(set(self.accuracies)) < 2:
            raise DiscoveryError(f"task {self.name} needs at least two networks of different accuracy")


@dataclass(frozen=True)
class Fitness:
    """The fitness of a program, or why it has none.

    taus: Kendall's tau-b of each task. reason: why the program is not valid, in one line, or None. `taus` is then
    empty.
    """

    taus: tuple[float, ...]
    reason: str | None = None

    @property
    def value(self) -> float | None:
        """The smallest of `taus`, or None if the program is not valid."""
        return min(self.taus) if self.reason is None else None


def fitness(
    trees: Sequence[Tree], tasks: Sequence[Task], to_scalar: ToScalar = "mean", most_bytes: int = MOST_BYTES
) -> list[Fitness]:
    """Return the fitness of each tree. One that is not valid is not evaluated any further.

    Raises what `evaluation.values_of_trees` raises, and DiscoveryError without tasks.
    """
    if not tasks:
        raise DiscoveryError("there are no tasks, expected at least one")
    wrong: dict[Tree, str] = {}
    taus: dict[Tree, list[float]] = {tree: [] for tree in trees}
    for task in tasks:
        found: dict[Tree, list[float]] = {tree: [] for tree in taus if tree not in wrong}
        for number, network in enumerate(task.networks, start=1):
            alive = [tree for tree in found if tree not in wrong]
            for tree, value in zip(alive, values_of_network(alive, network, to_scalar, most_bytes), strict=True):
                if isinstance(value, str):
                    wrong[tree] = f"task {task.name}, network {number} of {len(task.networks)}: {value}"
                else:
                    found[tree].append(value)
        for tree, values in found.items():
            if tree not in wrong:
                tau = kendall(values, task.accuracies)
                if isinstance(tau, str):
                    wrong[tree] = f"task {task.name}: {tau}"
                else:
                    taus[tree].append(tau)
    return [Fitness((), wrong[tree]) if tree in wrong else Fitness(tuple(taus[tree])) for tree in trees]


def kendall(values: Sequence[Value], accuracies: Sequence[float]) -> Value:
    """Return Kendall's tau-b of scores and accuracies, or the reason why there is none.

    values: (networks,), numbers or reasons why there is none. accuracies: (networks,), not all equal.
    """
    numbers = [value for value in values if not isinstance(value, str)]
    for number, value in enumerate(values, start=1):
        if isinstance(value, str):
            return f"network {number} of {len(values)}: {value}"
    if max(numbers) - min(numbers) <= ROUNDING * max(map(abs, numbers)):
        return EQUAL
    return float(kendall_rows(np.array([numbers], dtype=np.float64), np.array([accuracies], dtype=np.float64))[0])
