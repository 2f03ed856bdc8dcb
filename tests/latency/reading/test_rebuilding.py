"""Networks are built again from what was read of them, and compute the same with the same weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.densenet import DenseNet

from latency.kernels import UNFUSED, Fusion, group, stand_ins
from latency.measuring.weights import weight_count
from latency.reading.module import read_graph
from PlainNet.ops import OpGraph, Shape, UnknownOperationError
from PlainNet.read_modules import graph_module
from PlainNet.read_ops import FreeConv, GroupNorm, LayerNorm, Pad, PRelu, SpaceToDepth
from PlainNet.sizes import Sides, Size, sides, transposed


class Unusual(nn.Module):
    """Normalisations, slopes and squares of positions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, (1, 5), padding=(0, 2))
        self.norm = nn.GroupNorm(2, 8)
        self.act = nn.PReLU(8)
        self.wide = nn.Conv2d(32, 12, 1)
        self.factor = nn.Parameter(torch.ones(12, 1, 1))
        self.term = nn.Parameter(torch.zeros(1, 12, 1, 1))
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.stem(nn.functional.pad(x, (1, 0, 1, 0)))))[:, :, 1:, 1:]
        x = nn.functional.max_pool2d(nn.functional.avg_pool2d(x, (1, 2), 1), (2, 1), 1)
        x = nn.functional.pad(x, (1, 0, 1, 0))
        n, c, h, w = x.shape
        x = x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4).reshape(n, 4 * c, h // 2, w // 2)
        x = self.wide(x) * self.factor + self.term
        first, second = x.chunk(2, 1)
        x = torch.cat([first - second, nn.functional.gelu(first) / 2], 1)
        found: Tensor = self.head(nn.functional.interpolate(x, scale_factor=2).amax((2, 3)))
        return found


def convnext() -> nn.Module:
    return models.ConvNeXt([CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)], num_classes=7)


NETWORKS = {
    "unusual": Unusual,
    "convnext": convnext,
    "densenet": lambda: DenseNet(4, (2, 2), 8, num_classes=7),
    "mobilenet_v3": lambda: models.mobilenet_v3_small(width_mult=0.25, num_classes=7),
    "shufflenet": lambda: models.ShuffleNetV2([1, 1, 1], [8, 16, 16, 32, 32], num_classes=7),
    "squeezenet": lambda: models.squeezenet1_1(num_classes=7),
}


def made(name: str) -> nn.Module:
    """The network with weights and statistics that are not those of the start, in evaluation mode."""
    torch.manual_seed(0)
    network: nn.Module = NETWORKS[name]()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
    for weights in network.parameters():
        weights.data += 0.1 * torch.randn_like(weights)
    return network.eval().requires_grad_(False)


def read(network: nn.Module, size: Size = 64) -> OpGraph:
    return read_graph("net", network, 3, size)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", [64, Sides(64, 96), Sides(70, 64)])
def test_a_network_built_from_its_graph_computes_the_same(name: str, size: Size) -> None:
    network = made(name)
    graph = read(network, size)
    assert weight_count(graph) == sum(weights.numel() for weights in network.parameters())
    eps = next((part.eps for part in network.modules() if isinstance(part, nn.BatchNorm2d)), 1e-5)
    again = graph_module(graph, eps).eval().requires_grad_(False)
    known = network.state_dict()
    state = {
        key: (known[key] if key in known else known[key.removesuffix(".weight")]).reshape(value.shape)
        for key, value in again.state_dict().items()
    }
    again.load_state_dict(state)
    images = torch.randn(2, *graph.input.dims)
    torch.testing.assert_close(again(images), network(images), rtol=1e-4, atol=1e-4)


def test_single_layers_keep_what_tells_them_apart() -> None:
    ops = [node.op for node in read(Unusual()).nodes]
    assert ops[0] == Pad(1, 0)
    assert ops[1] == FreeConv(3, 8, (1, 5), (0, 2), bias=True)
    assert ops[2] == GroupNorm(8, 2)
    assert ops[3] == PRelu(8)
    assert SpaceToDepth(2) in ops
    assert LayerNorm(8) in [node.op for node in read(convnext()).nodes]


@pytest.mark.parametrize("fusion", [Fusion(), UNFUSED])
def test_every_operation_has_a_kernel(fusion: Fusion) -> None:
    for name in NETWORKS:
        wide, high = (group(read(made(name), size), fusion) for size in (Sides(64, 96), Sides(96, 64)))
        assert all(min(sides(kernel.out_size)) >= 1 for kernel, _ in wide)
        turned = [k._replace(size=transposed(k.size), out_size=transposed(k.out_size)) for k, _ in wide]
        assert name == "unusual" or turned == [kernel for kernel, _ in high]  # its windows are not square
    assert "LayerNorm" in stand_ins(read(convnext()))
    assert stand_ins(read(models.resnet18())) == []


def test_weights_that_are_computed_are_not_built() -> None:
    op = FreeConv(3, 8, (3, 3), (1, 1), weights="standardised")
    node = read(Unusual()).nodes[1]._replace(op=op, inputs=(0,))
    with pytest.raises(UnknownOperationError, match="standardised weights"):
        graph_module(OpGraph(Shape(3, 64), (node,), 1, (1,)))
