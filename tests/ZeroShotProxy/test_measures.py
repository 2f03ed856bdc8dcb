"""Measures of networks on a batch: values of the public implementation, splitting, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.random import PCG64, Generator
from torch import Tensor, nn

from tests.conftest import load_json
from ZeroShotProxy import ProxyError, ScoreSettings, find_measures, find_measures_arrays, score
from ZeroShotProxy.base import INITIALISATIONS
from ZeroShotProxy.engine.initialise import RULES
from ZeroShotProxy.engine.measures import ZERO_COST_NAS
from ZeroShotProxy.engine.probe import Probe

CPU = ScoreSettings(device="cpu")


def layers_of(spec: Any) -> list[nn.Module]:
    """The layers of the reference file's notation, see its "network"."""
    kind, *numbers = spec if isinstance(spec, list) else [spec]
    match kind:
        case "conv":
            inward, out, kernel, stride, groups = numbers
            return [nn.Conv2d(inward, out, kernel, stride, kernel // 2, groups=groups, bias=False)]
        case "bn":
            return [nn.BatchNorm2d(*numbers)]
        case "relu":
            return [nn.ReLU()]
        case "maxpool":
            return [nn.MaxPool2d(2)]
        case "gap":
            return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        case _:
            return [nn.Linear(*numbers)]


def reference_network(facts: dict[str, Any]) -> nn.Sequential:
    network = nn.Sequential(*(layer for spec in facts["layers"] for layer in layers_of(spec)))
    with torch.no_grad():
        for i, (name, parameter) in enumerate(network.named_parameters()):
            if parameter.dim() > 1:
                drawn = Generator(PCG64(1000 + i)).standard_normal(parameter.shape)
                parameter.copy_(torch.from_numpy(drawn * math.sqrt(2 / parameter[0].numel())))
            else:
                parameter.fill_(1.0 if name.endswith("weight") else 0.0)
    return network


def reference_batch(classes: int = 10) -> tuple[Tensor, Tensor]:
    generator = Generator(PCG64(7))
    x = torch.from_numpy(generator.standard_normal((32, 3, 32, 32)).astype(np.float32))
    return x, torch.from_numpy(generator.integers(0, classes, (32,)))


@pytest.mark.parametrize("letter", ["A", "B"])
def test_the_values_of_the_public_implementation(reference: Path, letter: str) -> None:
    facts = load_json(reference / f"zc_measures_{letter}.json")
    found = find_measures(reference_network(facts), [reference_batch()], ("random", 1, 10), "cpu")
    assert found == {name: pytest.approx(value, rel=1e-5) for name, value in facts["values"].items()}


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 10)
    )


class Greedy(nn.Module):
    """Runs out of memory above so many images."""

    def __init__(self, body: nn.Module, most: int) -> None:
        super().__init__()
        self.body = body
        self.most = most
        self.calls: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append(len(x))
        if len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
        logits: Tensor = self.body(x)
        return logits


def test_a_batch_is_split_where_memory_runs_out() -> None:
    """Without batch-norms the pieces add up to the whole, exactly but for rounding."""
    whole = score(small(), reference_batch(), ZERO_COST_NAS, CPU)
    greedy = Greedy(small(), most=10)
    pieces = score(greedy, reference_batch(), ZERO_COST_NAS, CPU)
    assert {8, 16, 32} <= set(greedy.calls)
    for name, value in whole.items():
        assert pieces[name].value == pytest.approx(value.value, rel=1e-3), name


def test_memory_that_does_not_do_for_one_image() -> None:
    with pytest.raises(ProxyError, match=r"snip fails: out of memory with a batch of one image"):
        score(Greedy(small(), most=0), reference_batch(), ["snip"], CPU)


def test_a_relu_that_writes_over_a_convolution_s_output() -> None:
    """Fisher looks at what the convolution gave, whatever comes of that tensor."""
    network = small()
    expected = score(network, reference_batch(), ["fisher", "snip"], CPU)
    network[1] = nn.ReLU(inplace=True)
    found = score(network, reference_batch(), ["fisher", "snip"], CPU)
    assert {name: one.value for name, one in found.items()} == {
        name: pytest.approx(one.value, rel=1e-5) for name, one in expected.items()
    }


