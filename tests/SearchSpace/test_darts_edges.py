"""DARTS networks drawn as TEG-NAS does: an operation for each edge, then two edges into each node."""

from __future__ import annotations

from collections import Counter
from math import exp
from random import Random

import pytest

from SearchSpace import DecisionSpace, PolicyView, SearchSpaceError, load_space, view_of
from SearchSpace.darts import SEARCHED, genotype_of
from SearchSpace.darts_edges import PLACES
from SearchSpace.views import DecisionsView


def view() -> PolicyView:
    found = view_of(load_space("darts"))
    assert found is not None
    return found


def test_there_is_a_decision_for_each_edge_of_both_cells() -> None:
    decisions = view().decisions()
    assert len(decisions) == 28
    assert {decision.options for decision in decisions} == {SEARCHED}
    assert [source for node, source in PLACES if node == 3] == [0, 1, 2, 3, 4]


def test_kept_edges_have_the_operations_of_their_decisions() -> None:
    space, rng = load_space("darts"), Random(0)
    for _ in range(20):
        choices = [rng.randrange(7) for _ in range(28)]
        structure, counted = view().build(choices, [rng.gauss(0, 1) for _ in range(28)], rng)
        assert space.contains(structure)
        genotype = genotype_of(structure)
        assert len(counted) == 16
        for edges, kept in ((genotype.normal, counted[:8]), (genotype.reduce, [i - 14 for i in counted[8:]])):
            for i, place, (operation, source) in zip(range(8), kept, edges, strict=True):
                assert PLACES[place] == (i // 2, source)
                assert operation == SEARCHED[choices[place if edges is genotype.normal else place + 14]]


def test_edges_are_kept_without_replacement_by_the_softmax_of_their_logits() -> None:
    rng, n = Random(1), 4000
    logits = [0.0] * 28
    logits[2:5] = 1.0, 0.0, -1.0  # the edges into the second node of the normal cell
    pairs = Counter(view().build([0] * 28, logits, rng).counted[2:4] for _ in range(n))
    p = [exp(value) / (exp(1) + 1 + exp(-1)) for value in (1, 0, -1)]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        expected = p[a] * p[b] / (1 - p[a]) + p[b] * p[a] / (1 - p[b])
        assert pairs[2 + a, 2 + b] / n == pytest.approx(expected, abs=0.03)


def test_without_a_generator_the_likeliest_edges_are_kept() -> None:
    logits = [float(i % 5) for i in range(28)]
    counted = view().build([0] * 28, logits, None).counted
    for node in range(4):
        here = [i for i, (there, _) in enumerate(PLACES) if there == node]
        assert sorted(counted[2 * node : 2 * node + 2]) == sorted(sorted(here, key=lambda i: -logits[i])[:2])
    with pytest.raises(SearchSpaceError, match="expected 28"):
        view().build([0] * 22, logits, None)


def test_other_spaces_are_seen_as_their_decisions_and_open_ones_as_nothing() -> None:
    space = load_space("nasbench201")
    assert isinstance(space, DecisionSpace)
    found = view_of(space)
    assert isinstance(found, DecisionsView)
    assert found.decisions() == space.decisions()
    choices = (1, 2, 3, 0, 4, 1)
    assert found.build(choices, [0.0] * 6, None) == (space.decode(choices), tuple(range(6)))
    assert view_of(load_space("XXBL")) is None
