"""Operations read off modules: costs agree with fvcore, structures are found again, the rest is refused by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision
from fvcore.nn import FlopCountAnalysis
from torch import Tensor, nn

from latency.base import LatencyError
from latency.measuring.subject import of_module
from latency.measuring.weights import weight_count
from latency.reading.module import read_graph
from PlainNet import build, lower, parse
from PlainNet.blocktype import Options
from PlainNet.cost import op_cost
from PlainNet.ops import HEAD, AdaptiveAvgPool, Add, Conv, Flatten, Mul, Op, OpGraph, Relu6, Shape
from PlainNet.read_ops import Activation
from tests.conftest import SMALL


def test_a_structure_is_found_again_in_its_network() -> None:
    for use_se in (False, True):
        lowered = lower(parse(SMALL), resolution=32, num_classes=10, options=Options(use_se=use_se))
        read = read_graph("small", build(SMALL, use_se=use_se), 3, 32)
        assert [(n.op, n.inputs, n.shape) for n in read.nodes] == [(n.op, n.inputs, n.shape) for n in lowered.nodes]
        assert read.input == lowered.input
        assert read.output == lowered.output
        assert [n.block == HEAD for n in read.nodes] == [n.block == HEAD for n in lowered.nodes]


def totals(graph: OpGraph) -> tuple[int, int]:
    costs = [op_cost(node.op, node.shape) for node in graph.nodes]
    return sum(cost.flops for cost in costs), sum(cost.params for cost in costs)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "efficientnet_b0"])
def test_costs_are_those_that_others_count(name: str) -> None:
    network = getattr(torchvision.models, name)(weights=None).eval()
    flops, params = totals(read_graph(name, network, 3, 64))
    assert params == sum(p.numel() for p in network.parameters())
    counted = FlopCountAnalysis(network, torch.zeros(1, 3, 64, 64)).unsupported_ops_warnings(False)
    counted.uncalled_modules_warnings(False)
    by_operator = counted.by_operator()
    assert flops == by_operator["conv"] + by_operator["linear"]


def test_blocks_are_those_of_the_module() -> None:
    graph = read_graph("resnet18", torchvision.models.resnet18(weights=None), 3, 64)
    paths = {node.block: node.path for node in reversed(graph.nodes)}
    assert [paths[block].rpartition(".")[0] for block in range(1, 9)] == [
        f"layer{stage}.{block}" for stage in range(1, 5) for block in range(2)
    ]
    assert len(graph.block_outputs) == 9
    assert [type(node.op).__name__ for node in graph.nodes if node.block == HEAD] == [
        "AdaptiveAvgPool",
        "Flatten",
        "Linear",
    ]


class Given(nn.Module):
    """A network of one function, behind a convolution named `stem`."""

    def __init__(self, function: Callable[[Tensor], Tensor], *layers: nn.Module) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.layers = nn.Sequential(*layers)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.layers(self.stem(x)))


def same(x: Tensor) -> Tensor:
    return x


def last(function: Callable[[Tensor], Tensor], *layers: nn.Module) -> OpGraph:
    return read_graph("given", Given(function, *layers), 3, 8)


def test_gates_come_second_and_means_are_pooling() -> None:
    graph = last(lambda x: x.mean((2, 3), keepdim=True).sigmoid() * x)
    assert [type(node.op) for node in graph.nodes[-1:]] == [Mul]
    assert graph.nodes[-1].inputs == (1, 3)
    graph = last(lambda x: torch.mean(x, [-1, -2]))
    assert [node.op for node in graph.nodes[1:]] == [AdaptiveAvgPool(1), Flatten()]
    assert graph.shape_of(graph.output) == Shape(4, 0)


@pytest.mark.parametrize(
    ("function", "op"),
    [(nn.functional.relu6, Relu6()), (nn.ReLU6(), Relu6()), (nn.functional.hardtanh, Activation("clip", (-1.0, 1.0)))],
)
def test_limits_are_kept(function: Callable[[Tensor], Tensor], op: Op) -> None:
    assert last(function).nodes[-1].op == op


def test_what_does_nothing_is_left_out() -> None:
    graph = last(lambda x: x + x.contiguous(), nn.Dropout(), nn.Identity())
    assert [type(node.op) for node in graph.nodes] == [Conv, Add]
    assert graph.nodes[1].inputs == (1, 1)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Given(same, nn.Conv2d(4, 4, 3, stride=(1, 2))), "a stride of 1×2 at layers"),
        (Given(same, nn.AdaptiveAvgPool2d((2, 3))), "an average pooling to 2×3 positions"),
        (Given(same, nn.MaxPool2d(3, 1, 1, dilation=2)), "dilated pooling"),
        (Given(lambda x: x[:, :, 1:, 2:]), "a slice of height or width alone"),
        (Given(lambda x: torch.cat([x, x], 2)), "along anything but the channels"),
        (Given(lambda x: x.mean(1, keepdim=True)), "mean over anything but height and width"),
        (Given(lambda x: torch.cumsum(x, 1)), "cumsum"),
        (Given(lambda x: torch.matmul(x, x.transpose(2, 3))), "matmul of two values that depend on the image"),
        (Given(lambda x: x if float(x.sum()) > 0 else -x), "sum over anything"),
        (Given(same, nn.Linear(5, 5)), r"does not run on images of 3×8×8"),
        (nn.Sequential(nn.Flatten(), nn.Linear(192, 2)), "has no convolution"),
        (torchvision.models.vision_transformer.VisionTransformer(8, 4, 1, 2, 8, 8), "transformers and networks with"),
    ],
)
def test_the_rest_is_refused_by_name(network: nn.Module, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LatencyError, match=message) as caught:
        read_graph("net", network, 3, 8)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().err == ""  # torch.fx prints tracebacks


def test_the_module_is_left_as_it_was() -> None:
    network = build(SMALL).train()
    read_graph("small", network, 3, 32)
    assert network.training
    assert next(network.parameters()).device.type == "cpu"


class Shared(nn.Module):
    """A convolution that is used three times, under two names, and batch-norms with and without weights."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.conv = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.same = self.conv
        self.plain = nn.BatchNorm2d(8, affine=False)
        self.norm = nn.BatchNorm2d(8)
        self.classifier = nn.Linear(8 * 64, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.plain(self.conv(self.stem(x)))
        x = self.norm(self.same(self.norm(self.conv(x))))
        found: Tensor = self.classifier(torch.flatten(x, 1))
        return found


def test_weights_of_layers_that_are_used_several_times_count_once() -> None:
    network = Shared()
    graph = read_graph("shared", network, 3, 8)
    assert sum(isinstance(node.op, Conv) for node in graph.nodes) == 4
    assert weight_count(graph) == sum(weights.numel() for weights in network.parameters())
    subject = of_module("shared", network, (3, 8, 8))
    for make in (subject.build, subject.calmer):
        assert make is not None
        assert make()(torch.zeros(2, 3, 8, 8)).isfinite().all()


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "efficientnet_b0", "densenet121"])
def test_weights_of_models_are_counted_exactly(name: str) -> None:
    network = torchvision.models.get_model(name, weights=None)
    assert weight_count(read_graph(name, network, 3, 64)) == sum(weights.numel() for weights in network.parameters())
