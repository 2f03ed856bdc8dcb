"""The evolution of programs, generation by generation, as in EZNAS (Akhauri et al., NeurIPS 2022).

The first generation is random. Of each later one, half are children of tournaments' winners, by one-point crossover,
mutation of a subtree, or as copies, and half are new random programs. A program that is not valid is replaced by a new
one. Each generation is evaluated on networks that are drawn anew, so that copies have another fitness. What is random
depends on nothing but the seed and the number of the generation. This file does not import torch by itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from zennas.discovering.choices import EvolutionSettings
from zennas.discovering.errors import DiscoveryError
from zennas.discovering.evaluation import values_of_trees
from zennas.discovering.fitness import EQUAL, Fitness, Race, Task
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


AHEAD = 5
"""So many tries begin together. Of six random programs, about one is valid."""
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

    Raises DiscoveryError if no try gives a valid program, and what `fitness.Race` raises.
    """
    settings = grammar.settings
    number = 1 if before is None else before.number + 1
    draws = tuple(drawn_networks(task, settings, number) for task in tasks)
    seen = [part_of(task, positions) for task, positions in zip(tasks, draws, strict=True)]
    with drawing(settings.seed, number):
        drafts = _first(grammar) if before is None else _offspring(before, grammar, costs)

    def drawn(place: int, attempt: int) -> Draft:
        with drawing(settings.seed, number, attempt, place):
            return Draft(grammar.random(), "replacement")

    met = filled(drafts, Race(seen, evaluate, settings.sizes), drawn, settings.tries)
    last = [of_place[-1] for of_place in met]
    valid = tuple(
        Member(draft.tree, draft.origin, found.taus, draft.lines) for draft, found in last if found.reason is None
    )
    every = [found for of_place in met for _, found in of_place]
    evaluated, constant = len(every), sum(map(_constant, every))
    failing = sum(found.reason is not None for found in every) - constant
    if not valid:
        raise DiscoveryError(
            f"none of {evaluated} programs of generation {number} is valid: {constant} give equal scores, and "
            f"{failing} fail; use more tries, less depth, or other networks"
        )
    return Generation(number, draws, valid, evaluated, constant, failing, len(met) - len(valid))


class Draft(NamedTuple):
    """A program that has not been evaluated."""

    program: Genome
    origin: str

    @property
    def tree(self) -> Tree:
        return self.program.tree if isinstance(self.program, Sequential) else self.program

    @property
    def lines(self) -> Sequential | None:
        return self.program if isinstance(self.program, Sequential) else None


def filled(
    drafts: Sequence[Draft], race: Race, drawn: Callable[[int, int], Draft], tries: int
) -> list[list[tuple[Draft, Fitness]]]:
    """Return for each place of a generation the programs that are tried, in order, of which only the last can be valid.

    drafts: the first program of each place. drawn: gives another one, by the place and the number of the try. tries:
    how many there are at most. Programs of several tries begin together, until each place has one that may be valid;
    these are finished together. That reads statistics less often than one try after the other. What is not reached has
    not been tried.
    """
    met: list[list[tuple[Draft, Fitness]]] = [[] for _ in drafts]
    waiting, done = [[draft] for draft in drafts], [0] * len(drafts)
    race.begin([draft.tree for draft in drafts])
    while True:
        for of_place, known in zip(waiting, met, strict=True):
            while of_place and not race.fine(of_place[0].tree):
                draft = of_place.pop(0)
                known += zip([draft], race.finish([draft.tree]), strict=True)
        empty = [i for i, known in enumerate(met) if not waiting[i] and known[-1][1].reason is not None]
        lacking = [i for i in empty if done[i] < tries]
        for i in lacking:
            ahead = range(done[i] + 1, min(done[i] + AHEAD, tries) + 1)
            waiting[i] = [drawn(i, attempt) for attempt in ahead]
            done[i] += len(ahead)
        if lacking:
            race.begin([draft.tree for i in lacking for draft in waiting[i]])
            continue
        ready = [i for i, of_place in enumerate(waiting) if of_place]
        if not ready:
            return met
        for i, one in zip(ready, race.finish([waiting[i][0].tree for i in ready]), strict=True):
            met[i].append((waiting[i].pop(0), one))
            if one.reason is None:
                waiting[i] = []


def _first(grammar: Variation[Any]) -> list[Draft]:
    return [Draft(grammar.random(), "random") for _ in range(grammar.settings.population)]


def _offspring(before: Generation, grammar: Variation[Any], costs: Mapping[str, float] | None) -> list[Draft]:
    settings = grammar.settings
    entrants = [Entrant(member.lines or member.tree, member.tree, member.value) for member in before.members]
    chosen = parents(entrants, settings, costs)
    children = [_child(chosen, grammar) for _ in range(settings.offspring // 2)]
    return children + [Draft(grammar.random(), "random") for _ in range(settings.offspring - len(children))]


def _child(chosen: Sequence[Genome], grammar: Variation[Any]) -> Draft:
    """One child, as DEAP's `varOr` makes it."""
    settings, kind = grammar.settings, random.random()
    if kind < settings.crossover:
        # NSGA-II chooses no program twice, so it may leave one alone.
        first, second = random.sample(chosen, 2) if len(chosen) > 1 else (chosen[0], chosen[0])
        return Draft(grammar.crossed(first, second), "crossover")
    parent = random.choice(chosen)
    if kind < settings.crossover + settings.mutation:
        return Draft(grammar.mutated(parent), "mutation")
    return Draft(parent, "copy")


def _constant(found: Fitness) -> bool:
    return found.reason is not None and found.reason.endswith(EQUAL)
