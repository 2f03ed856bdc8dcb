"""Scores of trees on stored networks."""

from __future__ import annotations

import pickle
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
import torch

from tests.ZeroShotProxy.programs.trees import random_tree
from zennas.discovering.cache import Cache, Stored
from zennas.discovering.collecting import collect
from zennas.discovering.errors import CacheError, DiscoveryError
from zennas.discovering.evaluation import values, values_of_trees
from zennas.discovering.settings import CollectingSettings
from ZeroShotProxy import ProxyError, ScoreSettings, score
from ZeroShotProxy.engine.measures import network_of
from ZeroShotProxy.programs.files import load
from ZeroShotProxy.programs.operations import OPERATIONS
from ZeroShotProxy.programs.together import Value
from ZeroShotProxy.programs.tree import Leaf, parse

from .networks import WITHOUT_UNITS, images, networks


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two networks and one without units."""
    found = tmp_path_factory.mktemp("statistics")
    collect([*networks(2), WITHOUT_UNITS], images(), found)
    return found


@pytest.fixture
def stored(folder: Path) -> list[Stored]:
    cache = Cache(folder)
    return [cache.network(structure) for structure in (*networks(2), WITHOUT_UNITS)]


def content(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def as_number(value: Value) -> float | None:
    """Reasons can differ: of equal trees, one stands for all."""
    return None if isinstance(value, str) else value


def test_random_trees_leave_the_folder_alone_and_are_what_each_is_alone(folder: Path, stored: list[Stored]) -> None:
    rng, before = Random(4), content(folder)
    trees = [random_tree(rng, 5) for _ in range(200)]
    together = values_of_trees(trees, stored)
    alone = [values(tree, stored) for tree in trees]
    assert [[as_number(value) for value in of_tree] for of_tree in together] == [
        [as_number(value) for value in of_tree] for of_tree in alone
    ]
    assert sum(isinstance(value, float) for value, *_ in together) > 60
    assert all(last == "the network has no convolution between a ReLU and a batch-norm" for *_, last in together)
    assert content(folder) == before
    assert values_of_trees(trees, stored) == together  # nothing has changed in memory either
    for network in stored:
        network.verify()


@pytest.mark.slow
def test_ten_thousand_random_trees_leave_the_folder_alone(folder: Path, stored: list[Stored]) -> None:
    rng, before, valid = Random(9), content(folder), 0
    first = values_of_trees([random_tree(Random(4), 5) for _ in range(20)], stored)
    for _ in range(100):
        found = values_of_trees([random_tree(rng, 6) for _ in range(100)], stored[:1])
        valid += sum(isinstance(value, float) for (value,) in found)
    assert valid > 2000
    assert content(folder) == before
    for network in stored:
        network.verify()
    assert values_of_trees([random_tree(Random(4), 5) for _ in range(20)], stored) == first


@pytest.mark.parametrize("name", ["topprog", "eznas_a_weight", "eznas_a", "kl_grad_output"])
def test_scores_are_those_of_the_proxy(folder: Path, stored: list[Stored], name: str) -> None:
    settings = ScoreSettings(device="cpu")
    for structure, found in zip(networks(2), values(load(name).program.tree, stored), strict=False):
        network = network_of(structure, settings)
        try:
            wanted = score(network, torch.from_numpy(images()[:1]), [f"program:{name}"], settings)
        except ProxyError as error:
            assert str(error) == f"proxy program:{name} fails: {found}"
        else:
            assert found == wanted[f"program:{name}"].value


def test_what_is_written_into_a_tensor_never_reaches_the_file(folder: Path, stored: list[Stored]) -> None:
    before = content(folder)
    stored[0].units[0]["weight"].fill_(7)
    assert content(folder) == before
    fresh = Cache(folder).network(networks(1)[0])
    assert not (fresh.units[0]["weight"] == 7).any()


def test_files_that_may_only_be_read_are_read(folder: Path, stored: list[Stored]) -> None:
    stored[0].path.chmod(0o400)
    assert isinstance(values(Leaf("weight"), stored)[0], float)


def test_an_operation_that_writes_is_found_out(stored: list[Stored], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPERATIONS, "exp", replace(OPERATIONS["exp"], function=lambda x: x.exp_()))
    with pytest.raises(RuntimeError, match="the operation exp writes into its argument"):
        values(parse("exp(weight)"), stored)


def test_statistics_that_were_not_collected_and_files_that_are_gone(tmp_path: Path) -> None:
    cache = collect(networks(1), images(), tmp_path, CollectingSettings(("weight",)))
    found = [cache.network(networks(1)[0])]
    with pytest.raises(DiscoveryError, match=r"reads pre_data, which has not been collected: add\(weight, pre_data\)"):
        values(parse("add(weight, pre_data)"), found)
    found[0].path.unlink()
    with pytest.raises(CacheError, match="cannot be read: "):
        values(Leaf("weight"), found)


def test_other_processes_get_no_copies(stored: list[Stored]) -> None:
    wanted = values(Leaf("weight"), stored)
    sent = pickle.dumps(stored)
    assert len(sent) < stored[0].floats.nbytes / 4
    assert values(Leaf("weight"), pickle.loads(sent)) == wanted
