"""From many proposed structures to those within the budget, with their scores: the array form of `admission.py`.

A search has it if its space, its objective and all its latencies have array forms. Structures are rejected for the same
reasons and in the same order as one by one: layers, other counts, RAM, flash, rules, duplicates, latencies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from PlainNet.arrays.blocks import Blocks, Placed
from PlainNet.arrays.costs import CostArrays, Costs
from PlainNet.arrays.structures import Flags, Floats, Integers, Structures
from PlainNet.lowering import MAX_WEIGHTS
from SearchSpace import ArraySpace, SpaceArrays
from zennas.budget.budgets import Budget
from zennas.budget.memories import arrays_of
from zennas.budget.meters import LatencyArrays
from zennas.budget.rule_arrays import RuleArrays
from zennas.runs.candidate import Candidate, Latency, Measure
from zennas.searching.objectives.base import ArrayObjective
from zennas.searching.strategies.base import Problem
from ZeroShotProxy import ArrayScore

Hashes = NDArray[np.uint64]


class Judged(NamedTuple):
    """Structures within the budget.

    rows: their positions among the proposals. placed: with the numbers of their blocks, until others are judged.
    hashes: see `Structures.hashes`. latency: (devices, structures), in milliseconds per image. scores: those of the
    objective.
    """

    rows: Integers
    placed: Placed
    hashes: Hashes
    costs: Costs
    latency: Floats
    scores: Floats

    @property
    def structures(self) -> Structures:
        return self.placed.structures

    def where(self, rows: Integers | Flags) -> Judged:
        """Return some of them, in the order of `rows`."""
        return Judged(
            self.rows[rows],
            self.placed.where(rows),
            self.hashes[rows],
            self.costs.where(rows),
            self.latency[:, rows],
            self.scores[rows],
        )


@dataclass(frozen=True)
class Judge:
    """The array forms of all parts of a problem.

    space: mutates. memories: by name. sources: the names of the latencies. measure: the name of the score.
    obeys: which structures obey rules; None without rules. sign: -1 if lower is better.
    """

    space: SpaceArrays
    blocks: Blocks
    costs: CostArrays
    memories: Mapping[str, Callable[[Placed], Floats]]
    budget: Budget
    sources: tuple[str, ...]
    labels: tuple[str, ...]
    limits: tuple[float, ...]
    latencies: tuple[LatencyArrays, ...]
    obeys: RuleArrays | None
    score: ArrayScore
    measure: str
    sign: int

    @classmethod
    def of(cls, problem: Problem) -> Judge | str:
        """Return the judge of a problem, or the reason why there is none."""
        space = problem.space.arrays() if isinstance(problem.space, ArraySpace) else None
        if space is None:
            return f"search space {problem.space.name}"
        if problem.evaluations is not None or problem.repeats:
            return "budget of evaluations"
        if not isinstance(problem.objective, ArrayObjective):
            return f"objective {problem.objective.name}"
        if problem.budget.within_profile:
            return "within_profile"
        model = problem.model
        blocks = Blocks(space.layout, model.resolution)
        score = problem.objective.arrays(blocks)
        if score is None:
            return f"objective {problem.objective.name}"
        latencies = []
        for meter in problem.meters:
            found = meter.arrays(blocks)
            if found is None:
                return f"latency on {meter.limit.label}"
            latencies.append(found)
        limits = [meter.limit for meter in problem.meters]
        return cls(
            space,
            blocks,
            CostArrays(blocks, model.num_classes, model.options),
            arrays_of(blocks, model),
            problem.budget,
            tuple(limit.source for limit in limits),
            tuple(limit.label for limit in limits),
            tuple(limit.ms for limit in limits),
            tuple(latencies),
            RuleArrays(blocks, model.num_classes, model.options, problem.rules) if problem.rules else None,
            score,
            problem.objective.name,
            problem.objective.sign,
        )

    def __call__(self, structures: Structures, known: Hashes, rejected: Counter[str]) -> Judged:
        """Return those of the structures that fit the budget, each once; count the reasons of the others.

        known: hashes of structures that count as duplicates.
        """
        rows = np.arange(len(structures))
        if self.budget.layers is not None:  # half of all children, and cheap to check
            rows = _fitting(rows, structures.layers <= self.budget.layers, "layers", rejected)
        placed = self.blocks.place(structures[rows])
        rows, placed = _both(rows, placed, placed.works, "broken", rejected)
        costs = self.costs(placed)
        checks = [(costs.params <= MAX_WEIGHTS, "broken")]
        checks += [(getattr(costs, name) <= limit, name) for name, limit in self.budget.limits().items()]
        fits = np.ones(len(rows), np.bool_)
        checks += [(self.memories[name](placed) <= limit, name) for name, limit in self.budget.memories().items()]
        if self.obeys is not None:
            checks.append((self.obeys(placed), "rules"))
        for holds, reason in checks:
            _count(rejected, reason, fits & ~holds)
            fits &= holds
        rows, placed, costs = rows[fits], placed.where(fits), costs.where(fits)
        hashes = placed.structures.hashes()
        first = _first(hashes, known)
        rows, placed = _both(rows, placed, first, "duplicate", rejected)
        costs, hashes = costs.where(first), hashes[first]
        latency = np.zeros((len(self.latencies), len(rows)))
        for i, (predict, limit, label) in enumerate(zip(self.latencies, self.limits, self.labels, strict=True)):
            latency[i] = predict(placed)
            holds = latency[i] <= limit  # NaN, for a network without a latency, never fits
            _count(rejected, f"no latency {label}", np.isnan(latency[i]))
            _count(rejected, f"latency {label}", latency[i] > limit)
            rows, placed, costs, hashes = rows[holds], placed.where(holds), costs.where(holds), hashes[holds]
            latency = latency[:, holds]
        return Judged(rows, placed, hashes, costs, latency, self.score(placed, costs))

    def candidates(self, judged: Judged, ids: Integers, parents: list[int], tried: int, seed: int) -> list[Candidate]:
        """Return candidates for judged structures. tried: how many had been tried before all that were proposed."""
        return [
            Candidate(
                number,
                structure,
                parent,
                cost,
                tried + row + 1,
                (seed * 1_000_003 + number) % 2**63,
                "member",
                None,
                {self.measure: Measure(score)},
                {source: Latency(ms) for source, ms in zip(self.sources, latency, strict=True)},
            )
            for number, structure, parent, cost, row, score, latency in zip(
                ids.tolist(),
                self.blocks.written(judged.placed),
                parents,
                judged.costs.all(),
                judged.rows.tolist(),
                judged.scores.tolist(),
                judged.latency.T.tolist(),
                strict=True,
            )
        ]


def _first(hashes: Hashes, known: Hashes) -> Flags:
    """Whether each hash is not among `known`, nor among the ones before it."""
    # numpy's `unique` and `isin` import its masked arrays, which takes longer than hundreds of these calls.
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    found = np.ones(len(hashes), np.bool_)
    found[order[1:]] = ordered[1:] != ordered[:-1]
    if len(known):
        ordered = np.sort(known)
        found &= ordered[np.minimum(np.searchsorted(ordered, hashes), len(known) - 1)] != hashes
    return found


def _count(rejected: Counter[str], reason: str, which: Flags) -> None:
    number = int(np.count_nonzero(which))
    if number:
        rejected[reason] += number


def _fitting(rows: Integers, holds: Flags, reason: str, rejected: Counter[str]) -> Integers:
    _count(rejected, reason, ~holds)
    return rows[holds]


def _both(rows: Integers, placed: Placed, holds: Flags, reason: str, rejected: Counter[str]) -> tuple[Integers, Placed]:
    if holds.all():
        return rows, placed
    return _fitting(rows, holds, reason, rejected), placed.where(holds)
