"""Evaluating trees on several processes."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.ZeroShotProxy.programs.trees import random_tree
from zennas.discovering.cache import Stored
from zennas.discovering.collecting import collect
from zennas.discovering.errors import DiscoveryError
from zennas.discovering.evaluation import values_of_trees
from zennas.discovering.settings import CollectingSettings
from zennas.discovering.workers import _dealt, evaluating
from zennas.searching.executors.base import ExecutorSettings
from ZeroShotProxy.programs.tree import parse

from .networks import WITHOUT_UNITS, images, networks


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> list[Stored]:
    structures = [*networks(5), WITHOUT_UNITS]
    cache = collect(structures, images(side=8), tmp_path_factory.mktemp("statistics"))
    return [cache.network(structure) for structure in structures]


@pytest.mark.long
def test_values_do_not_depend_on_the_number_of_workers(stored: list[Stored]) -> None:
    rng = Random(8)
    trees = [random_tree(rng, 4) for _ in range(40)]
    wanted = values_of_trees(trees, stored)
    assert sum(isinstance(value, float) for value, *_ in wanted) > 10
    for chosen in (ExecutorSettings("serial"), ExecutorSettings("pool", 2), ExecutorSettings(workers=3)):
        with evaluating(stored, "mean", chosen, programs=40) as evaluate:
            assert evaluate(trees, stored) == wanted
            assert evaluate(trees[:3], stored[3:]) == [values[3:] for values in wanted[:3]]
            assert evaluate(trees[:2], []) == [[], []]
            assert evaluate([], stored[:1]) == []


@pytest.mark.long
def test_errors_of_workers_arrive(tmp_path: Path) -> None:
    cache = collect(networks(2), images(side=8), tmp_path, CollectingSettings(("weight",)))
    with (
        evaluating(cache.networks(), "mean", ExecutorSettings("pool", 2), programs=1) as evaluate,
        pytest.raises(DiscoveryError, match="reads pre_data, which has not been collected"),
    ):
        evaluate([parse("pre_data")], cache.networks())


def test_networks_are_dealt_out_by_their_sizes(stored: list[Stored]) -> None:
    for parts in (1, 2, 4, 9):
        found = _dealt(stored, parts)
        assert sorted(i for part in found for i in part) == list(range(6))
        assert len(found) == min(parts, 6)
        sizes = [sum(stored[i].layout.floats for i in part) for part in found]
        assert max(sizes) - min(sizes) <= max(network.layout.floats for network in stored)
