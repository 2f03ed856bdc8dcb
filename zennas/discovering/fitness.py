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
from typing import TypeAlias

import numpy as np

from zennas.correlation.statistics import kendall_rows
from zennas.discovering.cache import Stored
from zennas.discovering.errors import DiscoveryError
from zennas.discovering.evaluation import values_of_trees
from zennas.discovering.workers import Evaluate
from ZeroShotProxy.programs.together import Value
from ZeroShotProxy.programs.tree import Tree

EQUAL = "all scores are equal"
"""Why a constant program is not valid."""
ALIKE = 0.9
"""A program whose scores have at least this tau with those on noise of the same shapes measures sizes."""
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
    trees: Sequence[Tree], tasks: Sequence[Task], evaluate: Evaluate = values_of_trees, sizes: bool = True
) -> list[Fitness]:
    """Return the fitness of each tree, see `Race`."""
    race = Race(tasks, evaluate, sizes)
    race.begin(trees)
    return race.finish(trees)


_Place: TypeAlias = "tuple[int, int]"
"""A network: the number of its task, and its number there."""


class Race:
    """Finds the fitness of trees. One that is not valid is not evaluated any further, and none twice.

    Most trees that fail do so on any network, so the smallest network of each task is first. Then come the tasks, those
    with the smallest networks first.

    evaluate: what gives the values of trees. sizes: whether trees may rank networks by their sizes alone; otherwise a
    tree is not valid that ranks the networks of the first of these tasks alike if all statistics are noise.

    Raises DiscoveryError without tasks; its methods raise what `evaluate` raises.
    """

    def __init__(self, tasks: Sequence[Task], evaluate: Evaluate = values_of_trees, sizes: bool = True) -> None:
        if not tasks:
            raise DiscoveryError("there are no tasks, expected at least one")
        self._tasks, self._evaluate, self._sizes = tasks, evaluate, sizes
        self._order = sorted(range(len(tasks)), key=lambda i: _elements(tasks[i]))
        self._wrong: dict[Tree, str] = {}
        self._values: dict[Tree, dict[_Place, float]] = {}
        self._taus: dict[Tree, dict[int, float]] = {}

    def begin(self, trees: Sequence[Tree]) -> None:
        """Evaluate trees as far as most that are not valid get: on the first task, and a network of each other one."""
        new = [tree for tree in dict.fromkeys(trees) if tree not in self._values]
        self._values |= {tree: {} for tree in new}
        self._taus |= {tree: {} for tree in new}
        self._run(new, [(number, _smallest(task)) for number, task in enumerate(self._tasks)])
        self._rank(new, self._order[0])
        if not self._sizes:
            self._drop_sizes(new, self._order[0])

    def fine(self, tree: Tree) -> bool:
        """Return whether a tree that has begun may be valid."""
        return tree not in self._wrong

    def finish(self, trees: Sequence[Tree]) -> list[Fitness]:
        """Return the fitness of trees that have begun."""
        new = [tree for tree in dict.fromkeys(trees) if len(self._taus[tree]) < len(self._tasks)]
        for number in self._order[1:]:
            self._rank(new, number)
        return [self._fitness(tree) for tree in trees]

    def _run(self, trees: Sequence[Tree], places: Sequence[_Place]) -> None:
        """Evaluate trees, as far as they are valid, on networks."""
        fine = list(filter(self.fine, trees))
        if not fine:
            return
        networks = [self._tasks[task].networks[number] for task, number in places]
        for tree, values in zip(fine, self._evaluate(fine, networks), strict=True):
            for place, value in zip(places, values, strict=True):
                if isinstance(value, str):
                    self._wrong.setdefault(tree, f"{self._named(place)}: {value}")
                else:
                    self._values[tree][place] = value

    def _rank(self, trees: Sequence[Tree], number: int) -> None:
        """Evaluate trees on the networks of a task, all but the smallest, and compare with the accuracies."""
        task = self._tasks[number]
        everywhere = [(number, i) for i in range(len(task.networks))]
        self._run(trees, [place for place in everywhere if place[1] != _smallest(task)])
        fine = list(filter(self.fine, trees))
        rows = [[self._values[tree][place] for place in everywhere] for tree in fine]
        for tree, found in zip(fine, kendalls(rows, task.accuracies), strict=True):
            if isinstance(found, str):
                self._wrong[tree] = f"task {task.name}: {found}"
            else:
                self._taus[tree][number] = found

    def _drop_sizes(self, trees: Sequence[Tree], number: int) -> None:
        """End what ranks the networks of a task, all of which have been seen, as it does if statistics are noise."""
        fine, task = list(filter(self.fine, trees)), self._tasks[number]
        if not fine:
            return
        for tree, values in zip(fine, self._evaluate(fine, task.networks, noise=True), strict=True):
            seen = [self._values[tree][number, i] for i in range(len(task.networks))]
            if any(isinstance(value, str) for value in values):
                continue  # it takes values of some kind, which noise has not
            found = kendall(values, seen)
            if not isinstance(found, str) and found >= ALIKE:
                self._wrong[tree] = f"task {task.name}: it ranks noise alike (tau {found:.3f})"

    def _fitness(self, tree: Tree) -> Fitness:
        if tree in self._wrong:
            return Fitness((), self._wrong[tree])
        return Fitness(tuple(self._taus[tree][i] for i in range(len(self._tasks))))

    def _named(self, place: _Place) -> str:
        task, number = place
        return f"task {self._tasks[task].name}, network {number + 1} of {len(self._tasks[task].networks)}"


def _smallest(task: Task) -> int:
    """The number of the network with the fewest elements, which is evaluated fastest."""
    return min(range(len(task.networks)), key=lambda i: task.networks[i].layout.elements)


def _elements(task: Task) -> int:
    return sum(network.layout.elements for network in task.networks)


def kendall(values: Sequence[Value], accuracies: Sequence[float]) -> Value:
    """Return Kendall's tau-b of scores and accuracies, or the reason why there is none.

    values: (networks,), numbers or reasons why there is none. accuracies: (networks,), not all equal.
    """
    return kendalls([values], accuracies)[0]


def kendalls(rows: Sequence[Sequence[Value]], accuracies: Sequence[float]) -> list[Value]:
    """Return what `kendall` returns for each row of scores, (programs, networks), in less time than one by one."""
    reasons = [_unranked(row) for row in rows]
    known = np.array([row for row, why in zip(rows, reasons, strict=True) if why is None], dtype=np.float64)
    if not len(known):
        return [why or EQUAL for why in reasons]
    same = np.broadcast_to(np.array(accuracies, dtype=np.float64), known.shape)
    taus = iter(kendall_rows(known, same).tolist())
    return [next(taus) if why is None else why for why in reasons]


def _unranked(values: Sequence[Value]) -> str | None:
    """Why scores rank nothing, or None."""
    numbers = [value for value in values if not isinstance(value, str)]
    for number, value in enumerate(values, start=1):
        if isinstance(value, str):
            return f"network {number} of {len(values)}: {value}"
    if max(numbers) - min(numbers) <= ROUNDING * max(map(abs, numbers)):
        return EQUAL
    return None
