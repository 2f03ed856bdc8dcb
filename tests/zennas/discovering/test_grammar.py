"""Random programs, their variation, DEAP's form of them, and the global generator that DEAP draws from."""

from __future__ import annotations

import random
import sys
from typing import Any

import pytest

from tests.ZeroShotProxy.programs.trees import random_tree
from zennas.common.errors import WrongSettingError
from zennas.discovering.choices import MOST_NODES, EvolutionSettings
from zennas.discovering.errors import DiscoveryError
from zennas.discovering.grammar import Grammar, drawing
from ZeroShotProxy.programs.closed_form import CLOSED_FORMS
from ZeroShotProxy.programs.files import load, published
from ZeroShotProxy.programs.operations import OPERATIONS
from ZeroShotProxy.programs.statistics import STATISTICS
from ZeroShotProxy.programs.tree import LONGEST, Call, Tree, depth, nodes, parse, size, statistics_of

ALL = tuple(STATISTICS)


@pytest.fixture
def grammar() -> Grammar:
    return Grammar(EvolutionSettings(), ALL)


def test_programs_survive_the_way_to_deap_and_back(grammar: Grammar) -> None:
    rng = random.Random(2)
    files = [one for one in map(load, published()) if not one.closed_form]
    trees = [one.program.tree for one in files] + [random_tree(rng, 6) for _ in range(100)]
    for tree in trees:
        theirs = grammar.theirs(tree)
        assert grammar.ours(theirs) == tree
        assert (len(theirs), theirs.height) == (size(tree), depth(tree))
        assert str(theirs) == str(tree)


def test_random_programs_are_within_the_limits() -> None:
    settings = EvolutionSettings(shallowest=2, deepest=7, nodes=30)
    grammar = Grammar(settings, ALL)
    with drawing(0):
        trees = [grammar.random() for _ in range(400)]
        for _ in range(400):
            trees.append(grammar.crossed(random.choice(trees), random.choice(trees)))
            trees.append(grammar.mutated(random.choice(trees)))
    assert {depth(tree) for tree in trees} == set(range(2, 8))
    assert max(map(size, trees)) in (29, 30)
    used = {node.operation for tree in trees for node in nodes(tree) if isinstance(node, Call)}
    assert used == set(OPERATIONS)
    assert set().union(*map(statistics_of, trees)) == set(ALL)


def test_programs_of_closed_forms_have_no_operations_on_matrices() -> None:
    grammar = Grammar(EvolutionSettings(), tuple(CLOSED_FORMS))
    with drawing(0):
        trees = [grammar.random() for _ in range(200)]
    used = {node.operation for tree in trees for node in nodes(tree) if isinstance(node, Call)}
    assert set(OPERATIONS) - used == {"det", "logdet", "eig_ratio", "eig_ratio_symmetric"}
    assert set().union(*map(statistics_of, trees)) == set(CLOSED_FORMS)


def test_only_what_was_collected_is_read() -> None:
    grammar = Grammar(EvolutionSettings(), ("weight", "pre_noise"))
    with drawing(1):
        assert set().union(*(statistics_of(grammar.random()) for _ in range(50))) == {"weight", "pre_noise"}


def test_children_have_parts_of_their_parents(grammar: Grammar) -> None:
    first, second = parse("add(square(weight), weight)"), parse("mul(exp(pre_noise), log(pre_noise))")
    with drawing(7):
        crossed = {grammar.crossed(first, second) for _ in range(100)}
        mutated = [grammar.mutated(first) for _ in range(100)]
    parts: set[Tree] = {*nodes(first), *nodes(second)}
    assert parse("add(square(weight), exp(pre_noise))") in crossed
    assert all(isinstance(child, Call) and child.operation == "add" for child in crossed)
    assert all(part in parts or first in crossed for child in crossed for part in nodes(child))
    assert (first, second) == (parse("add(square(weight), weight)"), parse("mul(exp(pre_noise), log(pre_noise))"))
    assert len(set(mutated)) > 50


def test_a_child_that_is_not_allowed_is_its_first_parent() -> None:
    grammar = Grammar(EvolutionSettings(shallowest=2, deepest=2, nodes=5), ALL)
    parent, other = parse("square(exp(weight))"), parse("square(exp(pre_noise))")
    with drawing(0):
        crossed = {grammar.crossed(parent, other) for _ in range(40)}
    assert crossed == {parent, other}  # other subtrees make the depth 1 or 3


def test_the_global_generator_is_given_back_as_it_was(grammar: Grammar) -> None:
    random.seed(11)
    state = random.getstate()
    with drawing(1, 2):
        first = [grammar.random() for _ in range(5)]
    assert random.getstate() == state
    random.seed(12)
    with drawing(1, 2):
        assert [grammar.random() for _ in range(5)] == first
    with drawing(1, 3):
        assert [grammar.random() for _ in range(5)] != first
    state = random.getstate()
    with pytest.raises(ZeroDivisionError), drawing(1):
        random.random()
        _ = 1 / 0
    assert random.getstate() == state


def test_texts_of_the_largest_programs_can_be_read() -> None:
    longest = max(map(len, (*OPERATIONS, *STATISTICS)))
    assert MOST_NODES * (longest + 2) < LONGEST


def test_without_deap_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "deap"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "deap", None)
    with pytest.raises(DiscoveryError, match=r"needs the package deap .*pip install 'zennas\[discover\]'"):
        Grammar(EvolutionSettings(), ALL)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"crossover": 0.7, "mutation": 0.4}, "crossover 0.7 and mutation 0.4 are more than 1 together"),
        ({"shallowest": 5, "deepest": 4}, "shallowest is 5, expected at most 4"),
        ({"nodes": 2}, "nodes is 2, expected more than the smallest depth 2"),
        ({"instructions": 5}, "instructions is 5, but trees have none"),
        ({"select": "nsga2", "parsimony": 0.1}, "parsimony is 0.1, but NSGA-II weighs costs"),
        ({"population": 1}, "population is 1"),
        ({"to_scalar": "max"}, "to_scalar is 'max', expected mean, sum or l2"),
    ],
)
def test_wrong_settings(values: dict[str, Any], says: str) -> None:
    with pytest.raises(WrongSettingError, match=says):
        EvolutionSettings(**values)


def test_settings_survive_json_and_are_those_of_the_paper() -> None:
    chosen = EvolutionSettings(parsimony=0.5, seed=3)
    assert EvolutionSettings.from_json(chosen.to_json()) == chosen
    paper = EvolutionSettings()
    assert (paper.population, paper.generations, paper.tournament, paper.mu, paper.offspring) == (50, 15, 4, 25, 50)
    assert (paper.crossover, paper.mutation, paper.shallowest, paper.deepest, paper.subset) == (0.4, 0.4, 2, 10, 20)
