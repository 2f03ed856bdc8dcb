"""Networks, batches and surroundings of others: measured alike, left alone, or refused in words."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from PlainNet import build, cost, parse
from tests.conftest import SMALL
from ZeroShotProxy import PROXIES, ProxyError, ScoreSettings, find_measures, score, score_population
from ZeroShotProxy.scores import score_each

CPU = ScoreSettings(device="cpu")
EVERY = sorted({proxy.info.name for proxy in PROXIES if proxy.measure is not None})


def batch(images: int = 16) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(images, 3, 16, 16, generator=generator), torch.arange(images) % 5


def plain(inner: nn.Module | None = None) -> nn.Sequential:
    torch.manual_seed(0)
    inner = inner if inner is not None else nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), inner, *head)


def scores(network: nn.Module, given: Any = None) -> dict[str, float]:
    """By every measure; none of them may fail."""
    found = score_each(EVERY, lambda names: score(network, batch() if given is None else given, names, CPU))
    assert not {name: one for name, one in found.items() if isinstance(one, str)}
    return {name: one.value for name, one in found.items() if not isinstance(one, str)}


def test_a_module_that_stands_in_two_places_is_left_alone() -> None:
    inner = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
    network = plain(nn.Sequential(inner, inner))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    weight = inner[0].weight
    first = scores(network)
    assert inner[0].weight is weight
    assert isinstance(weight, nn.Parameter)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert scores(network) == first


def test_weights_that_two_layers_share_stay_shared() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
            self.b.weight = self.a.weight
            self.head = nn.Linear(3, 5)

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.head(self.b(torch.relu(self.a(x))).mean((2, 3)))
            return logits

    torch.manual_seed(0)
    network = Tied()
    found = score(network, batch(), ["synflow", "snip", "ntk", "params"], CPU)
    assert found["params"].value == sum(parameter.numel() for parameter in network.parameters())
    assert network.a.weight is network.b.weight


def test_a_parametrised_weight_is_refused_before_it_is_computed() -> None:
    network = nn.Sequential(spectral_norm(nn.Conv2d(3, 8, 3)), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 14 * 14, 10))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(ProxyError, match="remove its parametrisation first"):
        score(network, batch(), ["snip"], CPU)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_other_generators_are_left_alone() -> None:
    class Draws(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * (1 + random.random() + float(np.random.rand()))

    def states() -> tuple[object, str]:
        return random.getstate(), str(np.random.get_state())

    before = states()
    scores(plain(nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), Draws())))
    assert states() == before


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_precisions(dtype: torch.dtype) -> None:
    network = plain().to(dtype)
    found = scores(network, (batch()[0].to(dtype), batch()[1]))
    if dtype is torch.float64:
        assert found["snip"] == pytest.approx(scores(plain())["snip"], rel=1e-3)
    assert network[0].weight.dtype is dtype


@pytest.mark.parametrize("surroundings", [torch.no_grad, torch.inference_mode])
def test_gradients_that_the_caller_has_switched_off(surroundings: Any) -> None:
    expected = scores(plain())
    network = plain()
    with surroundings():
        assert scores(network, tuple(part.clone() for part in batch())) == pytest.approx(expected)


def test_wrapped_for_several_devices() -> None:
    assert score(nn.DataParallel(plain()), batch(), ["snip"], CPU) == score(plain(), batch(), ["snip"], CPU)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (np.zeros((4, 3, 8, 8)), "the batch is ndarray, expected a tensor of images"),
        ((torch.zeros(4, 3, 8, 8), [1, 2, 3, 4]), "the batch is Tensor, list"),
        ((torch.zeros(4, 3, 8, 8), torch.zeros(4), 1), "the batch is Tensor, Tensor, int"),
        (torch.zeros(0, 3, 8, 8), "the batch has no images"),
        ((torch.zeros(4, 3, 8, 8), torch.zeros(3)), r"the batch has 4 images, but labels of shape \(3,\)"),
    ],
)
def test_what_is_no_batch(given: Any, says: str) -> None:
    with pytest.raises(ProxyError, match=says):
        score(plain(), given, ["snip"], CPU)


@pytest.mark.parametrize(
    ("loader", "info", "says"),
    [
        ([(torch.zeros(4, 3, 8, 8),)], ("random", 1, 10), "returns a tuple, expected images and labels"),
        ([{"x": 1}], ("grasp", 1, 10), "returns a dict, expected images and labels"),
        ([], ("random", "1", 10), "dataload_info is"),
        ([], ("random", 1), "dataload_info is"),
    ],
)
def test_what_is_no_loader(loader: Any, info: Any, says: str) -> None:
    with pytest.raises(ProxyError, match=says):
        find_measures(plain(), loader, info, "cpu", measure_names=["snip"])


@pytest.mark.parametrize(
    ("name", "images", "says"),
    [
        ("ntk", 1, "one image"),
        ("ntk_regression", 3, "the batch has 3 images, expected at least 4"),
        ("epe_nas", 5, "but the batch has only one of each"),
        ("ntk_regression", 0, "singular"),
        ("ntk", 0, "singular"),
        ("zico", 0, "same gradients"),
        ("naswot", 0, "determinant is 0"),
    ],
)
def test_batches_that_say_nothing(name: str, images: int, says: str) -> None:
    """0 images: eight times the same two."""
    x, y = batch(images or 16)
    x = x if images else x[:2].repeat(8, 1, 1, 1)
    y = y if images or name != "zico" else torch.zeros_like(y)
    with pytest.raises(ProxyError, match=says):
        score(plain(), (x, y), [name], CPU)


def test_names_may_come_from_a_generator_or_alone() -> None:
    assert list(score(plain(), batch(), (name for name in ["SNIP"]), CPU)) == ["snip"]
    assert list(score_population([parse(SMALL)], "flops")[0]) == ["flops"]


def test_a_network_needs_images_and_says_so() -> None:
    with pytest.raises(ProxyError, match="snip needs images for a Sequential: pass a batch"):
        score(plain(), ["snip"], CPU)
    with pytest.raises(ProxyError, match="network 2 of 2: proxy flops"):
        score_population([parse(SMALL), plain()], ["flops"])


def test_costs_of_a_masternet_are_those_of_the_batch() -> None:
    network = build(parse(SMALL))
    found = score(network, torch.zeros(2, 3, 48, 48), ["flops"], CPU)["flops"].value
    assert found == cost(parse(SMALL), resolution=48).flops
