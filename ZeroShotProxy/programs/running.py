"""Running a program on a network. This file does not import torch by itself.

A program is evaluated on each unit, its value reduced to a number, and the score is the mean over the units. A unit
on which a program fails is not left out: that would reward programs that fail on hard units. The network then has no
score.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ZeroShotProxy.programs.errors import ProgramError
from ZeroShotProxy.programs.operations import apply
from ZeroShotProxy.programs.statistics import Perturbed, UnitKind, statistics_of_units
from ZeroShotProxy.programs.tree import Leaf, Tree, statistics_of

if TYPE_CHECKING:
    from torch import Tensor

    from ZeroShotProxy.engine.probe import Probe

ToScalar: TypeAlias = Literal["mean", "sum", "l2"]


@dataclass(frozen=True)
class Program:
    """A program.

    tree: what it computes on a unit. to_scalar: how the value of the tree becomes a number, by the mean of its
    elements, by their sum, or by their L2 norm. perturbed: see `statistics.py`. batch: the number of images that it
    looks at, the first ones of a batch, or None for all. units: see `statistics.py`. If the tree reads closed forms,
    the unit is the whole network, and the last three do not matter (`vectors.py`).
    """

    tree: Tree
    to_scalar: ToScalar = "mean"
    perturbed: Perturbed = "difference"
    batch: int | None = None
    units: UnitKind = "relu-conv-bn"

    def score(self, probe: Probe) -> float:
        """Return the score of a network, the mean over its units.

        Raises ProgramError if the statistics cannot be had, or if the program fails on a unit, also by a number that is
        not finite.
        """
        units = statistics_of_units(probe, statistics_of(self.tree), self.perturbed, self.batch, self.units)
        return sum(self._numbered(i, len(units), unit) for i, unit in enumerate(units, start=1)) / len(units)

    def of_unit(self, statistics: Mapping[str, Tensor]) -> float:
        """Return the number of one unit. Raises ProgramError if an operation fails or the number is not finite."""
        return reduced(evaluate(self.tree, statistics), self.to_scalar)

    def _numbered(self, i: int, count: int, statistics: Mapping[str, Tensor]) -> float:
        try:
            return self.of_unit(statistics)
        except ProgramError as error:
            raise ProgramError(f"unit {i} of {count}: {error}") from error


def reduced(value: Tensor, to_scalar: ToScalar) -> float:
    """Return the value of a tree as a number. Raises ProgramError if the number is not finite."""
    (number,) = numbers_of(value[None], to_scalar)
    if not math.isfinite(number):
        raise ProgramError(not_finite(number))
    return number


def numbers_of(stack: Tensor, to_scalar: ToScalar) -> list[float]:
    """Return the values of a tree on units, (U, …), as numbers, (U,), which may be infinite or NaN."""
    rows = stack.reshape(len(stack), -1)
    numbers = rows.norm(dim=1) if to_scalar == "l2" else rows.sum(1) if to_scalar == "sum" else rows.mean(1)
    found: list[float] = numbers.tolist()
    return found


def not_finite(number: float) -> str:
    """Return why a number is no score of a unit."""
    return f"the program gives {number}"


def evaluate(tree: Tree, statistics: Mapping[str, Tensor]) -> Tensor:
    """Return the value of a tree on a unit; subtrees that are equal are evaluated once.

    statistics: by name, at least those that the tree reads. They are not changed. Raises ProgramError if an operation
    does not take what it gets.
    """
    import torch

    known: dict[Tree, Tensor] = {}

    def value(node: Tree) -> Tensor:
        if isinstance(node, Leaf):
            return statistics[node.statistic]
        if node not in known:
            known[node] = apply(node.operation, [value(argument) for argument in node.arguments])
        return known[node]

    with torch.no_grad():
        return value(tree)
