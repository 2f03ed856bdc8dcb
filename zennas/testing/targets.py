"""Contracts of targets: a search for one finds a network that fits it, and its export settings exist."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from PlainNet import Options, lower
from PlainNet.cost import CostModel
from SearchSpace import load_space
from zennas.budget.budgets import Budget
from zennas.budget.target import Target, find_target, fit
from zennas.exporting.base import FORMATS, completed
from zennas.searching.start import within_budget
from zennas.searching.targeting import obeying_space
from zennas.testing.expecting import expect, expect_equal

RESOLUTION, CLASSES = 32, 10


def it_is_found_by_its_name(target: Target) -> str | None:
    """It is registered under its own name, and JSON says everything."""
    expect(find_target(target.name) == target, f"{target.name} is registered under another name than its own")
    expect_equal({"name": target.name, "title": target.title}.items() <= target.to_json().items(), True, "its JSON")
    expect(all(target.sources), f"{target.name} has an empty source")
    return None


def its_export_settings_exist(target: Target) -> str | None:
    """The format exists, and takes the options."""
    completed(FORMATS.get(target.export.format), target.export.options)
    return None


def its_space_has_networks_that_fit(target: Target) -> str | None:
    """A mutation of the initial structure of its space fits its memories and rules, and the whole network says so."""
    model = CostModel(RESOLUTION, CLASSES)
    space = obeying_space(load_space(target.search_space), model, target.rules)
    budget = target.within(Budget(params=300_000))
    structure, _ = within_budget(space, model, budget, Random(0), (), target.rules)
    found = fit(lower(structure, resolution=RESOLUTION, num_classes=CLASSES, options=Options()), target)
    expect(not found.broken, f"a network within the budget of {target.name} {found}")
    return None


CONTRACTS: tuple[Callable[[Target], str | None], ...] = (
    it_is_found_by_its_name,
    its_export_settings_exist,
    its_space_has_networks_that_fit,
)
