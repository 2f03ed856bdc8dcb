"""Evaluating many trees on the same units, such as a generation of a search. This file does not import torch itself.

A subtree that occurs in several trees, or several times in one, is evaluated once for each unit. Its value is kept
until the last node that reads it has done so. Trees give the same numbers as one at a time (`running.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ZeroShotProxy.programs.errors import ProgramError, WritingError
from ZeroShotProxy.programs.operations import apply
from ZeroShotProxy.programs.running import ToScalar, reduced
from ZeroShotProxy.programs.tree import Leaf, Tree

if TYPE_CHECKING:
    from torch import Tensor

MOST_BYTES = 256 * 2**20
"""The values of shared subtrees that are kept at the same time take at most this many bytes."""
Value: TypeAlias = "float | str"
"""The score of a program on a network, or in one line the reason why it has none."""


def scores(
    trees: Sequence[Tree],
    units: Iterable[Mapping[str, Tensor]],
    to_scalar: ToScalar = "mean",
    most_bytes: int = MOST_BYTES,
) -> list[Value]:
    """Return the score of a network by each tree, the mean over its units, or the reason why there is none.

    units: the statistics of each unit, by name, at least those that the trees read. They are not changed. A tree that
    fails on a unit is not evaluated on the next ones. Equal trees are evaluated once.

    Raises WritingError if an operation writes into its argument.
    """
    found: dict[Tree, float] = dict.fromkeys(trees, 0.0)
    failed: dict[Tree, str] = {}
    units = list(units)
    if not units:
        return ["the network has no units"] * len(trees)
    alive = Together(list(found), to_scalar, most_bytes)
    for i, unit in enumerate(units, start=1):
        numbers = alive.numbers(unit)
        for tree, number in zip(alive.trees, numbers, strict=True):
            if isinstance(number, str):
                failed[tree] = f"unit {i} of {len(units)}: {number}"
            else:
                found[tree] += number
        if any(isinstance(number, str) for number in numbers):
            alive = Together([tree for tree in alive.trees if tree not in failed], to_scalar, most_bytes)
    return [failed[tree] if tree in failed else found[tree] / len(units) for tree in trees]


class Together:
    """Trees whose equal subtrees have been found, which are evaluated unit by unit.

    trees: different ones. to_scalar: how a value becomes a number, see `running.Program`. most_bytes: how much the
    values that are kept for several readers may take. If that is not enough, values are computed again.
    """

    def __init__(self, trees: Sequence[Tree], to_scalar: ToScalar = "mean", most_bytes: int = MOST_BYTES) -> None:
        self.trees = tuple(trees)
        self.to_scalar: ToScalar = to_scalar
        self.most_bytes = most_bytes
        self.steps: list[Step] = []
        self.readers: list[int] = []
        numbers: dict[Step, int] = {}  # subtrees are equal if their steps are, which is faster than comparing trees
        self.roots = [self._number(tree, numbers) for tree in self.trees]
        for root in self.roots:
            self.readers[root] += 1

    def numbers(self, statistics: Mapping[str, Tensor]) -> list[Value]:
        """Return the number of one unit by each tree, or the reason why there is none.

        statistics: of the unit, by name. Raises WritingError if an operation writes into its argument.
        """
        import torch

        unit = _Unit(self, statistics)
        with torch.no_grad():
            return [self._reduced(unit, root) for root in self.roots]

    def _reduced(self, unit: _Unit, root: int) -> Value:
        try:
            return reduced(unit.value(root), self.to_scalar)
        except ProgramError as error:
            return str(error)

    def _number(self, tree: Tree, numbers: dict[Step, int]) -> int:
        """The number of a subtree, which is added if there is none like it yet."""
        if isinstance(tree, Leaf):
            step = Step(tree.statistic, ())
        else:
            step = Step(tree.operation, tuple(self._number(argument, numbers) for argument in tree.arguments))
        if step not in numbers:
            numbers[step] = len(self.steps)
            self.steps.append(step)
            self.readers.append(0)
            for argument in step.arguments:
                self.readers[argument] += 1
        return numbers[step]


class Step(NamedTuple):
    """A node: an operation and the numbers of its arguments, or a statistic, which has none."""

    name: str
    arguments: tuple[int, ...]


class _Unit:
    """The values of subtrees on one unit, as far as somebody is still going to read them."""

    def __init__(self, together: Together, statistics: Mapping[str, Tensor]) -> None:
        self._steps, self._most = together.steps, together.most_bytes
        self._statistics = statistics
        self._left = list(together.readers)
        self._kept: dict[int, Tensor] = {}  # in the order of their last use
        self._bytes = 0
        self._leaves: dict[int, Tensor] = {}
        self._failed: dict[int, str] = {}

    def value(self, number: int) -> Tensor:
        """Return the value of a subtree. Raises ProgramError if an operation below fails."""
        step = self._steps[number]
        if not step.arguments:
            if number not in self._leaves:
                self._leaves[number] = self._statistics[step.name]
            return self._leaves[number]
        if number in self._failed:  # a new error, as one that is raised again collects all its callers
            raise ProgramError(self._failed[number])
        self._left[number] -= 1
        found = self._taken(number)
        if found is None:
            try:
                found = _applied(step.name, [self.value(argument) for argument in step.arguments])
            except ProgramError as error:
                self._failed[number] = str(error)
                raise
        if self._left[number] > 0:
            self._keep(number, found)
        return found

    def _taken(self, number: int) -> Tensor | None:
        """Take a value out of those that are kept."""
        found = self._kept.pop(number, None)
        if found is not None:
            self._bytes -= found.nbytes
        return found

    def _keep(self, number: int, value: Tensor) -> None:
        self._kept[number] = value
        self._bytes += value.nbytes
        while self._bytes > self._most:
            self._taken(next(iter(self._kept)))


def _applied(name: str, arguments: list[Tensor]) -> Tensor:
    """The result of an operation. Raises WritingError if torch counts a change of an argument."""
    before = [x._version for x in arguments]
    found = apply(name, arguments)
    if [x._version for x in arguments] != before:
        raise WritingError(f"the operation {name} writes into its argument")
    return found