def test_passes_are_shared() -> None:
    """Seven measures of the eight need one forward pass together, synflow has its own."""
    network = Greedy(small(), most=64)
    score(network, reference_batch(), ZERO_COST_NAS, CPU)
    assert network.calls == [32, 1]


def test_weights_may_be_drawn_by_a_rule() -> None:
    """For measures that have none of their own; the network's weights do not count then."""
    networks = [small(), small()]
    with torch.no_grad():
        networks[1][0].weight.mul_(2)
    drawn = replace(CPU, initialisation="kaiming_fan_in")
    own, same = (
        [score(network, reference_batch(), ["snip", "zico"], settings) for network in networks]
        for settings in (CPU, drawn)
    )
    assert own[0] != own[1]
    assert same[0] == same[1]
    with pytest.raises(ProxyError, match="initialisation is 'ones', expected one of own, kaiming_fan_in"):
        ScoreSettings(initialisation="ones")


def test_the_rules_are_those_that_settings_take() -> None:
    assert set(INITIALISATIONS) == {"own", *RULES}


def test_a_loss_that_is_no_number() -> None:
    x, y = reference_batch()
    with pytest.raises(ProxyError, match="grad_norm fails: the network's output is not finite"):
        score(small(), (x * float("nan"), y), ["grad_norm"], CPU)
    info = ("random", 1, 10)
    with pytest.raises(ProxyError, match="grad_norm fails: the loss is nan"):
        find_measures(small(), [(x, y)], info, "cpu", lambda logits, labels: logits.sum() * float("nan"), ["grad_norm"])


def test_gradients_that_are_zero() -> None:
    network = small()
    with torch.no_grad():
        network[0].weight.zero_()
        network[0].bias.fill_(-1.0)  # no ReLU is on
        network[4].weight.zero_()
    with pytest.raises(ProxyError, match="snip fails: the gradient of the loss is zero everywhere"):
        score(network, reference_batch(), ["snip"], CPU)


def test_outputs_that_are_no_logits() -> None:
    with pytest.raises(ProxyError, match=r"expected logits \(N, classes\)"):
        score(nn.Conv2d(3, 8, 3), reference_batch(), ["naswot", "snip"], CPU)


def test_labels_are_asked_for() -> None:
    x, _ = reference_batch()
    assert score(small(), x, ["jacob_cov", "naswot"], CPU)["naswot"].value > 0
    with pytest.raises(ProxyError, match="snip fails: it needs labels"):
        score(small(), x, ["snip"], CPU)


def test_a_layer_that_is_not_used_counts_nothing() -> None:
    network = small()
    before = score(network, reference_batch(), ["snip", "grad_norm"], CPU)
    network.add_module("unused", nn.Linear(3, 3))
    network.forward = network[:5].forward  # type: ignore[method-assign, assignment]
    after = score(network, reference_batch(), ["snip", "grad_norm"], CPU)
    assert after == before


def test_batches_that_are_balanced() -> None:
    x, y = reference_batch(classes=3)
    loader = [(x[i : i + 8], y[i : i + 8]) for i in range(0, 32, 8)]
    arrays = find_measures_arrays(small(), loader, ("grasp", 2, 3), "cpu", measure_names=["snip"])
    chosen = torch.cat([torch.nonzero(y == label)[:2, 0] for label in range(3)])
    expected = score(small(), (x[chosen], y[chosen]), ["snip"], CPU)["snip"].value
    assert find_measures(small(), [], ("grasp", 2, 3), "cpu", measures_arr=arrays)["snip"] == pytest.approx(expected)
    with pytest.raises(ProxyError, match="fewer than 40 images"):
        find_measures(small(), loader, ("grasp", 40, 3), "cpu")
    with pytest.raises(ProxyError, match="has 4 batches, expected 5"):
        find_measures(small(), loader, ("random", 5, 3), "cpu")


def test_the_probe_leaves_alone_what_nobody_uses() -> None:
    passes = Probe(small(), *reference_batch(), uses=("relu_codes",)).passes
    assert len(passes.relu_codes) == 1
    assert passes.gradients == passes.fisher == passes.hessian_gradient == []
