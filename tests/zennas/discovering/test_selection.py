"""Parents by tournaments and by NSGA-II, and fronts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from zennas.discovering.costs import COSTS, cost_of, stored_costs
from zennas.discovering.errors import DiscoveryError
from zennas.discovering.grammar import drawing
from zennas.discovering.selection import Entrant, by_front, front_of, parents
from ZeroShotProxy.programs.operations import OPERATIONS
from ZeroShotProxy.programs.tree import parse

from .tasks import SMALL

ONE = dict.fromkeys(OPERATIONS, 1.0)
POINTS = [(0.5, 3.0), (0.5, 2.0), (0.1, 1.0), (0.4, 2.0), (0.6, 9.0), (0.6, 9.0), (0.3, 4.0)]


def test_the_front_has_what_nothing_is_better_than() -> None:
    found = front_of(POINTS, lambda one: one)
    assert found == [(0.1, 1.0), (0.5, 2.0), (0.6, 9.0)]
    better = [p for p in POINTS if not any(q[0] >= p[0] and q[1] <= p[1] and q != p for q in POINTS)]
    assert set(found) == set(better)
    assert front_of([], lambda one: one) == []


def test_nsga_selects_the_front_first() -> None:
    found = by_front(POINTS, 4, lambda one: one)
    assert set(found) == {(0.1, 1.0), (0.5, 2.0), (0.6, 9.0)}
    assert len(by_front(POINTS, 50, lambda one: one)) == len(POINTS)


def test_parents() -> None:
    cheap, dear = parse("exp(weight)"), parse("exp(abs(exp(weight)))")
    worse = parse("square(abs(exp(weight)))")
    entrants = [Entrant(tree, tree, value) for tree, value in ((cheap, 0.1), (dear, 0.5), (worse, 0.0))]
    with drawing(0):
        assert set(parents(entrants, replace(SMALL, mu=2), ONE)) == {cheap, dear}
        assert set(parents(entrants, replace(SMALL, mu=40, tournament=40), None)) == {dear}


def test_a_program_costs_the_sum_over_its_different_nodes() -> None:
    costs = {**ONE, "exp": 10.0}
    assert cost_of(parse("add(exp(weight), exp(weight))"), costs) == 11
    assert cost_of(parse("weight"), costs) == 0


def test_costs_are_measured_once(tmp_path: Path) -> None:
    found = stored_costs(tmp_path)
    assert list(found) == list(OPERATIONS)
    assert stored_costs(tmp_path) == found
    (tmp_path / COSTS).write_text(json.dumps(ONE))
    assert stored_costs(tmp_path) == ONE
    for damaged in ({"exp": 1.0}, {**ONE, "exp": -1.0}, {**ONE, "exp": "much"}):
        (tmp_path / COSTS).write_text(json.dumps(damaged))
        with pytest.raises(DiscoveryError, match=r"costs\.json is damaged: expected a positive number for each of 34"):
            stored_costs(tmp_path)
