"""Every registered proxy: finite, a function of its seed, and leaves networks as they were."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from PlainNet import build, parse
from tests.conftest import SMALL
from ZeroShotProxy import PROXIES, Proxy, ProxyError, Score, ScoreSettings, score
from ZeroShotProxy.base import Target

SETTINGS = ScoreSettings(resolution=16, batch_size=12, repeats=3, device="cpu")  # 4: counts of patterns are all 2⁴
STRUCTURE = parse(SMALL)


def unique() -> list[Proxy]:
    """Every proxy once, whatever its aliases."""
    return list({proxy.info.name: proxy for proxy in PROXIES}.values())


@pytest.fixture(params=sorted(proxy.info.name for proxy in unique()))
def proxy(request: pytest.FixtureRequest) -> Proxy:
    return PROXIES.get(request.param)


def value(proxy: Proxy, target: Target = STRUCTURE, settings: ScoreSettings = SETTINGS) -> Score:
    return score(target, [proxy.info.name], settings)[proxy.info.name]


@pytest.fixture
def scoring(proxy: Proxy) -> Proxy:
    """A proxy that has a score for a single network."""
    if proxy.ranking is not None:
        pytest.skip(f"{proxy.info.name} ranks populations")
    return proxy


@pytest.fixture
def measuring(proxy: Proxy) -> Proxy:
    """A proxy that measures any network."""
    if proxy.measure is None:
        pytest.skip(f"{proxy.info.name} scores structures only")
    return proxy


def test_score_is_finite_and_inside_its_interval(scoring: Proxy) -> None:
    found = value(scoring)
    assert math.isfinite(found.value)
    if found.interval is not None:
        low, high = found.interval
        assert low <= found.value <= high
        assert len(found.repeats) == SETTINGS.repeats


def test_the_seed_decides(scoring: Proxy) -> None:
    assert value(scoring) == value(scoring)
    assert (value(scoring, settings=replace(SETTINGS, seed=1)) != value(scoring)) == scoring.info.random


def test_the_global_generators_are_left_alone(scoring: Proxy) -> None:
    before = torch.random.get_rng_state()
    value(scoring)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_masternet_scores_like_its_structure_and_is_not_touched(scoring: Proxy) -> None:
    network = build(STRUCTURE, num_classes=7, use_se=True).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    same = replace(SETTINGS, num_classes=7, use_se=True)
    assert value(scoring, network) == value(scoring, settings=same)
    assert not network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def foreign() -> tuple[nn.Module, tuple[Tensor, Tensor]]:
    """A network that this project did not make, with an in-place ReLU, dropout and a residual, and a batch."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    batch = torch.randn(8, 3, 16, 16, generator=generator), torch.randint(10, (8,), generator=generator)
    return Foreign(), batch


class Foreign(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.body = nn.Sequential(
            nn.Conv2d(8, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, padding=1),
            nn.BatchNorm2d(8),
        )
        self.deeper = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU())
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.deeper(x + self.body(x))
        logits: Tensor = self.head(self.dropout(x.mean((2, 3))))
        return logits


def test_any_network_is_measured_and_left_as_it_was(measuring: Proxy) -> None:
    network, batch = foreign()
    network.eval()
    network.stem.train()
    network.head.weight.requires_grad_(False)
    network.head.bias.grad = torch.ones(10)
    called: list[nn.Module] = []
    network.head.register_forward_hook(lambda module, args, output: called.append(module))
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    hooks = [len(module._forward_hooks) for module in network.modules()]
    generator = torch.random.get_rng_state()
    images = batch[0].clone()
    name = measuring.info.name
    first = score(network, batch, [name], SETTINGS)
    assert score(network, batch, [name], SETTINGS) == first
    assert math.isfinite(first[name].value)
    assert all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items())
    assert [module.training for module in network.modules()] == modes
    assert [len(module._forward_hooks) for module in network.modules()] == hooks
    assert torch.equal(generator, torch.random.get_rng_state())
    assert torch.equal(images, batch[0])
    assert not batch[0].requires_grad
    assert not network.head.weight.requires_grad
    assert network.head.bias.grad is not None
    assert torch.equal(network.head.bias.grad, torch.ones(10))
    assert network.stem[0].weight.grad is None


def test_measured_together_is_measured_alone(measuring: Proxy) -> None:
    """Shared passes change nothing."""
    network, batch = foreign()
    every = [proxy.info.name for proxy in unique() if proxy.measure is not None]
    together = score(network, batch, every, SETTINGS)
    alone = score(network, batch, [measuring.info.name], SETTINGS)[measuring.info.name]
    assert together[measuring.info.name].value == pytest.approx(alone.value, rel=1e-4)


def test_a_network_of_nothing_but_zeros_is_an_error_or_a_number(measuring: Proxy) -> None:
    """No sentinel: a measure that cannot be taken names itself."""
    network, batch = foreign()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    try:
        found = score(network, batch, [measuring.info.name], SETTINGS)
    except ProxyError as error:
        assert measuring.info.name in str(error)
    else:
        assert math.isfinite(found[measuring.info.name].value)


def test_structures_are_asked_for_where_they_are_needed(scoring: Proxy) -> None:
    if scoring.measure is not None:
        pytest.skip(f"{scoring.info.name} measures any network")
    network, batch = foreign()
    with pytest.raises(ProxyError, match=scoring.info.name):
        score(network, batch, [scoring.info.name], SETTINGS)


def test_it_says_where_it_comes_from(proxy: Proxy) -> None:
    assert proxy.info.summary
    assert proxy.info.source


def test_it_is_in_the_documentation(proxy: Proxy) -> None:
    """docs/proxies.md lists what there is."""
    text = (Path(__file__).parents[2] / "docs/proxies.md").read_text()
    assert f"`{proxy.info.name}`" in text


def test_names_ignore_case_and_results_carry_the_registered_name() -> None:
    assert list(score(STRUCTURE, ["ZENMC", "Zen_Expected"], SETTINGS)) == ["zen", "zen_expected"]
