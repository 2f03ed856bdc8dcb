"""The expected Zen-score of many structures at once; the array form of `ExpectedZen` in `proxies/zen_expected.py`.

It performs the same operations in the same order, so that scores are equal to the last bit. Terms of new blocks come
from formulas of their families, or one by one from the scalar form if there are none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from PlainNet import Options
from PlainNet.arrays.blocks import Blocks, BlockValues, Placed
from PlainNet.arrays.structures import Floats, Integers
from ZeroShotProxy.proxies import zen_expected as scalar
from ZeroShotProxy.proxies.zen_expected import BlockTerms, Entry

_MOST_TABLES = 20_000
"""With more tables than this, about 150 MB, all are forgotten."""
_PLACES = {-1: 0, 0: 1, 1: 2, 3: 3}
"""For the position of an argument of a super-block, its place in (1, in, out, bottleneck)."""
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
    """The tables of decorrelation and distance that blocks share, and the statistics that enter and leave blocks.

    Tables number 0 are of no block, and change nothing.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
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


class _Form(NamedTuple):
    """Formulas of families: the terms of `_Chain`, filled up with terms that are 0.

    times, place, factor, scale: (families, terms). A term is times · log(offset + scale · channels) for convolutions
    and times · log(1 + scale / channels) for excesses, where channels are factor times the width at `place`.
    """

    times: Floats
    place: Integers
    factor: Floats
    scale: Floats


class _Entered:
    """The values of blocks that are entered by statistics with a code."""

    def __init__(self, blocks: Blocks, tables: _Tables, code: int, options: Options) -> None:
        self._blocks, self._tables, self._entry, self._options = blocks, tables, tables.entries[code], options
        self.values = BlockValues(blocks, 4, self._compute)
        self._chains: list[scalar._Chain | None] = []
        self._numbers = np.zeros(0, np.int64)  # by family, the number of its tables; 0 without formulas
        self._forms = (_form([]), _form([]), _form([]))

    def _compute(self, numbers: Integers) -> Floats:
        blocks = self._blocks
        families = blocks.family[numbers]
        self._complete(np.unique(families))
        widths = np.stack([np.ones(len(numbers)), blocks.takes[numbers], blocks.out[numbers], blocks.neck[numbers]])
        convolutions, excesses, tails = (_Form(*(part[families] for part in form)) for form in self._forms)
        channels = [_channels(form, widths) for form in (convolutions, excesses, tails)]
        logs = np.zeros(len(numbers))
        for one in _terms(convolutions.times, scalar._KEPT + convolutions.scale * channels[0]):
            logs += one
        for one in _terms(excesses.times, 1 + excesses.scale / channels[1]):
            logs += one
        (tail,) = _terms(tails.times, 1 + tails.scale / channels[2])
        elements = _logarithms(blocks.out[numbers] * blocks.leaves(numbers) ** 2)
        found = np.stack([logs / 2 + tail, tail, elements, self._numbers[families].astype(np.float64)])
        alone = np.flatnonzero(self._numbers[families] == 0)
        for i, (spec, size) in zip(alone.tolist(), blocks.specs(numbers[alone]), strict=True):
            terms = scalar.block_terms(spec, size, self._entry, self._options)
            found[_SUM:_ELEMENTS, i] = terms.logs + terms.tail, terms.tail
            found[_TABLE, i] = self._tables.add(terms)
        return found

    def _complete(self, families: Integers) -> None:
        """Make the formulas of those families that have none yet."""
        missing = len(self._blocks.families) - len(self._chains)
        self._chains += [None] * missing
        tried = np.pad(self._numbers, (0, missing), constant_values=-1)
        new = families[tried[families] < 0]
        self._numbers = tried
        if not len(new):
            return
        for number in new.tolist():
            family = self._blocks.families[number]
            assert family is not None
            template = family.template
            chain = None if template is None else scalar._chain(template, family.size, self._entry, self._options)
            self._chains[number] = chain
            self._numbers[number] = 0 if chain is None else self._tables.add(chain.probe)
        self._forms = tuple(_form(terms) for terms in zip(*map(_chain_terms, self._chains), strict=True))  # type: ignore[assignment]


_Term = tuple[float, int, float, float]


def _chain_terms(chain: scalar._Chain | None) -> tuple[list[_Term], list[_Term], list[_Term]]:
    """The terms of a family's formulas as in `_Form`: of convolutions, of excesses and of the tail."""
    if chain is None:
        return [], [], []
    widths = [(_PLACES[arg], numerator / denominator) for arg, numerator, denominator in chain.widths]
    tail, factor = chain.tail
    return (
        [(times, *widths[i], scalar._NEW * variance) for times, i, variance in chain.convolutions],
        [(times, *widths[i], excess) for times, i, excess in chain.excesses],
        [(0.5, *widths[tail], factor)],
    )


def _form(families: Iterable[list[_Term]]) -> _Form:
    families = list(families)
    terms = max([1, *map(len, families)])
    table = np.zeros((4, len(families), terms))
    table[2] = 1.0
    for i, found in enumerate(families):
        if found:
            table[:, i, : len(found)] = np.array(found).T
    return _Form(table[0], table[1].astype(np.int64), table[2], table[3])


def _channels(form: _Form, widths: Floats) -> Floats:
    """(blocks, terms): the channels of each term."""
    found: Floats = form.factor * widths.T[np.arange(len(form.place))[:, None], form.place]
    return found


def _terms(times: Floats, values: Floats) -> Floats:
    """(terms, blocks): times · log(values)."""
    found: Floats = times.T * _logarithms(values.T)
    return found


def _logarithms(values: Floats | Integers) -> Floats:
    """The logarithms as Python computes them: numpy's may differ in the last bit, and so would sums of them."""
    log = math.log
    return np.array([log(value) for value in values.ravel().tolist()]).reshape(values.shape)
