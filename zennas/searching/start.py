"""Finding a first structure within a budget, or reporting how close the space gets to it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple, cast

from latency.base import LatencyError
from PlainNet import Cost, Structure, StructureError
from PlainNet.cost import CostModel
from PlainNet.deployed.deploy import deploy
from PlainNet.lowering import lower
from SearchSpace import DecisionSpace, SearchSpace
from zennas.budget.budgets import Budget, BudgetError
from zennas.budget.memories import BytesOf, models_of
from zennas.budget.meters import Device
from zennas.budget.obeying import RuleModel, broken_rules
from zennas.budget.rules import NO_RULES, Rules
from zennas.common.numbers import counted
from zennas.common.progress import WorkProgress, unwatched

TELLING = 0.2
"""Seconds between two reports of the progress."""
PATIENCE = 3000
"""Mutations without improvement after which the search for the smallest structure ends."""
EACH, FEW_NEIGHBOURS = 6, 750
"""How often each neighbour is tried in a space of decisions, and the least patience there."""
MEASURED_PATIENCE = 60
"""The value of `PATIENCE` if latencies are measured, so that each mutation takes about a second."""


def within_budget(
    space: SearchSpace,
    model: CostModel,
    budget: Budget,
    rng: Random,
    devices: Sequence[Device] = (),
    rules: Rules = NO_RULES,
    progress: WorkProgress = unwatched,
) -> tuple[Structure, int]:
    """Return a structure within the budget and the number of mutations tried; the search starts at the space's initial
    one.

    progress: called a few times a second with the number of mutations since the last improvement, and how many of these
    end the search; the note says what the closest network has.

    Raises BudgetError naming the smallest costs and latencies that were found, and LatencyError if the initial
    structure has no latency.
    """
    breaks = RuleModel(model, rules)
    found = _descend(space, model, _Limits(budget, devices, models_of(model), breaks), rng, progress)
    if found.excess <= 1:
        return found.structure, found.tried
    tried = found.tried
    unmet, way_out = [*_unruly(space, model, breaks, rng)] if rules else [], ""
    parts = _single(budget, devices, models_of(model))
    for limits in parts:
        alone = len(parts) == 1 and not rules and not budget.within_profile
        least = found if alone else _descend(space, model, limits, rng, progress)
        tried += 0 if alone else least.tried
        if least.excess > 1:
            unmet.append(f"{limits} (the smallest found has {limits.values(least.structure, least.cost)})")
            if limits.budget.ram is not None:
                way_out = _less_ram(space)
    if unmet:
        raise BudgetError(
            f"nothing in search space {space.name} has {' or '.join(unmet)}; {tried:,} mutations tried{way_out}"
        )
    reached = ", ".join(f"{part.names} {part.values(found.structure, found.cost)}" for part in parts)
    raise BudgetError(
        f"nothing in search space {space.name} meets all of {budget}, though each limit alone can be met; "
        f"the closest found has {reached}; {tried:,} mutations tried"
    )


def _less_ram(space: SearchSpace) -> str:
    """How to reach networks of less RAM than mutations do: in open spaces, they do not add strides."""
    smaller = "; for less RAM, give a smaller --resolution"
    return smaller if isinstance(space, DecisionSpace) else f"{smaller}, or an --initial structure with larger strides"


@dataclass(frozen=True)
class _Limits:
    """Limits of costs, memories and latencies to reach."""

    budget: Budget
    devices: Sequence[Device]
    memories: Mapping[str, BytesOf]
    breaks: BytesOf | None = None

    def excess(self, structure: Structure, cost: Cost) -> float:
        """The largest ratio to a limit; at most 1 if all limits are met."""
        latencies = (device(structure).ms / device.limit.ms for device in self.devices)
        excess = max(self.budget.excess(cost), max(latencies, default=0.0))
        for name, limit in self.budget.memories().items():
            excess = max(excess, self.memories[name](structure) / limit)
        if self.breaks is not None and (broken := self.breaks(structure)):  # each that is mended is a step as well
            excess = max(excess, 1.0) + broken
        if self.budget.within_profile:  # each line that the mutations remove is a step towards the range
            beyond = sum(len(device.beyond(structure)) for device in self.devices)
            excess = max(excess, 1.0) + beyond if beyond else excess
        return excess

    def reached(self, structure: Structure, cost: Cost) -> str:
        """What a structure has of everything that is limited, such as `ram 442,368 bytes`."""
        counts = [f"{name} {getattr(cost, name):,}" for name in self.budget.limits()]
        counts += [f"{name} {self.memories[name](structure):,} bytes" for name in self.budget.memories()]
        counts += [f"{device(structure).ms:.3g} ms on {device.limit.label}" for device in self.devices]
        if self.breaks is not None and self.breaks(structure):
            counts.append(f"{counted(self.breaks(structure), 'operator')} against the rules")
        return ", ".join(counts)

    @property
    def names(self) -> str:
        devices = (f"latency on {device.limit.label}" for device in self.devices)
        return ", ".join([*self.budget.limits(), *self.budget.memories(), *devices])

    def values(self, structure: Structure, cost: Cost) -> str:
        counts = [f"{getattr(cost, name):,}" for name in self.budget.limits()]
        counts += [f"{self.memories[name](structure):,} bytes" for name in self.budget.memories()]
        return ", ".join([*counts, *(f"{device(structure).ms:.3g} ms" for device in self.devices)])

    def __str__(self) -> str:
        counts = [f"{name} ≤ {limit:,}" for name, limit in self.budget.limits().items()]
        counts += [f"{name} ≤ {limit:,} bytes" for name, limit in self.budget.memories().items()]
        return ", ".join([*counts, *(str(device.limit) for device in self.devices)])


def _single(budget: Budget, devices: Sequence[Device], memories: Mapping[str, BytesOf]) -> list[_Limits]:
    """Each limit by itself."""
    given = {**budget.limits(), **budget.memories()}
    counts = [_Limits(Budget(**cast(dict[str, Any], {name: limit})), (), memories) for name, limit in given.items()]
    return [*counts, *(_Limits(Budget(), (device,), memories) for device in devices)]


def _unruly(space: SearchSpace, model: CostModel, breaks: RuleModel, rng: Random) -> Iterator[str]:
    """What keeps the structures of a space from obeying rules, if none does."""
    least = _descend(space, model, _Limits(Budget(), (), {}, breaks), rng)
    if least.excess > 1:
        graph = lower(
            space.initial(), resolution=model.resolution, num_classes=model.num_classes, options=model.options
        )
        first = broken_rules(deploy(graph), breaks.rules)[0]
        yield f"only operators that are allowed ({first}; use another search space)"


class _Found(NamedTuple):
    structure: Structure
    cost: Cost
    excess: float
    tried: int


def _patience(space: SearchSpace) -> int:
    """In a space of decisions, enough to change each of them to each option several times."""
    if not isinstance(space, DecisionSpace):
        return PATIENCE
    neighbours = sum(len(decision.options) - 1 for decision in space.decisions())
    return min(PATIENCE, max(FEW_NEIGHBOURS, EACH * neighbours))


def _descend(
    space: SearchSpace, model: CostModel, limits: _Limits, rng: Random, progress: WorkProgress = unwatched
) -> _Found:
    """Reduce the excess by mutations until all limits are met, or until patience runs out."""
    patience = _patience(space) if all(device.limit.predicted for device in limits.devices) else MEASURED_PATIENCE
    structure = space.initial()
    cost = model(structure)
    excess = limits.excess(structure, cost)
    tried = since = 0
    told = time.monotonic()
    while excess > 1 and since < patience:
        tried += 1
        since += 1
        if time.monotonic() - told > TELLING:
            progress(since, patience, f"the closest has {limits.reached(structure, cost)}")
            told = time.monotonic()
        candidate = space.mutate(structure, rng)
        try:
            candidate_cost = model(candidate)
            candidate_excess = limits.excess(candidate, candidate_cost)
        except (StructureError, LatencyError):
            continue
        if candidate_excess < excess:
            since = 0
        if candidate_excess <= excess:
            structure, cost, excess = candidate, candidate_cost, candidate_excess
    return _Found(structure, cost, excess, tried)
