"""From a proposed structure to a candidate within the budget, or to the reason for its rejection.

This is what all strategies share: costs, the budget, latencies (checked last), duplicates, the numbers and seeds of
candidates, and the candidates that are being evaluated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

from latency.base import LatencyError
from PlainNet import Cost, Structure, StructureError
from PlainNet.cost import count_layers
from PlainNet.grammar import read
from PlainNet.lowering import MAX_WEIGHTS
from zennas.budget.memories import models_of
from zennas.budget.obeying import RuleModel
from zennas.common.limits import check_whole
from zennas.runs.candidate import Candidate, Latency
from zennas.searching.objectives.base import PartialObjective
from zennas.searching.start import within_budget

if TYPE_CHECKING:
    from zennas.budget.meters import Device
    from zennas.searching.strategies.base import Problem

PATIENCE = 2000
"""After this many rejected proposals in a row, `ask` returns nothing, so that progress can be shown and saved."""
MEASURED_PATIENCE = 3
"""The value of `PATIENCE` if latencies are measured, so that each proposal can take seconds."""
_NO_LATENCY: Mapping[str, Latency] = {}
_HOPELESS = 20
"""A search ends after this many structures in a row without a latency."""


class Admission:
    """Admits proposals as candidates, and counts the reasons for rejections.

    known: structures that are not admitted again, which are those of all candidates except forgotten ones, unless the
        problem evaluates repeated structures.
    epochs: how long the candidates from now on are trained; None for the epochs of the objective.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._budget, self._model, self._meters = problem.budget, problem.model, problem.meters
        self._memories = {
            name: (model, limit)
            for name, model in models_of(problem.model).items()
            if (limit := problem.budget.memories().get(name)) is not None
        }
        self._breaks = RuleModel(problem.model, problem.rules)
        objective = problem.objective
        self._absent = objective.absent if isinstance(objective, PartialObjective) else None
        self._without_latency = 0
        self._last_id = 0
        self.tried = 0
        self.scored = 0
        self.epochs: int | None = None
        self.rejected: Counter[str] = Counter()
        self.known: set[Structure] = set()
        self._pending: dict[int, Candidate] = {}
        predicted = all(meter.limit.predicted for meter in self._meters)
        self.patience = PATIENCE if predicted else MEASURED_PATIENCE

    @property
    def done(self) -> bool:
        """Whether all iterations or all evaluations have been used."""
        return self.tried >= self._problem.iterations or self._used

    @property
    def _used(self) -> bool:
        """Whether all evaluations have been used: by candidates with a score, and by those that are evaluated now."""
        evaluations = self._problem.evaluations
        return evaluations is not None and self.scored + self.out >= evaluations

    @property
    def pending(self) -> list[Candidate]:
        """The admitted candidates that have not been returned yet, oldest first."""
        return list(self._pending.values())

    @property
    def out(self) -> int:
        """The number of admitted candidates that have not been returned yet."""
        return len(self._pending)

    def first(self, rng: Random) -> Candidate:
        """Return the space's initial structure as a candidate, or a structure that fits the budget, mutated from it.

        Raises BudgetError if none is found, and LatencyError if the initial structure has no latency.
        """
        problem = self._problem
        structure, tried = within_budget(
            problem.space, self._model, self._budget, rng, self._meters, problem.rules, problem.watch
        )
        self.tried = min(tried, problem.iterations)
        self.rejected["start"] = self.tried  # used to get within the budget
        latency = {meter.limit.source: meter(structure) for meter in self._meters}
        return self._candidate(structure, None, self._model(structure), latency)

    def admitted(self, n: int, propose: Callable[[], tuple[Structure, int | None] | None]) -> list[Candidate]:
        """Return at most `n` candidates, made from what `propose` returns: a structure, and the id of its parent.

        Rejected proposals are counted. Fewer candidates are returned when all iterations have been used, after many
        rejections, and as soon as there is no proposal. Raises LatencyError if no latency could be determined for many
        structures in a row.
        """
        admitted: list[Candidate] = []
        rejected, deepest, iterations = self.rejected, self._budget.layers, self._problem.iterations
        refused = 0
        while len(admitted) < n and self.tried < iterations and refused < self.patience and not self._used:
            proposed = propose()
            if proposed is None:
                break
            structure, parent = proposed
            self.tried += 1
            if deepest is not None and count_layers(structure) > deepest:  # half of all children, and cheap to check
                rejected["layers"] += 1
                refused += 1
                continue
            candidate = self._checked(structure, parent)
            if candidate is None:
                refused += 1
            else:
                admitted.append(candidate)
        return admitted

    def _checked(self, structure: Structure, parent: int | None) -> Candidate | None:
        """Return the candidate of a structure with few enough layers, or None if it is rejected."""
        try:
            cost = self._model(structure)
        except StructureError:
            self.rejected["broken"] += 1
            return None
        violated = self._violation(structure, cost) or self._refused(structure)
        if violated is not None:
            self.rejected[violated] += 1
            return None
        latency = self._latency(structure) if self._meters else _NO_LATENCY
        return None if latency is None else self._candidate(structure, parent, cost, latency)

    def again(self, candidate: Candidate) -> Candidate:
        """Return a new candidate with the structure of an earlier one, which is its parent."""
        self.tried += 1
        return self._candidate(candidate.structure, candidate.id, candidate.cost, candidate.latency)

    def _violation(self, structure: Structure, cost: Cost) -> str | None:
        """The limit that a structure is over, but for layers and latencies, or "rules"."""
        if cost.params > MAX_WEIGHTS:  # it could be neither confirmed nor built
            return "broken"
        violated = self._budget.violation(cost)
        if violated is not None:
            return violated
        for name, (model, limit) in self._memories.items():
            if model(structure) > limit:
                return name
        return "rules" if self._breaks(structure) else None

    def _refused(self, structure: Structure) -> str | None:
        """The reason for which a structure is rejected that does not depend on its costs."""
        if not self._problem.repeats and structure in self.known:
            return "duplicate"
        return None if self._absent is None else self._absent(structure)

    def fits(self, structure: Structure) -> bool:
        """Return whether a structure meets all limits that are known without measuring; it is not counted."""
        budget = self._budget
        if budget.layers is not None and count_layers(structure) > budget.layers:
            return False
        try:
            cost = self._model(structure)
            if self._violation(structure, cost) is not None:
                return False
            return all(self._holds(meter, structure) for meter in self._meters if meter.limit.predicted)
        except (StructureError, LatencyError):
            return False

    def _holds(self, meter: Device, structure: Structure) -> bool:
        within = meter(structure).ms <= meter.limit.ms
        return within and not (self._budget.within_profile and meter.beyond(structure))

    def admissible(self, structure: Structure) -> bool:
        """Return whether a structure fits, and would not be rejected as a duplicate or as absent from a table."""
        return self._refused(structure) is None and self.fits(structure)

    def returned(self, candidate: Candidate) -> bool:
        """Record that a candidate has been evaluated, and return whether it was scored."""
        self._pending.pop(candidate.id, None)
        if candidate.error is not None:
            self.rejected["failed"] += 1
            return False
        self.scored += 1
        return True

    def forget(self, candidate: Candidate) -> None:
        """Allow the structure of a candidate to be proposed again, because the candidate was not kept."""
        self.known.discard(candidate.structure)

    def _latency(self, structure: Structure) -> dict[str, Latency] | None:
        """Latencies by source; None if one is over the budget or missing. Raises LatencyError after many failures."""
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
            if not latency.ms <= limit.ms:  # so that NaN never fits
                self.rejected[f"latency {limit.label}"] += 1
                return None
            if self._budget.within_profile and meter.beyond(structure):
                self.rejected[f"outside profile {limit.label}"] += 1
                return None
            found[limit.source] = latency
        self._without_latency = 0
        return found

    def _candidate(
        self, structure: Structure, parent: int | None, cost: Cost, latency: Mapping[str, Latency]
    ) -> Candidate:
        self._last_id += 1
        # Random scores depend only on the seed of the run and the number of the candidate, not on the process.
        seed = (self._problem.seed * 1_000_003 + self._last_id) % 2**63
        made = Candidate(self._last_id, structure, parent, cost, self.tried, seed, latency=latency, epochs=self.epochs)
        self._pending[made.id] = made
        self.known.add(structure)
        return made

    # -- saving ------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return the counters and the candidates that are being evaluated, as JSON."""
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
                    **({} if c.epochs is None else {"epochs": c.epochs}),
                }
                for c in self._pending.values()
            ],
        }

    def restore(self, state: dict[str, Any], known: Iterable[Structure]) -> None:
        """Continue from a `state`. known: the structures of all earlier candidates, without the pending ones.

        Raises KeyError, TypeError or ValueError if it is not such a state.
        """
        for name in ("last_id", "tried", "scored"):
            check_whole(name, state[name], ValueError, least=0)
        self._last_id, self.tried, self.scored = state["last_id"], state["tried"], state["scored"]
        self.rejected = Counter(state["rejected"])
        self._pending = {one["id"]: self._read(one) for one in state.get("pending", ())}
        self.known = {*known, *(candidate.structure for candidate in self._pending.values())}

    def _read(self, stored: dict[str, Any]) -> Candidate:
        structure = read(stored["structure"])
        for name, least in (("id", 1), ("iteration", 0), ("seed", 0)):
            check_whole(name, stored[name], ValueError, least=least, most=2**63 - 1)
        epochs = stored.get("epochs")
        if epochs is not None:
            check_whole("epochs", epochs, ValueError)
        latency = {source: Latency(*values) for source, values in stored["latency"].items()}
        return Candidate(
            stored["id"],
            structure,
            stored["parent"],
            self._model(structure),
            stored["iteration"],
            stored["seed"],
            latency=latency,
            epochs=epochs,
        )


def generator_state(rng: Random) -> list[Any]:
    """Return the state of a random generator as JSON."""
    version, internal, gauss = rng.getstate()
    return [version, list(internal), gauss]


def restore_generator(rng: Random, state: list[Any]) -> None:
    """Set the state of a random generator to one from `generator_state`."""
    version, internal, gauss = state
    rng.setstate((version, tuple(internal), gauss))
