"""Sorting, crowding and hypervolume of vectors, against their definitions."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zennas.searching.fronts.dominance import Floats, Scale, Track, as_vectors, best_first, crowding, fronts

SMALL = st.integers(1, 4).flatmap(
    lambda columns: st.lists(st.lists(st.integers(0, 6), min_size=columns, max_size=columns), min_size=1, max_size=14)
)


def dominates(one: Floats, other: Floats) -> bool:
    return bool((one >= other).all() and (one > other).any())


def slowly(vectors: Floats) -> list[int]:
    """Fronts by definition: take away what none dominates, until nothing is left."""
    left, found = set(range(len(vectors))), [0] * len(vectors)
    for number in itertools.count():
        best = {i for i in left if not any(dominates(vectors[j], vectors[i]) for j in left)}
        for i in best:
            found[i] = number
        left -= best
        if not left:
            return found
    raise AssertionError


@given(SMALL)
def test_fronts_are_what_the_definition_says(rows: list[list[int]]) -> None:
    vectors = np.array(rows, float)
    assert fronts(vectors).tolist() == slowly(vectors)


@given(SMALL)
def test_only_the_order_counts_for_fronts(rows: list[list[int]]) -> None:
    vectors = np.array(rows, float)
    stretched = np.exp(vectors) * 10.0 ** np.arange(vectors.shape[1])
    assert fronts(stretched).tolist() == fronts(vectors).tolist()


@given(SMALL, st.randoms())
def test_crowding_does_not_depend_on_the_order(rows: list[list[int]], rng: object) -> None:
    vectors = np.unique(np.array(rows, float), axis=0)
    order = np.random.default_rng(len(rows)).permutation(len(vectors))
    found, again = crowding(vectors, fronts(vectors)), crowding(vectors[order], fronts(vectors[order]))
    assert again == pytest.approx(found[order])


def test_crowding_by_hand() -> None:
    vectors = np.array([[0, 4], [1, 3], [3, 1], [4, 0], [1, 3], [0, 0]], float)
    found = crowding(vectors, fronts(vectors))
    assert found.tolist() == [np.inf, 0.75 + 0.75, 0.75 + 0.75, np.inf, 0, np.inf]
    assert best_first(vectors).tolist() == [0, 3, 1, 2, 4, 5]


@given(st.lists(st.lists(st.integers(0, 5), min_size=2, max_size=2), min_size=1, max_size=10))
def test_a_hypervolume_counts_the_cells_that_are_dominated(rows: list[list[int]]) -> None:
    vectors = np.array(rows, float)
    cells = {(x, y) for a, b in rows for x in range(a) for y in range(b)}
    assert Scale((0.0, 0.0), (1.0, 1.0)).hypervolume(vectors) == pytest.approx(len(cells))
    assert Scale((0.0, 0.0), (2.0, 4.0)).hypervolume(vectors) == pytest.approx(len(cells) / 8)


def test_a_scale_goes_from_the_worst_to_the_best() -> None:
    scale = Scale.of(np.array([[1.0, 5.0, 2.0], [3.0, -5.0, 2.0]]))
    assert scale == Scale((1.0, -5.0, 2.0), (2.0, 10.0, 1.0))
    assert scale.hypervolume(np.array([[3.0, 5.0, 3.0]])) == pytest.approx(1)
    assert scale.hypervolume(np.zeros((0, 3))) == 0


def test_a_track_is_short_and_can_be_restored() -> None:
    track, vectors = Track(), np.array([[0.0, 0.0], [1.0, 1.0]])
    assert track.now(0, vectors[:0]) is None
    for i in range(1, 1500):
        track.add(10 * i, vectors * (1 + i / 1000))
    again = Track.restored(json.loads(json.dumps(track.state())), 2)
    assert (again.scale, again.history) == (track.scale, track.history)
    tried = [one for one, _ in track.history]
    assert 0.5 * Track.MOST <= len(tried) <= Track.MOST
    assert tried == sorted(tried)
    assert tried[-1] == 10 * 1499
    now = track.now(15_000, vectors * 3)
    assert now is not None
    assert now["history"][-1] == [15_000, pytest.approx(Scale.of(vectors * 1.001).hypervolume(vectors * 3))]


def test_vectors_have_the_length_of_the_goals() -> None:
    assert as_vectors([], 3).shape == (0, 3)
    with pytest.raises(ValueError, match="vectors have 2 objectives, expected 3"):
        as_vectors([(1, 2)], 3)
