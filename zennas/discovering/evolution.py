"""The evolution of programs, generation by generation, as in EZNAS (Akhauri et al., NeurIPS 2022).

The first generation is random. Of each later one, half are children of tournaments' winners, by one-point crossover,
mutation of a subtree, or as copies, and half are new random programs. A program that is not valid is replaced by a new
one. Each generation is evaluated on networks that are drawn anew, so that copies have another fitness. What is random
depends on nothing but the seed and the number of the generation. This file does not import torch by itself.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from zennas.discovering.choices import EvolutionSettings
from zennas.discovering.errors import DiscoveryError
from zennas.discovering.evaluation import values_of_trees
from zennas.discovering.fitness import EQUAL, Fitness, Task, fitness
from zennas.discovering.grammar import drawing
from zennas.discovering.selection import Entrant, Genome, parents
from zennas.discovering.tasks import drawn_networks, part_of
from zennas.discovering.workers import Evaluate
from ZeroShotProxy.programs.sequential import Sequential
from ZeroShotProxy.programs.tree import Tree

G = TypeVar("G")


class Variation(Protocol[G]):
    """How programs of one form are drawn and varied: `grammar.Grammar` and `registers.Registers`."""

    settings: EvolutionSettings

    def random(self) -> G: ...

    def crossed(self, first: G, second: G) -> G: ...

    def mutated(self, parent: G, /) -> G: ...


ORIGINS = ("random", "crossover", "mutation", "copy", "replacement")
"""Where programs come from; a replacement is a random program instead of one that is not valid."""


@dataclass(frozen=True)
class Member:
    """A valid program of a generation.

    origin: one of `ORIGINS`. taus: Kendall's tau-b of each task. lines: the program whose tree this is, in searches for
    sequential ones.
    """

    tree: Tree
    origin: str
    taus: tuple[float, ...]
    lines: Sequential | None = None

    @property
    def value(self) -> float:
        """The fitness: the smallest of `taus`."""
        return min(self.taus)


@dataclass(frozen=True)
class Generation:
    """A generation.

    number: from 1. draws: for each task, the positions of the networks that it was evaluated on. evaluated: the number
    of programs, with those that are not valid. constant, failing: how many were not valid because all scores are equal,
    and for other reasons. lacking: how many places are empty, as no try gave a valid program.
    """

    number: int
    draws: tuple[tuple[int, ...], ...]
    members: tuple[Member, ...]
    evaluated: int
    constant: int
    failing: int
    lacking: int


def next_generation(
    before: Generation | None,
    tasks: Sequence[Task],
    grammar: Variation[Any],
    evaluate: Evaluate = values_of_trees,
    costs: Mapping[str, float] | None = None,
) -> Generation:
    """Return the generation after `before`, or the first one.

    evaluate: what gives the values of trees. costs: see `selection.parents`.

    Raises DiscoveryError if no try gives a valid program, and what `fitness.fitness` raises.
    """
    settings = grammar.settings
    number = 1 if before is None else before.number + 1
    draws = tuple(drawn_networks(task, settings, number) for task in tasks)
    seen = [part_of(task, positions) for task, positions in zip(tasks, draws, strict=True)]
    with drawing(settings.seed, number):
        drafts = _first(grammar) if before is None else _offspring(before, grammar, costs)
    members: list[Member | None] = [None] * len(drafts)
    evaluated = constant = failing = 0
    for attempt in range(settings.tries + 1):
        places = [i for i, member in enumerate(members) if member is None]
        if not places:
            break
        if attempt:
            with drawing(settings.seed, number, attempt):
                for i in places:
                    drafts[i] = _Draft(grammar.random(), "replacement")
        found = fitness([drafts[i].tree for i in places], seen, evaluate, settings.sizes)
        for i, one in zip(places, found, strict=True):
            if one.reason is None:
                members[i] = Member(drafts[i].tree, drafts[i].origin, one.taus, drafts[i].lines)
        evaluated += len(found)
        constant += sum(_constant(one) for one in found)
        failing += sum(one.reason is not None and not _constant(one) for one in found)
    valid = tuple(member for member in members if member is not None)
    if not valid:
        raise DiscoveryError(
            f"none of {evaluated} programs of generation {number} is valid: {constant} give equal scores, and "
            f"{failing} fail; use more tries, less depth, or other networks"
        )
    return Generation(number, draws, valid, evaluated, constant, failing, len(members) - len(valid))


class _Draft(NamedTuple):
    """A program that has not been evaluated."""

    program: Genome
    origin: str

    @property
    def tree(self) -> Tree:
        return self.program.tree if isinstance(self.program, Sequential) else self.program

    @property
    def lines(self) -> Sequential | None:
        return self.program if isinstance(self.program, Sequential) else None


def _first(grammar: Variation[Any]) -> list[_Draft]:
    return [_Draft(grammar.random(), "random") for _ in range(grammar.settings.population)]


def _offspring(before: Generation, grammar: Variation[Any], costs: Mapping[str, float] | None) -> list[_Draft]:
    settings = grammar.settings
    entrants = [Entrant(member.lines or member.tree, member.tree, member.value) for member in before.members]
    chosen = parents(entrants, settings, costs)
    children = [_child(chosen, grammar) for _ in range(settings.offspring // 2)]
    return children + [_Draft(grammar.random(), "random") for _ in range(settings.offspring - len(children))]


def _child(chosen: Sequence[Genome], grammar: Variation[Any]) -> _Draft:
    """One child, as DEAP's `varOr` makes it."""
    settings, kind = grammar.settings, random.random()
    if kind < settings.crossover:
        # NSGA-II chooses no program twice, so it may leave one alone.
        first, second = random.sample(chosen, 2) if len(chosen) > 1 else (chosen[0], chosen[0])
        return _Draft(grammar.crossed(first, second), "crossover")
    parent = random.choice(chosen)
    if kind < settings.crossover + settings.mutation:
        return _Draft(grammar.mutated(parent), "mutation")
    return _Draft(parent, "copy")


def _constant(found: Fitness) -> bool:
    return found.reason is not None and found.reason.endswith(EQUAL)
