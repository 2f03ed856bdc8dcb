"""The costs of many structures at once; the array form of `PlainNet.cost.CostModel`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from PlainNet.arrays.blocks import Blocks, BlockValues, Placed
from PlainNet.arrays.formulas import place
from PlainNet.arrays.structures import Flags, Floats, Integers
from PlainNet.blocktype import Options
from PlainNet.cost import Cost, block_cost
from PlainNet.costform import cost_form


class Costs(NamedTuple):
    """Costs of structures as arrays (structures,), see `Cost`.

    The numbers are whole; they are exact below 2^53, which is more than networks of 2^31 weights have.
    """

    params: Floats
    flops: Floats
    activations: Floats
    layers: Integers

    def all(self) -> list[Cost]:
        """Return the cost of each structure, in order."""
        return [Cost(*one) for one in zip(*(values.astype(np.int64).tolist() for values in self), strict=True)]

    def where(self, rows: Integers | Flags) -> Costs:
        """Return the costs of some of the structures."""
        params, flops, activations, layers = self
        return Costs(params[rows], flops[rows], activations[rows], layers[rows])


class CostArrays:
    """Computes the costs of structures. num_classes: the outputs of the classifier, or None to leave it out."""

    def __init__(self, blocks: Blocks, num_classes: int | None, options: Options = Options()) -> None:
        self._blocks, self._num_classes, self._options = blocks, num_classes, options
        self._values = BlockValues(blocks, 3, self._compute)
        # By family: parameters, multiply–accumulates and outputs per product of two of (1, in, out, bottleneck).
        self._forms = np.zeros((0, 3, 4, 4))
        self._formed = np.zeros(0, np.bool_)

    def __call__(self, placed: Placed) -> Costs:
        """Return the costs of structures all of whose blocks work."""
        params, flops, activations = self._values.of(placed.numbers).sum(axis=1)
        if self._num_classes is not None:
            products = self._blocks.out[placed.last] * float(self._num_classes)
            params = params + (products + self._num_classes)
            flops, activations = flops + products, activations + self._num_classes
        return Costs(params, flops, activations, placed.structures.layers)

    def _compute(self, numbers: Integers) -> Floats:
        blocks = self._blocks
        self._complete()
        families = blocks.family[numbers]
        widths = blocks.widths(numbers)
        found: Floats = np.einsum("nvij,in,jn->vn", self._forms[families], widths, widths)
        alone = np.flatnonzero(~self._formed[families])
        for i, (spec, size) in zip(alone.tolist(), blocks.specs(numbers[alone]), strict=True):
            found[:, i] = block_cost(spec, size, self._options)[:3]
        return found

    def _complete(self) -> None:
        """Make the forms of new families."""
        new = self._blocks.families[len(self._forms) :]
        if not new:
            return
        forms = np.zeros((len(new), 3, 4, 4))
        for made, family in zip(forms, new, strict=True):
            if family is None or family.template is None:
                continue
            form = cost_form(family.template, family.size, self._options)
            places, factors = zip(*map(place, form.widths), strict=True)
            for weights, products, i, j in form.pairs:
                pair, factor = (places[i], places[j]), factors[i] * factors[j]
                made[0][pair] += weights * factor
                made[1][pair] += products * factor
            for weights, elements, i in form.singles:
                made[0][0, places[i]] += weights * factors[i]
                made[2][0, places[i]] += elements * factors[i]
        self._forms = np.concatenate([self._forms, forms])
        known = [family is None or family.template is not None for family in new]
        self._formed = np.append(self._formed, known).astype(np.bool_)
