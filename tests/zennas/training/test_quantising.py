"""Quantisation-aware training: what is rounded, and what a training with it stores."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from latency.litert.flatbuffer import written
from latency.litert.network import float_model
from latency.litert.quantisation import int8_model, values_of
from PlainNet import build, lower, ops, parse
from PlainNet.deployed.deploy import deploy
from zennas.training.distributed import Group
from zennas.training.drop_path import with_drop_path
from zennas.training.insertion import graph_of, places
from zennas.training.job import RunOptions, TrainingJob
from zennas.training.loop import NoWatcher
from zennas.training.quantising import Rounding, rounded_values, rounded_weights, with_rounding
from zennas.training.recipe import Recipe, RecipeError
from zennas.training.runner import train_structure

NETWORK = parse("SuperConvK3BNRELU(3,8,2,1)SuperResK3K3(8,16,2,8,1)SuperConvK1BNRELU(16,24,1,1)")


def test_values_are_on_a_grid_with_zero_and_pass_gradients() -> None:
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    limits = torch.stack([x.min(), x.max()])
    y = rounded_values(x, limits)
    step = (x.max() - x.min()) / 255
    assert float((y - x).abs().max()) <= float(step)
    assert torch.allclose((y / step).round() * step, y, atol=1e-5)
    rounded_values(x.requires_grad_(), limits).sum().backward()
    assert x.grad is not None and torch.equal(x.grad, torch.ones_like(x))
    assert torch.equal(rounded_values(torch.zeros(4), torch.zeros(2)), torch.zeros(4))
    positive = rounded_values(torch.tensor([0.0, 1.0, 2.55]), torch.tensor([0.0, 2.55]))
    assert torch.allclose(positive, torch.tensor([0.0, 1.0, 2.55]), atol=1e-6)
    beyond = torch.tensor([-2.0, 0.5, 9.0], requires_grad=True)
    cut = rounded_values(beyond, torch.tensor([-1.0, 1.0]))
    cut.sum().backward()
    assert beyond.grad is not None and beyond.grad.tolist() == [0, 1, 0]
    assert torch.allclose(cut, torch.tensor([-1.0, 0.5, 1.0]), atol=1 / 127)


def test_ranges_widen_at_once_shrink_slowly_and_stay_in_the_end() -> None:
    network = build(NETWORK, num_classes=4)
    rounding, recipe = Rounding(network, trained=False), Recipe(epochs=4, quantise_aware=2)
    rounding.begin(recipe, 2.0)
    assert (rounding.on, rounding.settled) == (True, False)
    assert rounding.range_of("a", torch.tensor([-1.0, 2.0])).tolist() == [-1, 2]
    assert rounding.range_of("a", torch.tensor([-3.0, 1.0])).tolist() == [-3, pytest.approx(1.99)]
    assert rounding.range_of("b", torch.tensor([1.0, 2.0])).tolist() == [0, 2]
    network.train()
    rounding.begin(recipe, 3.0)
    assert rounding.settled
    assert rounding.range_of("b", torch.tensor([-1.0, 5.0])).tolist() == [0, 2]
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms and not any(norm.training for norm in norms)
    for before in (False, True):
        network.train()
        Rounding(network, before).begin(recipe, 2.0)
        assert all(norm.training is not before for norm in norms)
    rounding.begin(recipe, 1.99)
    assert not (rounding.on or rounding.settled)


def test_a_batch_norm_behind_a_convolution_does_not_matter_to_its_weights() -> None:
    weight = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    factor = torch.tensor([0.1, -2.0, 3.0, 0.5, -0.01, 1.0]).view(-1, 1, 1, 1)
    folded = rounded_weights(weight * factor, per_channel=True)
    assert torch.allclose(folded, rounded_weights(weight, per_channel=True) * factor, atol=1e-6)
    assert all(len(channel.unique()) <= 255 for channel in folded)
    scaled = rounded_weights(weight, per_channel=False, factors=factor.flatten()) * factor
    assert torch.allclose(scaled, rounded_weights(weight * factor, per_channel=False), atol=1e-6)
    assert torch.equal(rounded_weights(weight, False, torch.zeros(6)).abs() < 1e9, torch.ones_like(weight).bool())
    one = rounded_weights(weight.flatten(1), per_channel=False)
    assert float((one - weight.flatten(1)).abs().max()) <= float(weight.abs().max()) / 254 + 1e-6


def test_only_training_rounds_and_names_stay() -> None:
    torch.manual_seed(0)
    network, x = build(NETWORK, num_classes=4), torch.randn(4, 3, 16, 16)
    before, names = network.eval()(x), list(network.state_dict())
    rounding = with_rounding(network)
    rounding.on = True
    assert torch.equal(network.eval()(x), before)
    assert list(network.state_dict()) == names
    network.train()
    copied = copy.deepcopy(network)
    with torch.no_grad():
        copied.fc_linear.weight.zero_()
    rounded = network(x).detach()
    rounding.on = False
    exact = network(x).detach()
    assert 0 < float((rounded - exact).abs().max()) < 0.5 * float(exact.abs().max())
    assert torch.equal(copied(x), copied.fc_linear.bias.expand(4, 4))


def test_what_is_put_into_a_network_goes_together() -> None:
    torch.manual_seed(0)
    network, x = build(NETWORK, num_classes=4), torch.randn(4, 3, 16, 16)
    before = network.eval()(x)
    recipe = Recipe(epochs=2, batch_size=4, drop_path=0.5, quantise_aware=1)
    paths, rounding = with_drop_path(network), with_rounding(network)
    assert torch.equal(network.eval()(x), before)
    paths.begin(recipe, Group(torch.device("cpu")), 1, 0)
    rounding.begin(recipe, 1.0)
    for block in network.blocks:
        block.graph.lint()  # type: ignore[operator]
    assert network.train()(x).shape == (4, 4)
    where, graph = places(network, graph_of(network)), graph_of(network)
    for number, place in where.items():
        if isinstance(graph.nodes[number - 1].op, ops.Conv):
            assert isinstance(place.module.get_submodule(str(place.node.target)), nn.Conv2d)


def test_a_training_rounds_in_its_last_epochs(tmp_path: Path) -> None:
    def trained(name: str, last: int, epochs: int = 2) -> dict[str, torch.Tensor]:
        recipe = Recipe(epochs=epochs, batch_size=256, quantise_aware=last, precision="fp32")
        train_structure(TrainingJob(NETWORK, "digits", recipe, resolution=16), tmp_path / name)
        found: dict[str, torch.Tensor] = torch.load(tmp_path / name / "weights.pt", weights_only=True)["state_dict"]
        return found

    plain, rounded = trained("plain", 0), trained("rounded", 1)
    assert plain.keys() == rounded.keys()
    assert not torch.equal(plain["fc_linear.weight"], rounded["fc_linear.weight"])
    histories = [(tmp_path / name / "history.csv").read_text().splitlines() for name in ("plain", "rounded")]
    first = [[line.split(",")[:5] for line in history[1:2]] for history in histories]
    assert first[0] == first[1]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(RecipeError, match="quantise_aware is 3, expected"):
        Recipe(epochs=2, quantise_aware=3)
    with pytest.raises(RecipeError, match="quantise_weights is per-tensor, but no epochs are quantisation-aware"):
        Recipe(quantise_weights="per-tensor")
    with pytest.raises(RecipeError, match="compile does not work with"):
        Recipe(quantise_aware=1, compile=True)


def test_a_training_that_is_killed_while_it_rounds_ends_the_same(tmp_path: Path) -> None:
    class Killed(NoWatcher):
        def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
            if (epoch, step) == (2, 3):
                raise KeyboardInterrupt

    job = TrainingJob(NETWORK, "digits", Recipe(epochs=3, batch_size=256, quantise_aware=2), resolution=16)
    options = RunOptions(device="cpu", resume="auto", checkpoint_minutes=0)
    train_structure(job, tmp_path / "whole", options)
    with pytest.raises(KeyboardInterrupt):
        train_structure(job, tmp_path / "killed", options, Killed())
    train_structure(job, tmp_path / "killed", options)
    weights = [
        torch.load(tmp_path / name / "weights.pt", weights_only=True)["state_dict"] for name in ("whole", "killed")
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize("weights", ["per-channel", "per-tensor"])
def test_rounding_in_training_is_like_that_of_a_file(weights: str) -> None:
    pytest.importorskip("ai_edge_litert")
    from zennas.exporting.litert.running import litert_answers, ranges_of

    torch.manual_seed(0)
    network, graph = build(NETWORK, num_classes=4).eval(), lower(NETWORK, resolution=16, num_classes=4)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # channels of different sizes, so that folding matters
            module.weight.data = torch.exp(torch.randn(len(module.weight)))
    x = torch.randn(64, 3, 16, 16)
    floats = float_model(deploy(graph), graph, network)
    ranges = ranges_of(written(floats), [x.numpy()], values_of(floats))
    content = written(int8_model(floats, ranges, weights == "per-channel"))
    rounding = with_rounding(network)
    with torch.no_grad():
        exact = network(x)
        network.train()
        rounding.begin(Recipe(epochs=1, quantise_aware=1, quantise_weights=weights), 0.5)  # norms as in the file
        errors = [
            (found - exact).flatten() for found in (network(x), torch.from_numpy(litert_answers(content)(x.numpy())))
        ]
    sizes = [float(error.norm()) for error in errors]
    assert 0.5 < sizes[0] / sizes[1] < 2
    assert float(errors[0] @ errors[1]) > 0.2 * sizes[0] * sizes[1]
