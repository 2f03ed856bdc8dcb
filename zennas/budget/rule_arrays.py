"""How often many structures break rules at once; the array form of `obeying.RuleModel`."""

from __future__ import annotations

import numpy as np

from PlainNet import Options
from PlainNet.arrays.blocks import Blocks, BlockValues, Placed
from PlainNet.arrays.structures import Flags, Floats, Integers
from zennas.budget.obeying import block_count
from zennas.budget.rules import Rules


class RuleArrays:
    """Says which structures obey rules. num_classes: the outputs of the classifier, or None to leave it out."""

    def __init__(self, blocks: Blocks, num_classes: int | None, options: Options, rules: Rules) -> None:
        self._blocks, self._num_classes, self._options, self._rules = blocks, num_classes, options, rules
        self._values = BlockValues(blocks, 1, self._compute)

    def __call__(self, placed: Placed) -> Flags:
        """Return whether structures obey all rules, (structures,). All of their blocks work."""
        broken: Flags = self._values.of(placed.numbers)[0].sum(axis=0) > 0
        if self._num_classes is not None:
            broken |= self._head(self._blocks.out[placed.last], self._blocks.positions(placed.last))
        obeyed: Flags = np.logical_not(broken)
        return obeyed

    def _head(self, features: Integers, positions: Integers) -> Flags:
        """Whether the classifier breaks a rule, see `obeying.head_count`."""
        rules, broken = self._rules, np.zeros(len(features), np.bool_)
        if rules.operators:
            broken |= "FULLY_CONNECTED" not in rules.operators
            broken |= (positions > 1) & ("MEAN" not in rules.operators)
            broken |= (positions == 1) & ("RESHAPE" not in rules.operators)
        if rules.most_pooled is not None:
            broken |= positions > rules.most_pooled
        if rules.most_channels is not None:
            broken |= features > rules.most_channels
        return broken

    def _compute(self, numbers: Integers) -> Floats:
        found = [block_count(spec, size, self._options, self._rules) for spec, size in self._blocks.specs(numbers)]
        return np.array([found], np.float64)
