"""The comparison of what a search has found, on networks that it has not seen. This file does not import torch itself.

The tau of 20 networks is a rough estimate, and the best of hundreds of programs are those that were lucky. They are
therefore ranked again on held-out networks, beside the published programs, FLOPs and the number of parameters. The tau
of the first of them is still a little too high, as it was chosen by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from PlainNet import Cost, cost, lower
from PlainNet.sizes import Size, size_of
from zennas.correlation.statistics import Estimate, statistics_of
from zennas.discovering.cache import Cache, Stored
from zennas.discovering.choices import EvolutionSettings
from zennas.discovering.costs import cost_of
from zennas.discovering.evaluation import values_of_trees
from zennas.discovering.evolution import Generation
from zennas.discovering.fitness import Task, fitness, kendall
from zennas.discovering.selection import by_front, front_of
from zennas.discovering.settings import CollectingSettings
from zennas.discovering.workers import Evaluate
from ZeroShotProxy.programs.errors import ProgramError
from ZeroShotProxy.programs.files import load, published
from ZeroShotProxy.programs.running import Program
from ZeroShotProxy.programs.together import Value
from ZeroShotProxy.programs.tree import Tree, parse, size
from ZeroShotProxy.programs.tree import statistics_of as read_by
from ZeroShotProxy.programs.vectors import score_of

COSTS = ("flops", "params")


@dataclass(frozen=True)
class Final:
    """How well something ranks the held-out networks.

    name: of a published program or a cost, or the text of a program that was found. taus: Kendall's tau-b of each task
    with its interval; empty if there is a `reason` why it does not rank all networks. nodes: of the program; 0 for a
    cost. scores: of the networks of each task; empty if there is a reason. microseconds: what it costs on a unit, see
    `costs.py`, if the search asks for it. point: its number in the front of those with a high tau and a low cost, from
    1, or None.
    """

    name: str
    taus: tuple[Estimate, ...]
    nodes: int
    reason: str | None = None
    scores: tuple[tuple[float, ...], ...] = ()
    microseconds: float | None = None
    point: int | None = None

    @property
    def value(self) -> float | None:
        """The smallest tau, or None if there is none."""
        return min(tau.value for tau in self.taus) if self.reason is None else None

    def to_json(self) -> dict[str, Any]:
        found = {
            "name": self.name,
            "value": self.value,
            "taus": [tau.to_json() for tau in self.taus],
            "nodes": self.nodes,
            "reason": self.reason,
            "scores": [[float(f"{score:.7g}") for score in of_task] for of_task in self.scores],  # as torch's precision
        }
        return found if self.microseconds is None else {**found, "us": self.microseconds, "point": self.point}


def finalists(
    generations: Sequence[Generation],
    tasks: Sequence[Task],
    settings: EvolutionSettings,
    evaluate: Evaluate = values_of_trees,
    costs: Mapping[str, float] | None = None,
) -> list[Tree]:
    """Return the programs to compare: the best of the last generation, and the best of all, none twice.

    Of programs of a generation with equal taus in all tasks, which mostly rank networks alike, only the smallest is
    one of them. With `settings.candidates`, so many of either kind are ranked again by their fitness on all networks of
    the tasks, and the best of these are compared, as many as otherwise.

    evaluate: what gives the values of trees. costs: of operations; with them, as many more that NSGA-II selects among
    all. Raises what `fitness.Race` raises.
    """
    count = settings.finals
    best = _both(generations, max(count, settings.candidates))
    if settings.candidates:
        best = _ranked_again(best, tasks, settings, evaluate)[: 2 * count]
    if costs is not None:
        met = {(member.tree, member.value) for generation in generations for member in generation.members}
        ordered = sorted(met, key=lambda one: (-one[1], str(one[0])))
        best += [tree for tree, _ in by_front(ordered, count, lambda one: (one[1], cost_of(one[0], costs)))]
    return list(dict.fromkeys(best))


def _both(generations: Sequence[Generation], count: int) -> list[Tree]:
    return list(dict.fromkeys([*_best(generations[-1:], count), *_best(generations, count)]))


def _ranked_again(
    trees: Sequence[Tree], tasks: Sequence[Task], settings: EvolutionSettings, evaluate: Evaluate
) -> list[Tree]:
    """The trees from the best fitness on all networks to the worst, of equal taus the smallest; all if none is valid.

    A generation sees few networks, so that the best of hundreds of programs are those that were lucky.
    """
    found = list(zip(trees, fitness(trees, tasks, evaluate, settings.sizes), strict=True))
    valid = [(tree, one) for tree, one in found if one.reason is None]
    valid.sort(key=lambda one: (-min(one[1].taus), size(one[0])))
    alike: dict[tuple[float, ...], Tree] = {}
    for tree, one in valid:
        alike.setdefault(one.taus, tree)
    return list(alike.values()) or list(trees)


def with_costs(programs: Sequence[Final], costs: Mapping[str, float]) -> list[Final]:
    """Return the programs with their costs, and with their numbers if they are points of the front."""
    costed = [replace(one, microseconds=round(cost_of(parse(one.name), costs), 1)) for one in programs]
    front = front_of([one for one in costed if one.reason is None], lambda one: (one.value or 0, one.microseconds or 0))
    points = {one.name: number for number, one in enumerate(front, start=1)}
    return [replace(one, point=points.get(one.name)) for one in costed]


def compared(
    trees: Sequence[Tree],
    held_out: Sequence[Task],
    settings: EvolutionSettings,
    evaluate: Evaluate = values_of_trees,
) -> list[Final]:
    """Return the programs from the best on the held-out networks to the worst; of equal ones, the smaller is first.

    Those that are not valid are the last. evaluate: what gives the values of trees. Raises what that raises.
    """
    scores = [evaluate(trees, task.networks) for task in held_out]
    found = [
        _final(str(tree), size(tree), [of_task[i] for of_task in scores], held_out, settings)
        for i, tree in enumerate(trees)
    ]
    return sorted(found, key=lambda one: (one.value is None, -(one.value or 0), one.nodes))


def references(held_out: Sequence[Task], settings: EvolutionSettings, collected: CollectingSettings) -> list[Final]:
    """Return how well the published programs and costs rank the held-out networks."""
    found = [_published(name, held_out, settings, collected) for name in published()]
    for name in COSTS:
        scores: list[list[Value]] = [
            [float(getattr(_cost(network), name)) for network in task.networks] for task in held_out
        ]
        found.append(_final(name, 0, scores, held_out, settings))
    return found


def _best(generations: Iterable[Generation], count: int) -> list[Tree]:
    """The best programs by their best fitness; of equal ones, the smaller is first."""
    met = [(generation.number, member) for generation in generations for member in generation.members]
    met.sort(key=lambda one: (-one[1].value, size(one[1].tree)))
    alike: dict[tuple[int, tuple[float, ...]], Tree] = {}
    for number, member in met:
        alike.setdefault((number, member.taus), member.tree)
    return list(dict.fromkeys(alike.values()))[:count]


def _final(
    name: str, nodes: int, scores: Sequence[Sequence[Value]], tasks: Sequence[Task], settings: EvolutionSettings
) -> Final:
    taus, known = [], []
    for of_task, task in zip(scores, tasks, strict=True):
        tau = kendall(of_task, task.accuracies)
        if isinstance(tau, str):
            return Final(name, (), nodes, f"task {task.name}: {tau}")
        numbers = [value for value in of_task if not isinstance(value, str)]
        found = statistics_of(numbers, task.accuracies, resamples=settings.resamples, seed=settings.seed).kendall
        if found is None:
            return Final(name, (), nodes, f"task {task.name}: no resample has different scores and accuracies")
        taus.append(found)
        known.append(tuple(numbers))
    return Final(name, tuple(taus), nodes, scores=tuple(known))


def _published(name: str, tasks: Sequence[Task], settings: EvolutionSettings, collected: CollectingSettings) -> Final:
    found = load(name)
    program = found.program
    if found.closed_form:  # which need no statistics that were collected
        of_tasks = [[_in_closed_form(program, network) for network in task.networks] for task in tasks]
        return _final(name, size(program.tree), of_tasks, tasks, settings)
    reason = _unsuited(program, collected)
    if reason is not None:
        return Final(name, (), size(program.tree), reason)
    scores = [values_of_trees([program.tree], task.networks, program.to_scalar)[0] for task in tasks]
    return _final(name, size(program.tree), scores, tasks, settings)


def _unsuited(program: Program, collected: CollectingSettings) -> str | None:
    """Why a program cannot be evaluated on these statistics."""
    lacking = sorted(read_by(program.tree) - set(collected.statistics))
    if lacking:
        return f"it reads {lacking[0]}, which has not been collected"
    if program.perturbed != collected.perturbed and any("perturbed" in name for name in read_by(program.tree)):
        return f"its perturbed statistics are of the kind {program.perturbed}, not {collected.perturbed}"
    if program.units != collected.units:
        return f"its units are {program.units}, not {collected.units}"
    return None


def _in_closed_form(program: Program, network: Stored) -> Value:
    resolution, settings = _collected(network.path.parent)
    graph = lower(network.structure, resolution=resolution, num_classes=settings.num_classes, options=settings.options)
    try:
        return score_of(program, graph)
    except ProgramError as error:
        return str(error)


def _cost(network: Stored) -> Cost:
    """The cost of a network as its statistics were collected."""
    resolution, settings = _collected(network.path.parent)
    return cost(network.structure, resolution=resolution, num_classes=settings.num_classes, use_se=settings.use_se)


@lru_cache(maxsize=16)
def _collected(folder: Path) -> tuple[Size, CollectingSettings]:
    cache = Cache(folder)
    return size_of(*cache.head["images"]["shape"][-2:]), cache.settings
