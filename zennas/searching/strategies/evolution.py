"""Evolution as in Zen-NAS: mutate a random member of the population, drop the worst.

Differences to Zen-NAS: the structure that the search starts from is a member itself and need not fit
the budget (the search walks down from it first), and a structure that has been a member is not
scored again. Latencies are asked for last, of structures that fit otherwise and are new.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from latency.base import LatencyError
from PlainNet import Cost, Structure, StructureError
from PlainNet.cost import CostModel, count_layers
from PlainNet.grammar import read
from SearchSpace import SearchSpace
from zennas.budget.budgets import Budget
from zennas.budget.meters import Device
from zennas.runs.candidate import Candidate, Latency
from zennas.searching.start import within_budget

FOUNDERS = 10
"""As long as the population is no larger, children are mutations of the first structure. A population that
can hold no more evolves once it is full."""

_PATIENCE = 2000
"""Rejected proposals in a row after which `ask` comes back empty, so that progress is seen and saved."""
_MEASURED_PATIENCE = 3
"""The same where each may take seconds, because its latency is measured."""
_HOPELESS = 20
"""So many structures in a row without a latency end a search."""


class Evolution:
    """A steady-state population of at most `population_size`, see the module's first lines.

    All random choices come from one generator seeded with `seed`. devices: tell the latencies that the budget limits.
    """

    def __init__(
        self,
        space: SearchSpace,
        model: CostModel,
        budget: Budget,
        devices: Sequence[Device] = (),
        *,
        iterations: int,
        population_size: int,
        seed: int,
    ) -> None:
        self._space = space
        self._model = model
        self._budget = budget
        self._devices = devices
        self._patience = _PATIENCE if all(device.limit.predicted for device in devices) else _MEASURED_PATIENCE
        self._without_latency = 0
        self._iterations = iterations
        self._population_size = population_size
        self._founders = min(FOUNDERS, population_size - 1)
        self._seed = seed
        self._rng = Random(seed)
        self._first: Structure | None = None
        self._last_id = 0
        self._tried = 0
        self.scored = 0
        self.rejected: Counter[str] = Counter()
        self._population: list[Candidate] = []
        self._worst: list[tuple[float, int, int]] = []  # a heap of (fitness, id, position in the population)
        self._members: set[Structure] = set()  # also of members since dropped
        self._changes: list[Candidate] = []

    # -- Search ------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        return self._tried >= self._iterations

    @property
    def tried(self) -> int:
        return self._tried

    @property
    def population(self) -> Sequence[Candidate]:
        return self._population

    def ask(self, n: int) -> list[Candidate]:
        if self._first is None:
            self._first, tried = within_budget(self._space, self._model, self._budget, self._rng, self._devices)
            self._tried = min(tried, self._iterations)
            self.rejected["start"] = self._tried  # spent on the way down to the budget
            latency = {device.limit.source: device(self._first) for device in self._devices}
            return [self._candidate(self._first, None, self._model(self._first), latency)]
        asked: list[Candidate] = []
        refused = 0
        while len(asked) < n and self._tried < self._iterations and refused < self._patience:
            self._tried += 1
            candidate = self._propose(asked)
            if candidate is None:
                refused += 1
            else:
                asked.append(candidate)
        return asked

    def tell(self, candidates: Iterable[Candidate]) -> None:
        for candidate in candidates:
            if candidate.fitness is None:
                self.rejected["failed"] += 1
                self._changes.append(replace(candidate, status="failed"))
                continue
            self.scored += 1
            member = replace(candidate, status="member")
            if len(self._population) < self._population_size:
                heapq.heappush(self._worst, (candidate.fitness, candidate.id, len(self._population)))
                self._population.append(member)
            elif candidate.fitness > self._worst[0][0]:
                _, _, position = self._worst[0]
                self._changes.append(replace(self._population[position], status="dropped"))
                heapq.heapreplace(self._worst, (candidate.fitness, candidate.id, position))
                self._population[position] = member
            else:
                self.rejected["score"] += 1
                continue
            self._members.add(candidate.structure)
            self._changes.append(member)

    def take_changes(self) -> list[Candidate]:
        changes, self._changes = self._changes, []
        return changes

    def state(self) -> dict[str, Any]:
        version, internal, gauss = self._rng.getstate()
        return {
            "rng": [version, list(internal), gauss],
            "first": None if self._first is None else str(self._first),
            "last_id": self._last_id,
            "tried": self._tried,
            "scored": self.scored,
            "rejected": dict(self.rejected),
            "population": [candidate.id for candidate in self._population],
        }

    def restore(self, state: dict[str, Any], candidates: Iterable[Candidate]) -> None:
        version, internal, gauss = state["rng"]
        self._rng.setstate((version, tuple(internal), gauss))
        self._first = None if state["first"] is None else read(state["first"])
        self._last_id = state["last_id"]
        self._tried = state["tried"]
        self.scored = state["scored"]
        self.rejected = Counter(state["rejected"])
        known = {candidate.id: candidate for candidate in candidates if candidate.fitness is not None}
        self._members = {candidate.structure for candidate in known.values()}
        self._population = [known[i] for i in state["population"]]
        self._worst = [(c.fitness, c.id, i) for i, c in enumerate(self._population) if c.fitness is not None]
        heapq.heapify(self._worst)
        self._changes = []

    # -- proposals ---------------------------------------------------------------------------

    def _propose(self, asked: Sequence[Candidate]) -> Candidate | None:
        """A mutated structure, or None where it was rejected."""
        rng, population = self._rng, self._population
        if len(population) <= self._founders:
            assert self._first is not None  # the first ask sets it
            parent, structure = 1, self._space.mutate(self._first, rng)
        else:
            chosen = population[int(rng.random() * len(population))]
            parent, structure = chosen.id, self._space.mutate(chosen.structure, rng, changes=2)
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
        if structure in self._members or any(structure == other.structure for other in asked):
            self.rejected["duplicate"] += 1
            return None
        latency = self._latency(structure) if self._devices else {}
        return None if latency is None else self._candidate(structure, parent, cost, latency)

    def _latency(self, structure: Structure) -> dict[str, Latency] | None:
        """By source; None where one is over the budget, or not to be had. Raises LatencyError where none ever is."""
        found: dict[str, Latency] = {}
        for device in self._devices:
            limit = device.limit
            try:
                latency = device(structure)
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
        seed = (self._seed * 1_000_003 + self._last_id) % 2**63
        return Candidate(self._last_id, structure, parent, cost, self._tried, seed, latency=latency)
