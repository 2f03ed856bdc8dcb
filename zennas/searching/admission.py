"""From a proposed structure to a candidate within the budget, or to the reason why it is none.

What every strategy needs and none should write again: counting, the budget, latencies last, duplicates, numbers and
seeds of candidates, and which of them are still out for evaluation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING, Any

from latency.base import LatencyError
from PlainNet import Cost, Structure, StructureError
from PlainNet.cost import count_layers
from PlainNet.grammar import read
from zennas.runs.candidate import Candidate, Latency
from zennas.searching.start import within_budget

if TYPE_CHECKING:
    from zennas.searching.strategies.base import Problem

PATIENCE = 2000
"""Rejected proposals in a row after which `ask` comes back empty, so that progress is seen and saved."""
MEASURED_PATIENCE = 3
"""The same where each proposal may take seconds, because its latency is measured."""
_HOPELESS = 20
"""So many structures in a row without a latency end a search."""


class Admission:
    """Admits proposals as candidates, and counts why others are not.

    known: structures that are not admitted again: all candidates but those that were forgotten.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._budget, self._model, self._meters = problem.budget, problem.model, problem.meters
        self._without_latency = 0
        self._last_id = 0
        self.tried = 0
        self.scored = 0
        self.rejected: Counter[str] = Counter()
        self.known: set[Structure] = set()
        self._pending: dict[int, Candidate] = {}
        predicted = all(meter.limit.predicted for meter in self._meters)
        self.patience = PATIENCE if predicted else MEASURED_PATIENCE

    @property
    def done(self) -> bool:
        """Whether all iterations have been spent."""
        return self.tried >= self._problem.iterations

    @property
    def pending(self) -> list[Candidate]:
        """The candidates that were admitted and have not come back yet, oldest first."""
        return list(self._pending.values())

    @property
    def out(self) -> int:
        """How many candidates were admitted and have not come back yet."""
        return len(self._pending)

    def first(self, rng: Random) -> Candidate:
        """The space's initial structure, or one walked down from it to the budget. Raises BudgetError, LatencyError."""
        problem = self._problem
        structure, tried = within_budget(problem.space, self._model, self._budget, rng, self._meters)
        self.tried = min(tried, problem.iterations)
        self.rejected["start"] = self.tried  # spent on the way down to the budget
        latency = {meter.limit.source: meter(structure) for meter in self._meters}
        return self._candidate(structure, None, self._model(structure), latency)

    def admit(self, structure: Structure, parent: int | None) -> Candidate | None:
        """The candidate that a proposal becomes; None where it is rejected, which is counted.

        Raises LatencyError where no structure has had a latency for a while.
        """
        self.tried += 1
        deepest = self._budget.layers
        if deepest is not None and count_layers(structure) > deepest:  # half of all children, and cheap to tell
            self.rejected["layers"] += 1
            return None
        try:
            cost = self._model(structure)
        except StructureError:
            self.rejected["broken"] += 1
            return None
        violated = self._budget.violation(cost)
        if violated is not None:
            self.rejected[violated] += 1
            return None
        if structure in self.known:
            self.rejected["duplicate"] += 1
            return None
        latency = self._latency(structure) if self._meters else {}
        return None if latency is None else self._candidate(structure, parent, cost, latency)

    def returned(self, candidate: Candidate) -> bool:
        """Take note that a candidate has been told; whether it was scored."""
        self._pending.pop(candidate.id, None)
        if candidate.error is not None:
            self.rejected["failed"] += 1
            return False
        self.scored += 1
        return True

    def forget(self, candidate: Candidate) -> None:
        """Let the candidate's structure be proposed again: it was not kept."""
        self.known.discard(candidate.structure)

    def _latency(self, structure: Structure) -> dict[str, Latency] | None:
        """By source; None where one is over the budget, or is missing. Raises LatencyError where none ever comes."""
        found: dict[str, Latency] = {}
        for meter in self._meters:
            limit = meter.limit
            try:
                latency = meter(structure)
            except StructureError:
                self.rejected["broken"] += 1
                return None
            except LatencyError:
                self._without_latency += 1
                if self._without_latency >= _HOPELESS:
                    raise
                self.rejected[f"no latency {limit.label}"] += 1
                return None
            if not latency.ms <= limit.ms:  # so that NaN fits nothing
                self.rejected[f"latency {limit.label}"] += 1
                return None
            found[limit.source] = latency
        self._without_latency = 0
        return found

    def _candidate(
        self, structure: Structure, parent: int | None, cost: Cost, latency: dict[str, Latency]
    ) -> Candidate:
        self._last_id += 1
        # Random scores depend on the run's seed and the candidate's number only, not on who computes them when.
        seed = (self._problem.seed * 1_000_003 + self._last_id) % 2**63
        made = Candidate(self._last_id, structure, parent, cost, self.tried, seed, latency=latency)
        self._pending[made.id] = made
        self.known.add(structure)
        return made

    # -- saving ------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Counters, and the candidates that are out, as JSON."""
        return {
            "last_id": self._last_id,
            "tried": self.tried,
            "scored": self.scored,
            "rejected": dict(self.rejected),
            "pending": [
                {
                    "id": c.id,
                    "structure": str(c.structure),
                    "parent": c.parent,
                    "iteration": c.iteration,
                    "seed": c.seed,
                    "latency": {source: list(latency) for source, latency in c.latency.items()},
                }
                for c in self._pending.values()
            ],
        }

    def restore(self, state: dict[str, Any], known: Iterable[Structure]) -> None:
        """Continue from what `state` gave. known: the structures of all candidates until then but those pending."""
        self._last_id, self.tried, self.scored = state["last_id"], state["tried"], state["scored"]
        self.rejected = Counter(state["rejected"])
        self._pending = {one["id"]: self._read(one) for one in state.get("pending", ())}
        self.known = {*known, *(candidate.structure for candidate in self._pending.values())}

    def _read(self, stored: dict[str, Any]) -> Candidate:
        structure = read(stored["structure"])
        latency = {source: Latency(*values) for source, values in stored["latency"].items()}
        return Candidate(
            stored["id"],
            structure,
            stored["parent"],
            self._model(structure),
            stored["iteration"],
            stored["seed"],
            latency=latency,
        )


def generator_state(rng: Random) -> list[Any]:
    """The state of a random generator, as JSON."""
    version, internal, gauss = rng.getstate()
    return [version, list(internal), gauss]


def restore_generator(rng: Random, state: list[Any]) -> None:
    """Continue a random generator from what `generator_state` gave."""
    version, internal, gauss = state
    rng.setstate((version, tuple(internal), gauss))
