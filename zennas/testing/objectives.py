"""Contracts of objectives: measures are equal in all processes, and values belong to their candidates."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from random import Random

from PlainNet import Structure
from PlainNet.cost import CostModel
from SearchSpace import load_space
from zennas.budget.budgets import Budget
from zennas.runs.candidate import Candidate
from zennas.searching.objectives.base import ObjectiveKind, best_first, indicators_of
from zennas.searching.settings import SearchSettings
from zennas.testing.expecting import expect, expect_equal

SETTINGS = SearchSettings(
    budget=Budget(params=10**9),
    resolution=16,
    batch_size=4,
    repeats=1,
    proxy="zen_expected",
    maximise=("zen_expected", "flops"),
    minimise=("ram",),
    device="cpu",
)


def example(kind: ObjectiveKind, count: int) -> tuple[SearchSettings, list[Candidate]]:
    """Settings, and some structures to measure, of the space XXBL if the objective takes any."""
    settings, structures = SETTINGS, list[Structure]()
    if kind.example is not None:
        settings, given = kind.example(SETTINGS)
        structures = list(given)[:count]
    else:
        space, rng = load_space("XXBL"), Random(0)
        structures = [space.mutate(space.initial(), rng, changes=3) for _ in range(count)]
    model = CostModel(16, 10)
    return settings, [Candidate(i, one, None, model(one), i, i) for i, one in enumerate(structures, start=1)]


def measuring_is_a_function_of_the_candidate(kind: ObjectiveKind) -> str | None:
    """Two objectives with equal settings give equal measures, also if the settings were sent to another process."""
    settings, candidates = example(kind, 3)
    first, second = kind.make(settings), kind.make(pickle.loads(pickle.dumps(settings)))
    for candidate in candidates:
        found = first.measure(candidate)
        expect_equal(second.measure(candidate), found, f"the measures of {candidate.structure}")
        expect_equal(tuple(found), first.measures, "the names of the measures")
    return None


def values_belong_to_their_candidates(kind: ObjectiveKind) -> str | None:
    """There is one value per candidate, independent of the order of the candidates, and the best comes first."""
    settings, candidates = example(kind, 6)
    objective = kind.make(settings)
    measured = [one.evaluated(objective.measure(one)) for one in candidates]
    values = dict(zip((one.id for one in measured), objective.values(measured), strict=True))
    again = dict(zip((one.id for one in measured[::-1]), objective.values(measured[::-1]), strict=True))
    expect_equal(again, values, "the values in another order")
    if not objective.relative:
        alone = {one.id: objective.values([one])[0] for one in measured}
        expect_equal(alone, values, "the values of an objective that is not relative")
    ranked = best_first(objective, measured)
    expect(values[ranked[0].id] == max(values.values()), "the best does not come first")
    return None


def indicators_are_those_of_each_candidate(kind: ObjectiveKind) -> str | None:
    """The indicators of a candidate do not depend on the others, and there are equally many of each."""
    settings, candidates = example(kind, 4)
    objective = kind.make(settings)
    measured = [one.evaluated(objective.measure(one)) for one in candidates]
    found = indicators_of(objective, measured)
    if found is None:
        return f"{kind.name} has no indicators"
    expect_equal([indicators_of(objective, [one]) for one in measured], [[one] for one in found], "those of one")
    expect_equal(len({len(one) for one in found}), 1, "how many numbers of indicators there are")
    return None


CONTRACTS: tuple[Callable[[ObjectiveKind], str | None], ...] = (
    measuring_is_a_function_of_the_candidate,
    values_belong_to_their_candidates,
    indicators_are_those_of_each_candidate,
)
