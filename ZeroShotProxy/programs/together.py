"""Evaluating many trees on many networks, such as a generation of a search. This file does not import torch itself.

Trees give the same numbers as one at a time on one unit after the other (`running.py`), bit by bit, but faster:

- A subtree that occurs in several trees, or several times in one, is evaluated once for each unit. Its value is kept
  until the last node that reads it has done so.
- Units whose statistics have the same shapes are evaluated together, as stacks.
- Whether shapes go together is known before anything is evaluated, and what follows from shapes alone, such as the
  number of elements of a subtree, needs no value of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ZeroShotProxy.programs.errors import ProgramError, WritingError
from ZeroShotProxy.programs.operations import EITHER_WAY, OPERATIONS, SAME, apply_to_stacks, shape_of
from ZeroShotProxy.programs.running import ToScalar, not_finite, numbers_of
from ZeroShotProxy.programs.shapes import Dims
from ZeroShotProxy.programs.tree import Leaf, Tree

if TYPE_CHECKING:
    from torch import Tensor

MOST_BYTES = 256 * 2**20
"""The values of shared subtrees that are kept at the same time take at most this many bytes."""
STACKED = 2**18
"""So many elements the largest statistic has in a stack, unless that of a single unit has more: they fit in caches."""
Unit: TypeAlias = "Mapping[str, Tensor]"
"""The statistics of a unit, by name."""
Value: TypeAlias = "float | str"
"""The score of a program on a network, or in one line the reason why it has none."""
_BY_VALUE = frozenset({"eig_ratio"})
"""Operations that can fail for values, not only for shapes."""


def scores(
    trees: Sequence[Tree],
    networks: Sequence[Sequence[Unit]],
    to_scalar: ToScalar = "mean",
    most_bytes: int = MOST_BYTES,
    shapes: Sequence[Sequence[Mapping[str, Dims]]] | None = None,
) -> list[list[Value]]:
    """Return for each tree its score of each network, the mean over the units, or the reason why there is none.

    networks: the statistics of the units of each, at least those that the trees read. They are not changed. A tree is
    not evaluated on a unit if it is known to fail on another one of each network that has such units. shapes: of these
    statistics, if they are known without making tensors.

    Raises WritingError if an operation writes into its argument.
    """
    import torch

    different = list(dict.fromkeys(trees))
    together = Together(different, to_scalar, most_bytes)
    found = [[_Score(len(units)) for units in networks] for _ in different]
    if shapes is None:
        shapes = [[{name: tuple(x.shape) for name, x in unit.items()} for unit in units] for units in networks]
    alike = _alike(networks, shapes, together.reads)
    groups = [(group, Shapes(together, shapes[group[0].network][group[0].number])) for group in alike]
    for group, of_group in groups:  # what fails by its shapes fails before it takes time
        for of_tree, root in zip(found, together.roots, strict=True):
            error = of_group.errors.get(root)
            if error is not None:
                for place in group:
                    of_tree[place.network].fail(place.number, error)
    with torch.no_grad():
        for group, of_group in groups:
            for stack in _stacks(group, of_group.largest):
                wanted = [i for i, of_tree in enumerate(found) if any(of_tree[place.network].fine for place in stack)]
                units = [place.unit for place in stack]
                for i, numbers in zip(wanted, together.numbers(units, of_group, wanted), strict=True):
                    for place, number in zip(stack, numbers, strict=True):
                        found[i][place.network].add(place.number, number)
    by_tree = {tree: [one.value for one in of_tree] for tree, of_tree in zip(different, found, strict=True)}
    return [by_tree[tree] for tree in trees]


class _Score:
    """The score of a network while it is collected from units."""

    def __init__(self, units: int) -> None:
        self._numbers = [0.0] * units
        self._reason = "" if units else "the network has no units"

    @property
    def fine(self) -> bool:
        return not self._reason

    @property
    def value(self) -> Value:
        return self._reason or sum(self._numbers) / len(self._numbers)

    def add(self, unit: int, number: Value) -> None:
        if isinstance(number, str):
            self.fail(unit, number)
        else:
            self._numbers[unit] = number

    def fail(self, unit: int, why: str) -> None:
        self._reason = self._reason or f"unit {unit + 1} of {len(self._numbers)}: {why}"


class _Place(NamedTuple):
    """A unit. network, number: which network it belongs to, and which of its units it is."""

    network: int
    number: int
    unit: Unit


def _alike(
    networks: Sequence[Sequence[Unit]], shapes: Sequence[Sequence[Mapping[str, Dims]]], reads: Sequence[str]
) -> list[list[_Place]]:
    """The units of all networks in groups, of which the statistics that are read have equal shapes."""
    groups: dict[tuple[Dims, ...], list[_Place]] = {}
    for i, (units, of_units) in enumerate(zip(networks, shapes, strict=True)):
        for j, (unit, of_unit) in enumerate(zip(units, of_units, strict=True)):
            groups.setdefault(tuple(of_unit[name] for name in reads), []).append(_Place(i, j, unit))
    return list(groups.values())


def _stacks(group: Sequence[_Place], elements: int) -> Iterator[Sequence[_Place]]:
    """Parts of a group that are evaluated as one stack. elements: of the largest statistic of a unit."""
    count = max(1, STACKED // max(1, elements))
    for start in range(0, len(group), count):
        yield group[start : start + count]


class Step(NamedTuple):
    """A node: an operation and the numbers of its arguments, or a statistic, which has none."""

    name: str
    arguments: tuple[int, ...]


class Together:
    """Trees whose equal subtrees have been found. Trees that differ in nothing but the order of summands are equal.

    trees: different ones. to_scalar: how a value becomes a number, see `running.Program`. most_bytes: how much the
    values that are kept for several readers may take. If that is not enough, values are computed again.

    steps: the different nodes, each after its arguments. roots: the step of each tree. needs: for each step, those
    whose values it reads. reads: the statistics in all trees.
    """

    def __init__(self, trees: Sequence[Tree], to_scalar: ToScalar = "mean", most_bytes: int = MOST_BYTES) -> None:
        self.to_scalar: ToScalar = to_scalar
        self.most_bytes = most_bytes
        self.steps: list[Step] = []
        self.needs: list[tuple[int, ...]] = []
        self._by_value: list[bool] = []
        numbers: dict[Step, int] = {}  # subtrees are equal if their steps are, which is faster than comparing trees
        self.roots = [self._number(tree, numbers) for tree in trees]
        self.reads = [step.name for step in self.steps if not step.arguments]

    def numbers(self, units: Sequence[Unit], shapes: Shapes, wanted: Sequence[int]) -> list[list[Value]]:
        """Return for each wanted tree its number of each unit, or the reason why there is none.

        units: of equal shapes. shapes: for such units. wanted: positions of trees.

        Raises WritingError if an operation writes into its argument.
        """
        roots = [self.roots[i] for i in wanted]
        stack = _Stack(self, units, shapes, roots)
        return [self._numbers_of(stack, root) for root in roots]

    def _numbers_of(self, stack: _Stack, root: int) -> list[Value]:
        try:
            found = numbers_of(stack.value(root), self.to_scalar)
        except ProgramError as error:
            if len(stack.units) == 1:
                return [str(error)]
            alone = (_Stack(self, [unit], stack.shapes, [root]) for unit in stack.units)
            return [number for each in alone for number in self._numbers_of(each, root)]
        return [number if math.isfinite(number) else not_finite(number) for number in found]

    def _number(self, tree: Tree, numbers: dict[Step, int]) -> int:
        """The number of a subtree, which is added if there is none like it yet."""
        if isinstance(tree, Leaf):
            step = Step(tree.statistic, ())
        else:
            step = _same(tree.operation, tuple(self._number(argument, numbers) for argument in tree.arguments))
        if step not in numbers:
            numbers[step] = len(self.steps)
            self.steps.append(step)
            by_value = any(self._by_value[argument] for argument in step.arguments)
            self._by_value.append(by_value or step.name in _BY_VALUE)
            follows = bool(step.arguments) and OPERATIONS[step.name].fill is not None
            self.needs.append(() if follows and not by_value else step.arguments)
        return numbers[step]


def _same(name: str, arguments: tuple[int, ...]) -> Step:
    """One step for all that give the same."""
    if name == "greater":
        return Step("less", arguments[::-1])
    return Step(SAME.get(name, name), tuple(sorted(arguments)) if name in EITHER_WAY else arguments)


class Shapes:
    """The shapes of all steps, by number, for units whose statistics have these shapes, by name.

    errors: why steps have none. largest: the elements of the largest statistic.
    """

    def __init__(self, together: Together, unit: Mapping[str, Dims]) -> None:
        self.of: dict[int, Dims] = {}
        self.errors: dict[int, str] = {}
        self.largest = 0
        for number, step in enumerate(together.steps):
            failed = next((self.errors[i] for i in step.arguments if i in self.errors), None)
            if failed is not None:
                self.errors[number] = failed
                continue
            if not step.arguments:
                self.of[number] = unit[step.name]
                self.largest = max(self.largest, math.prod(self.of[number]))
                continue
            try:
                self.of[number] = shape_of(step.name, [self.of[i] for i in step.arguments])
            except ProgramError as error:
                self.errors[number] = str(error)


class _Stack:
    """The values of subtrees on units of equal shapes, as far as somebody is still going to read them."""

    def __init__(self, together: Together, units: Sequence[Unit], shapes: Shapes, roots: Sequence[int]) -> None:
        self.units, self.shapes = units, shapes
        self._steps, self._needs, self._most = together.steps, together.needs, together.most_bytes
        self._left = self._readers(roots)
        self._kept: dict[int, Tensor] = {}  # in the order of their last use
        self._bytes = 0
        self._leaves: dict[int, Tensor] = {}
        self._failed: dict[int, str] = {}

    def value(self, number: int) -> Tensor:
        """Return the values of a subtree, (U, …). Raises ProgramError if an operation below fails."""
        step = self._steps[number]
        if not step.arguments:
            if number not in self._leaves:
                self._leaves[number] = self._stacked(step.name)
            return self._leaves[number]
        if number in self._failed:  # a new error, as one that is raised again collects all its callers
            raise ProgramError(self._failed[number])
        self._left[number] -= 1
        found = self._taken(number)
        if found is None:
            try:
                found = self._applied(step, self._needs[number])
            except ProgramError as error:
                self._failed[number] = str(error)
                raise
        if self._left[number] > 0:
            self._keep(number, found)
        return found

    def _readers(self, roots: Sequence[int]) -> list[int]:
        """How often each step is read."""
        found = [0] * len(self._steps)
        todo = list(roots)
        while todo:
            number = todo.pop()
            found[number] += 1
            if found[number] == 1:
                todo += self._needs[number]
        return found

    def _stacked(self, name: str) -> Tensor:
        import torch

        if len(self.units) == 1:
            return self.units[0][name][None]
        return torch.stack([unit[name] for unit in self.units])

    def _applied(self, step: Step, needs: tuple[int, ...]) -> Tensor:
        """The result of an operation. Raises WritingError if torch counts a change of an argument."""
        arguments = [self.value(argument) for argument in needs]
        fill = OPERATIONS[step.name].fill
        if fill is not None:
            (argument,) = (self.shapes.of[i] for i in step.arguments)
            return self._filled(OPERATIONS[step.name].shape(argument), fill(argument))
        before = [x._version for x in arguments]
        found = apply_to_stacks(step.name, arguments)
        if [x._version for x in arguments] != before:
            raise WritingError(f"the operation {step.name} writes into its argument")
        return found

    def _filled(self, shape: Dims, number: float) -> Tensor:
        like = next(iter(self.units[0].values()))
        return like.new_full((len(self.units), *shape), number)

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
