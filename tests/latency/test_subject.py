"""Networks to time: the same each time, well-behaved, and without a trace in what they were made from."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from latency.base import LatencyError
from latency.measuring.subject import of_module, of_structure, subject_of
from PlainNet import ParseError, parse
from tests.conftest import SMALL

STRUCTURE = parse(SMALL)


def batch(size: int = 32, images: int = 2) -> Tensor:
    return torch.randn(images, 3, size, size, generator=torch.Generator().manual_seed(3))


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(x).flatten(1))
        return logits


def test_every_build_has_the_same_weights_and_is_its_own() -> None:
    subject = of_structure(STRUCTURE, 32, 10, use_se=True)
    first, second = subject.build(), subject.build()
    with torch.no_grad():
        assert torch.equal(first(batch()), second(batch()))
        for parameter in first.parameters():
            parameter.zero_()
        assert subject.build()(batch()).abs().max() > 0
    assert not first.training


def test_the_seed_decides() -> None:
    with torch.no_grad():
        logits = [of_structure(STRUCTURE, 32, 10, seed=seed).build()(batch()) for seed in (0, 0, 1)]
    assert torch.equal(logits[0], logits[1])
    assert not torch.equal(logits[0], logits[2])


def test_the_callers_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    of_structure(STRUCTURE, 32, 10).build()
    of_module("tiny", Tiny(), (3, 16, 16)).build()
    torch.random.set_rng_state(before)
    of_structure(STRUCTURE, 32, 10).build()
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_graph_is_that_of_the_structure_with_its_classifier() -> None:
    subject = of_structure(STRUCTURE, 32, 7, name="mine")
    assert subject.name == "mine"
    assert subject.graph.input.dims == (3, 32, 32)
    assert subject.graph.shape_of(subject.graph.output).dims == (7,)
    assert len(of_structure(STRUCTURE, 32, 7).name) <= 60


@pytest.mark.parametrize("use_se", [False, True])
def test_activations_neither_explode_nor_vanish(use_se: bool) -> None:
    deep = parse(
        "SuperConvK3BNRELU(3,16,1,1)SuperResK3K3(16,16,2,16,12)SuperResIDWE4K5(16,24,2,16,10)SuperResK1K5K1(24,32,2,16,8)"
    )
    network = of_structure(deep, 32, 10, use_se=use_se).build()
    sizes: list[float] = []
    for module in network.modules():
        module.register_forward_hook(lambda m, x, y: sizes.append(float(y.abs().max())))
    with torch.no_grad():
        logits = network(batch(images=8))
    assert max(sizes) < 6e3  # half precision ends at 65,504
    assert 0.1 < float(logits.square().mean().sqrt()) < 30


def test_statistics_are_worth_folding() -> None:
    network = of_structure(STRUCTURE, 32, 10).build()
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    for norm in norms:
        assert norm.running_mean is not None
        assert float(norm.running_mean.abs().max()) > 1e-3
        assert float((norm.weight - 1).abs().max()) > 1e-3


def test_a_module_is_copied_and_keeps_its_weights() -> None:
    torch.manual_seed(0)
    module = Tiny().train()
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    subject = of_module("tiny", module, (3, 16, 16))
    built = subject.build()
    assert torch.equal(built.get_parameter("head.weight"), state["head.weight"])
    assert float(built.get_buffer("body.1.running_mean").abs().max()) > 0  # nobody trained it
    assert module.training
    assert all(torch.equal(tensor, state[name]) for name, tensor in module.state_dict().items())


def test_a_trained_module_keeps_its_statistics() -> None:
    module = Tiny().train()
    module(batch(16))
    built = of_module("tiny", module.eval(), (3, 16, 16)).build()
    assert torch.equal(built.get_buffer("body.1.running_mean"), module.get_buffer("body.1.running_mean"))


def test_builds_made_in_inference_mode_can_be_used_outside() -> None:
    subject = of_structure(STRUCTURE, 32, 10)
    with torch.inference_mode():
        network = subject.build()
    network.requires_grad_(True)(batch()).sum().backward()


def test_structures_their_text_and_modules_are_subjects() -> None:
    assert subject_of(SMALL, resolution=16).graph == subject_of(STRUCTURE, resolution=16).graph
    assert subject_of(Tiny(), resolution=16).name == "Tiny"
    with pytest.raises(ParseError):
        subject_of("SuperConv(")


def test_images_need_not_be_square() -> None:
    subject = of_module("tiny", Tiny(), (3, 16, 8))
    assert subject.graph.input.dims == (3, 16, 8)
    assert subject.build()(torch.zeros(1, 3, 16, 8)).isfinite().all()
    assert subject_of(STRUCTURE, resolution="16x24").graph.input.dims == (3, 16, 24)
    with pytest.raises(LatencyError, match="the resolution is '16x', expected a whole number, or height and width"):
        subject_of(Tiny(), resolution="16x")
