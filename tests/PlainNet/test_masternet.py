"""The built network: names, features, and that it can be copied, traced and moved like any module."""

from __future__ import annotations

import copy

import pytest
import torch

from PlainNet import build, cost, lower, parse
from PlainNet.masternet import MasterNet
from tests.conftest import SMALL


@pytest.fixture
def network() -> MasterNet:
    torch.manual_seed(0)
    return build(parse(SMALL), num_classes=10, use_se=True).eval()


def test_names_are_paths(network: MasterNet) -> None:
    names = list(network.state_dict())
    assert names[0] == "blocks.0.0.weight"
    assert "blocks.1.0.proj.0.bias" in names
    assert "blocks.2.0.6.1.weight" in names
    assert names[-2:] == ["fc_linear.weight", "fc_linear.bias"]


def test_weights_come_in_the_order_of_the_graph(network: MasterNet) -> None:
    graph = lower(network.structure, resolution=32, options=network.options)
    paths = [f"blocks.{node.path}" for node in graph.nodes]
    owners = [name.rsplit(".", 1)[0] for name, _ in network.named_parameters() if name.startswith("blocks")]
    positions = [paths.index(owner) for owner in owners]
    assert positions == sorted(positions)


def test_batch_norm_eps_is_zen_nas_s(network: MasterNet) -> None:
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert norms
    assert {norm.eps for norm in norms} == {1e-3}


def test_stage_features(network: MasterNet) -> None:
    features, logits = network.extract_stage_features_and_logit(torch.randn(2, 3, 32, 32), target_downsample_ratio=2)
    assert [tuple(f.shape) for f in features] == [(2, 16, 16, 16), (2, 24, 8, 8), (2, 16, 4, 4)]
    x = torch.randn(1, 3, 32, 32)
    assert torch.equal(network.extract_stage_features_and_logit(x)[1], network(x))
    assert logits.shape == (2, 10)


def test_copies_share_nothing_and_agree(network: MasterNet) -> None:
    x = torch.randn(1, 3, 32, 32)
    twin = copy.deepcopy(network)
    assert torch.equal(twin(x), network(x))
    with torch.no_grad():
        twin.fc_linear.weight.zero_()
    assert not torch.equal(twin(x), network(x))


def test_replaced_modules_are_used(network: MasterNet) -> None:
    x = torch.randn(1, 3, 32, 32)
    before = network(x)
    network.set_submodule("blocks.0.1", torch.nn.Identity())
    assert not torch.allclose(network(x), before)


def test_export(network: MasterNet) -> None:
    x = torch.randn(1, 3, 32, 32)
    program = torch.export.export(network, (x,))
    assert torch.allclose(program.module()(x), network(x), atol=1e-5)


def test_a_flat_structure_has_no_second_pooling() -> None:
    structure = parse("ConvKX(3,8,3,2)AdaptiveAvgPool(8,1)Flatten(8)Linear(8,6,1)Swish(6)")
    network = build(structure, num_classes=4)
    assert network(torch.randn(2, 3, 9, 9)).shape == (2, 4)
    assert cost(structure, num_classes=4).params == sum(p.numel() for p in network.parameters())


def test_it_trains() -> None:
    network = build(parse(SMALL), num_classes=10)
    loss = network(torch.randn(4, 3, 16, 16)).square().mean()
    loss.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())
