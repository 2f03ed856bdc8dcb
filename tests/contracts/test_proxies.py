"""Every registered proxy: finite, a function of its seed, and silent about the networks it is shown."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from PlainNet import build, parse
from tests.conftest import SMALL
from ZeroShotProxy import PROXIES, Proxy, ProxyError, ScoreSettings, score

SETTINGS = ScoreSettings(resolution=16, batch_size=4, repeats=3, device="cpu")
STRUCTURE = parse(SMALL)


@pytest.fixture(params=sorted({proxy.info.name for proxy in PROXIES}))
def proxy(request: pytest.FixtureRequest) -> Proxy:
    return PROXIES.get(request.param)


def test_score_is_finite_and_inside_its_interval(proxy: Proxy) -> None:
    found = proxy.score(STRUCTURE, SETTINGS)
    assert math.isfinite(found.value)
    if found.interval is not None:
        low, high = found.interval
        assert low <= found.value <= high
        assert len(found.repeats) == SETTINGS.repeats


def test_the_seed_decides(proxy: Proxy) -> None:
    assert proxy.score(STRUCTURE, SETTINGS) == proxy.score(STRUCTURE, SETTINGS)
    other = proxy.score(STRUCTURE, replace(SETTINGS, seed=1))
    is_random = proxy.info.name == "random" or proxy.info.torch
    assert (other != proxy.score(STRUCTURE, SETTINGS)) == is_random


def test_the_global_generators_are_left_alone(proxy: Proxy) -> None:
    before = torch.random.get_rng_state()
    proxy.score(STRUCTURE, SETTINGS)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_module_scores_like_its_structure_and_is_not_touched(proxy: Proxy) -> None:
    network = build(STRUCTURE, num_classes=10).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert proxy.score(network, SETTINGS) == proxy.score(STRUCTURE, SETTINGS)
    assert not network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_other_things_are_refused(proxy: Proxy) -> None:
    with pytest.raises(ProxyError, match=proxy.info.name):
        proxy.score(torch.nn.Linear(1, 1), SETTINGS)


def test_it_says_where_it_comes_from(proxy: Proxy) -> None:
    assert proxy.info.summary
    assert proxy.info.source


def test_names_ignore_case_and_results_carry_the_registered_name() -> None:
    assert list(score(STRUCTURE, ["ZENMC", "Zen_Expected"], SETTINGS)) == ["zen", "zen_expected"]
