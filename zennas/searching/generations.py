"""Evolution in steps of many children, for searches with an array form: some ten times as fast as one at a time.

A step mutates random members of the population, and keeps the best of members and children, in each cell of a grid if
there is one (`fronts/grid.py`). This is what evolution one at a time keeps if it looks at the same children. Steps are
short compared with the population, so that a child is a parent almost as soon as there.

What is random in a step is keyed by the seed and the number of structures tried before it. The state of a search is
therefore its population and its counters. A last step that the number of iterations cuts short is saved as it began:
it is done again if the run is continued, in full if there are more iterations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

import numpy as np

from PlainNet import Structure
from PlainNet.arrays.structures import Flags, Floats, Integers, Structures, together
from PlainNet.grammar import read
from zennas.runs.candidate import Candidate
from zennas.searching.admission import Admission
from zennas.searching.fronts.grid import Cells, OneCell, cells_of
from zennas.searching.judging import Hashes, Judge, Judged
from zennas.searching.strategies.base import Problem, Progress

FEWEST = 32
"""The fewest children of a step, unless the options want fewer."""
PER_MEMBER = 8
"""The most children of a step for each member, so that their parents are not outdated."""
PACE = 16
"""A step has at most this fraction of all structures that were tried before it, so that short searches evolve, too."""


class Generations:
    """A population that evolves in steps; a `Search` that scores the candidates itself, after the first.

    size: the largest number of members of a cell. children: the most children of a step. founders, founding: until
    there are more members than `founders`, or so many proposals, children are mutations of the first structure.
    cells: where members compete with each other.
    """

    def __init__(
        self,
        problem: Problem,
        judge: Judge,
        size: int,
        children: int,
        founders: int,
        founding: int,
        cells: Cells = OneCell(),
    ) -> None:
        self._problem, self._judge, self._grid = problem, judge, cells
        self._size, self._children, self._founders, self._founding = size, children, founders, founding
        self._admission = Admission(problem)
        self._first: Structure | None = None
        self._changes: list[Candidate] = []
        self._cut: dict[str, Any] | None = None  # the state before a step that was cut short
        self._set_population([], np.zeros(0))

    def _set_population(self, members: Sequence[Candidate], values: Floats) -> None:
        self._members = {member.id: member for member in members}
        self._structures = Structures.of((member.structure for member in members), self._judge.space.layout)
        self._ids = np.array([member.id for member in members], np.int64)
        self._hashes: Hashes = self._structures.hashes()
        self._values = values
        self._cells = np.array([self._grid.cell(member) for member in members], np.int64)

    # -- the methods of `Search` -------------------------------------------------------------

    @property
    def done(self) -> bool:
        return self._admission.done

    @property
    def kept(self) -> Sequence[Candidate]:
        return [self._members[number] for number in self._ids.tolist()]

    @property
    def pending(self) -> Sequence[Candidate]:
        return self._admission.pending

    def progress(self) -> Progress:
        admission = self._admission
        return Progress(admission.tried, admission.scored, len(self._ids), admission.rejected)

    def ask(self, n: int) -> list[Candidate]:
        """Return the first candidate; afterwards take a step, and return nothing."""
        if self._first is None:
            first = self._admission.first(Random(self._problem.seed))
            self._first = first.structure
            return [first]
        if not self.done and not self._admission.out:
            self._step(self._first)
        return []

    def tell(self, candidates: Iterable[Candidate]) -> None:
        for candidate in candidates:
            if self._admission.returned(candidate):
                self._grid.check(candidate)
                member = candidate.with_status("member")
                self._set_population([member], np.array(self._problem.objective.values([member])))
                self._changes.append(member)
            else:
                self._changes.append(candidate.with_status("failed"))

    def take_changes(self) -> list[Candidate]:
        changes, self._changes = self._changes, []
        return changes

    def state(self) -> dict[str, Any]:
        if self._cut is not None:
            return self._cut
        first = None if self._first is None else str(self._first)
        return {**self._admission.state(), "steps": True, "first": first, "population": self._ids.tolist()}

    def restore(self, state: dict[str, Any], candidates: Iterable[Candidate]) -> None:
        known = {candidate.id: candidate for candidate in candidates}
        self._first = None if state["first"] is None else read(state["first"])
        self._admission.restore(state, ())
        members = [known[number].with_status("member") for number in state["population"]]
        self._set_population(members, np.array(self._problem.objective.values(members)))
        # What a step that was cut short has changed is undone.
        self._cut = None
        self._changes = [member for member in members if known[member.id].status != "member"]
        others = (one for one in known.values() if one.id not in self._members)
        self._changes += [one.with_status("dropped") for one in others if one.status == "member"]

    # -- a step ------------------------------------------------------------------------------

    def _step(self, first: Structure) -> None:
        admission, space = self._admission, self._judge.space
        members, before = len(self._ids), admission.tried
        whole = min(self._children, max(FEWEST, min(PER_MEMBER * members, before // PACE)))
        count = min(whole, self._problem.iterations - before)
        if count < whole:
            self._cut = self.state()
        changes = 1 if self._is_founding(members) else 2
        drawn = np.random.default_rng([self._problem.seed, before]).random((count, 1 + changes * space.draws))
        if changes == 1:
            parents = Structures.of([first], space.layout)[np.zeros(count, np.int64)]
            numbers = np.ones(count, np.int64)
        else:
            chosen = (drawn[:, 0] * members).astype(np.int64)
            parents, numbers = self._structures[chosen], self._ids[chosen]
        children = space(parents, np.ascontiguousarray(drawn[:, 1:]), changes, self._problem.budget.layers)
        judged = self._judge(children, self._hashes, admission.rejected)
        admission.tried += count
        self._select(judged, numbers, before)

    def _is_founding(self, members: int) -> bool:
        """Whether children are mutations of the first structure."""
        admission = self._admission
        return not members or (
            members <= self._founders and admission.tried - admission.rejected["start"] < self._founding
        )

    def _select(self, judged: Judged, parents: Integers, before: int) -> None:
        """Keep the best of the members and of `judged`, children of `parents`, which were proposed after `before`."""
        admission = self._admission
        finite = np.isfinite(judged.scores)
        if not finite.all():
            self._note_failures(judged.where(~finite), parents, before)
            judged = judged.where(finite)
        admission.scored += len(judged.rows)
        values, cells = self._judge.sign * judged.scores, cells_of(self._grid, self._judge, judged)
        beyond = cells == self._grid.count
        if beyond.any():
            admission.rejected[self._grid.open] += int(beyond.sum())
            judged, values, cells = judged.where(~beyond), values[~beyond], cells[~beyond]
        members = len(self._ids)
        better = values > self._floors()[cells]
        if not better.all():
            self._reject(~better)
            judged, values, cells = judged.where(better), values[better], cells[better]
        if not len(values):
            return
        ids = np.concatenate([self._ids, before + 2 + judged.rows])  # the first candidate is number 1
        values, cells = np.concatenate([self._values, values]), np.concatenate([self._cells, cells])
        best = np.lexsort((ids, -values, cells))
        ordered = cells[best]
        best = best[np.arange(len(best)) - np.searchsorted(ordered, ordered) < self._size]
        kept = np.zeros(len(ids), np.bool_)
        kept[best] = True
        new = kept[members:]
        self._reject(~new)
        for number in self._ids[~kept[:members]].tolist():
            self._changes.append(self._members.pop(number).with_status("dropped"))
        for candidate in self._candidates(judged.where(new), parents, before):
            self._members[candidate.id] = candidate
            self._changes.append(candidate)
        self._structures = together([self._structures, judged.structures])[best].trimmed()
        self._hashes = np.concatenate([self._hashes, judged.hashes])[best]
        self._ids, self._values, self._cells = ids[best], values[best], cells[best]

    def _floors(self) -> Floats:
        """(cells,): the value that a new member of a cell has to exceed."""
        count = self._grid.count
        sizes = np.bincount(self._cells, minlength=count)
        worst = np.concatenate([self._values, [0.0]])[np.cumsum(sizes) - 1]  # members are in order of cell and value
        return np.where(sizes == self._size, worst, -np.inf)

    def _reject(self, which: Flags) -> None:
        """Count candidates whose score is too low."""
        if which.any():
            self._admission.rejected["score"] += int(which.sum())

    def _candidates(self, judged: Judged, parents: Integers, before: int) -> list[Candidate]:
        ids = before + 2 + judged.rows
        return self._judge.candidates(judged, ids, parents[judged.rows].tolist(), before, self._problem.seed)

    def _note_failures(self, judged: Judged, parents: Integers, before: int) -> None:
        """Record candidates whose score is no number."""
        self._admission.rejected["failed"] += len(judged.rows)
        for candidate in self._candidates(judged, parents, before):
            (score,) = candidate.measures.values()
            failed = candidate._replace(status="failed", error=f"the score is {score.value}", measures={})
            self._changes.append(failed)
