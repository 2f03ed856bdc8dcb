"""The expected Zen-score of many structures at once; the array form of `ExpectedZen` in `proxies/zen_expected.py`.

It performs the same operations in the same order, so that scores are equal to the last bit. Terms of new blocks come
from formulas of their families, or one by one from the scalar form if there are none.
"""

from __future__ import annotations

import math

import numpy as np

from PlainNet import Options
from PlainNet.arrays.blocks import Blocks, BlockValues, Placed
from PlainNet.arrays.formulas import Terms, channels, place
from PlainNet.arrays.numbering import KeyedValues
from PlainNet.arrays.structures import Floats, Integers
from ZeroShotProxy.proxies import zen_expected as scalar
from ZeroShotProxy.proxies.zen_expected import BlockTerms, Entry

_MOST_TABLES = 20_000
"""With more tables than this, about 150 MB, all are forgotten."""
_MOST_LOGARITHMS = 1 << 20
_SUM, _TAIL, _ELEMENTS, _TABLE = range(4)
"""The values of a block: its logs with its tail, its tail, the log of its output elements, the number of its tables."""


class ExpectedZenArrays:
    """Scores structures whose blocks are numbered. gamma, use_se: see `ExpectedZen`."""

    def __init__(self, blocks: Blocks, gamma: float = scalar.GAMMA, use_se: bool = False) -> None:
        self._blocks = blocks
        one = scalar.ExpectedZen(blocks.resolution, gamma, use_se)
        self._options, self._start = one.options, one._start
        self._tables = _Tables()
        self._entered: list[_Entered] = []
        self._usual = True  # whether all blocks but the first have been entered by the same statistics

    def __call__(self, placed: Placed) -> Floats:
        """Return the expected Zen-scores (structures,) of structures all of whose blocks work."""
        if self._tables.count > _MOST_TABLES:
            self._tables, self._entered = _Tables(), []
        self._tables.code(scalar.IMAGE)
        values = self._values(placed.numbers)
        tables = values[_TABLE].astype(np.int64)
        score, moved = np.zeros(len(placed.structures)), np.full(len(placed.structures), self._start)
        entering = np.empty_like(values[_SUM])
        for position, (sums, table) in enumerate(zip(values[_SUM], tables, strict=True)):
            entering[position] = moved
            score += sums
            moved = moved + self._tables.decorrelation(table, moved)
        last = placed.structures.lengths - 1, np.arange(len(placed.structures))
        entered = entering[last]
        distance = self._tables.distance(tables[last], entered)
        found: Floats = score - values[_TAIL][last] + values[_ELEMENTS][last] + entered / 2 + distance
        return found

    def _values(self, numbers: Integers) -> Floats:
        """(4, positions, structures): the values of the blocks."""
        first = self._entered_by(0).of(numbers[:1])
        if self._usual and len(numbers) > 1:
            # What enters the second block enters all later ones as well, unless there are gates.
            codes = self._tables.exits(first[_TABLE].astype(np.int64))
            usual = int(codes.flat[0]) if codes.size else 0
            found = np.concatenate([first, self._entered_by(usual).of(numbers[1:])], axis=1)
            exits = self._tables.exits(found[_TABLE].astype(np.int64))
            if ((exits == usual) | (numbers == 0)).all():
                return found
            self._usual = False
        found = np.zeros((4, *numbers.shape))
        code = np.zeros(numbers.shape[1], np.int64)
        for position, number in enumerate(numbers):
            for one in np.unique(code).tolist():
                rows = code == one
                found[:, position, rows] = self._entered_by(one).of(number[rows])
            code = np.where(number > 0, self._tables.exits(found[_TABLE, position].astype(np.int64)), code)
        return found

    def _entered_by(self, code: int) -> BlockValues:
        """The values of blocks that are entered by the statistics with a code."""
        while len(self._entered) <= code:
            self._entered.append(_Entered(self._blocks, self._tables, len(self._entered), self._options))
        return self._entered[code].values


class _Tables:
    """The tables of decorrelation and distance that blocks share, the statistics that enter and leave blocks, and
    logarithms.

    Tables number 0 are of no block, and change nothing.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.logs = _Logarithms()
        self.count = 0
        self._size = len(scalar._GRID)
        self._both = np.zeros((2, 16, self._size))
        self._exits = np.zeros(16, np.int64)
        self.count = 1

    def code(self, entry: Entry) -> int:
        """Return the code of statistics."""
        if entry not in self.entries:
            self.entries.append(entry)
        return self.entries.index(entry)

    def add(self, terms: BlockTerms) -> int:
        """Keep the tables of a block, and return their number."""
        if self.count == len(self._exits):
            self._both = np.concatenate([self._both, np.zeros_like(self._both)], axis=1)
            self._exits = np.concatenate([self._exits, np.zeros_like(self._exits)])
        number, self.count = self.count, self.count + 1
        self._both[0, number], self._both[1, number] = terms.decorrelation, terms.distance
        self._exits[number] = self.code(terms.exit)
        return number

    def exits(self, tables: Integers) -> Integers:
        """Return the codes of the statistics that leave blocks with these tables."""
        found: Integers = self._exits[tables]
        return found

    def decorrelation(self, tables: Integers, log_decorrelation: Floats) -> Floats:
        """Return what blocks with these tables add to the logarithms of decorrelations."""
        return self._interpolated(self._both[0], tables, log_decorrelation)

    def distance(self, tables: Integers, log_decorrelation: Floats) -> Floats:
        """Return log E|x - x'| at the output minus half the log decorrelation at the input."""
        return self._interpolated(self._both[1], tables, log_decorrelation)

    def _interpolated(self, kept: Floats, tables: Integers, log_decorrelation: Floats) -> Floats:
        position = np.maximum((log_decorrelation - scalar._LOWEST) / scalar._STEP, 0)
        cell = np.minimum(position.astype(np.int64), self._size - 2)
        at = tables * self._size + cell
        flat = kept.reshape(-1)
        low = flat[at]
        found: Floats = low + (flat[at + 1] - low) * (position - cell)
        return found


class _Entered:
    """The values of blocks that are entered by statistics with a code.

    The formulas are the terms of `_Chain`, as (times, place, factor, scale): times · log(kept + scale · channels) for
    convolutions and times · log(1 + scale / channels) for excesses and the tail.
    """

    def __init__(self, blocks: Blocks, tables: _Tables, code: int, options: Options) -> None:
        self._blocks, self._tables, self._entry, self._options = blocks, tables, tables.entries[code], options
        self.values, self._logs = BlockValues(blocks, 4, self._compute), tables.logs
        self._numbers = np.zeros(0, np.int64)  # by family: number of its tables; 0 without formulas, -1 if not known
        self._convolutions, self._excesses, self._tails = (Terms((0, 0, 1, 0)) for _ in range(3))

    def _compute(self, numbers: Integers) -> Floats:
        blocks = self._blocks
        families = blocks.family[numbers]
        self._complete(np.flatnonzero(np.bincount(families)))
        widths = blocks.widths(numbers)
        logs = np.zeros(len(numbers))
        times, places, factors, scale = self._convolutions.of(families)
        terms = self._logs.terms(times, scalar._KEPT + scale * channels(widths, places, factors))
        times, places, factors, scale = self._excesses.of(families)
        for term in (*terms, *self._logs.terms(times, 1 + scale / channels(widths, places, factors))):
            logs += term
        times, places, factors, scale = self._tails.of(families)
        (tail,) = self._logs.terms(times, 1 + scale / channels(widths, places, factors))
        elements = self._logs.of((blocks.out[numbers] * blocks.positions(numbers)).astype(np.float64))
        found = np.stack([logs / 2 + tail, tail, elements, self._numbers[families].astype(np.float64)])
        alone = np.flatnonzero(self._numbers[families] == 0)
        for i, (spec, size) in zip(alone.tolist(), blocks.specs(numbers[alone]), strict=True):
            own = scalar.block_terms(spec, size, self._entry, self._options)
            found[_SUM:_ELEMENTS, i] = own.logs + own.tail, own.tail
            found[_TABLE, i] = self._tables.add(own)
        return found

    def _complete(self, families: Integers) -> None:
        """Make the formulas of those families that have none yet."""
        missing = len(self._blocks.families) - len(self._numbers)
        if missing:
            self._numbers = np.pad(self._numbers, (0, missing), constant_values=-1)
        for number in families[self._numbers[families] < 0].tolist():
            family = self._blocks.families[number]
            assert family is not None
            template = family.template
            chain = None if template is None else scalar._chain(template, family.size, self._entry, self._options)
            self._numbers[number] = 0 if chain is None else self._tables.add(chain.probe)
            if chain is None:
                continue
            widths = [place(width) for width in chain.widths]
            convolutions = [(times, *widths[i], scalar._NEW * variance) for times, i, variance in chain.convolutions]
            self._convolutions.put(number, convolutions)
            self._excesses.put(number, [(times, *widths[i], factor) for times, i, factor in chain.excesses])
            i, factor = chain.tail
            self._tails.put(number, [(0.5, *widths[i], factor)])


class _Logarithms:
    """Logarithms as Python computes them: numpy's may differ in the last bit, and so would sums of them.

    Widths are few, so that the same numbers come again and again.
    """

    def __init__(self) -> None:
        self._known = KeyedValues(_MOST_LOGARITHMS)

    def of(self, values: Floats) -> Floats:
        """Return the logarithms (values,) of numbers above 0."""

        def compute(places: Integers) -> Floats:
            log = math.log
            return np.array([log(value) for value in values[places].tolist()])

        return self._known.of(values.view(np.int64), compute)

    def terms(self, times: Floats, values: Floats) -> Floats:
        """Return times · log(values), of terms that are not 0."""
        found, used = np.zeros(times.shape), times != 0
        found[used] = times[used] * self.of(values[used])
        return found
