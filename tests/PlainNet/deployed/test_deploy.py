"""Deployed operators compute what PyTorch's module does, for every kind of block and for networks of every space."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from PlainNet import Options, Structure, build, lower, parse
from PlainNet.blocktype import BlockType
from PlainNet.deployed import operators as to
from PlainNet.deployed.deploy import DeployError, deploy
from PlainNet.deployed.operators import Deployed, Weighted, builtin, weight_bytes
from PlainNet.ops import HEAD, OpGraph
from SearchSpace import SPACES, load_space
from tests.conftest import BUILT, network_around, random_block
from zennas.testing.arrays import walked


def parameters(kind: Weighted, graph: OpGraph, network: nn.Module) -> tuple[Tensor, Tensor]:
    """Weights (out, in / groups, height, width) and biases (out,), with batch normalisation folded in."""

    def module(value: int) -> nn.Module:
        node = graph.nodes[value - 1]
        block, _, inside = node.path.partition(".")
        return network.get_submodule(node.path if node.block == HEAD else f"blocks.{block}.{inside or 'op'}")

    source, out = kind.weights, kind.out_channels
    if source.layer is None:
        weight, bias = torch.full((out, 1, 1, 1), source.fill), torch.zeros(out)
    else:
        layer = module(source.layer)
        if source.factor is not None:
            layer = list(layer.children())[source.factor]
        bias = torch.zeros(out) if layer.bias is None else layer.bias.detach()
        weight = layer.weight.detach().reshape(out, -1, *source.taps)
    for value, first in source.norms:
        norm = module(value)
        own = slice(first, first + out)
        factor = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()[own]
        weight = weight * factor.reshape(-1, 1, 1, 1)
        bias = (bias - norm.running_mean[own]) * factor + norm.bias.detach()[own]
    if isinstance(kind, to.FullyConnected):
        return weight.reshape(kind.weight_shape), bias
    (top, left), (height, width) = source.origin, kind.kernel
    (rows, columns) = source.taps
    return F.pad(weight, (left, width - left - columns, top, height - top - rows)), bias


def padded(x: Tensor, kind: to.Conv2D | to.DepthwiseConv2D | to.Pool2D, value: float = 0.0) -> Tensor:
    """The input with the padding that LiteRT defines."""
    if kind.padding == "VALID":
        return x
    dilation = getattr(kind, "dilation", (1, 1))
    pads = []
    for size, taps, stride, step in zip(x.shape[2:], kind.kernel, kind.stride, dilation, strict=True):
        total = max((-(-size // stride) - 1) * stride + step * (taps - 1) + 1 - size, 0)
        pads.append((total // 2, total - total // 2))
    return F.pad(x, (*pads[1], *pads[0]), value=value)


def run(deployed: Deployed, graph: OpGraph, network: nn.Module, image: Tensor) -> Tensor:
    """The output, computed operator by operator in single precision, in PyTorch's order of dimensions."""
    values = [image]
    for operator in deployed.operators:
        kind, read = operator.kind, [values[i] for i in operator.inputs]
        match kind:
            case to.Conv2D():
                weight, bias = parameters(kind, graph, network)
                y = F.conv2d(padded(read[0], kind), weight, bias, kind.stride, 0, kind.dilation, kind.groups)
            case to.DepthwiseConv2D():
                weight, bias = parameters(kind, graph, network)
                y = F.conv2d(padded(read[0], kind), weight, bias, kind.stride, 0, kind.dilation, kind.channels)
            case to.FullyConnected():
                y = F.linear(read[0], *parameters(kind, graph, network))
            case to.Mean():
                y = read[0].mean((2, 3), keepdim=kind.keep_dims)
            case to.Pool2D():
                if kind.kind == "MAX":
                    y = F.max_pool2d(padded(read[0], kind, -torch.inf), kind.kernel, kind.stride)
                else:
                    inside = F.avg_pool2d(padded(torch.ones_like(read[0]), kind), kind.kernel, kind.stride)
                    y = F.avg_pool2d(padded(read[0], kind), kind.kernel, kind.stride) / inside
            case to.Add():
                y = read[0] + read[1]
            case to.Mul():
                y = read[0] * read[1]
            case to.Logistic():
                y = torch.sigmoid(read[0])
            case to.Rectify():
                y = read[0]
            case to.Concatenation():
                y = torch.cat(read, 1)
            case to.Reshape():
                y = read[0].flatten(1)
            case to.Slice():
                y = read[0][:, : kind.channels]
        activation = getattr(kind, "activation", "NONE")
        y = {"NONE": lambda y: y, "RELU": F.relu, "RELU6": F.relu6}[activation](y)
        n, *sides, channels = operator.shape
        assert y.shape == (n, channels, *sides), builtin(kind)
        values.append(y)
    return values[deployed.output]


def check(structure: Structure, resolution: int, options: Options = Options()) -> Deployed:
    torch.manual_seed(0)
    network = build(structure, num_classes=4, use_se=options.use_se, no_reslink=options.no_reslink).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for numbers in (module.running_mean, module.weight, module.bias):
                nn.init.normal_(numbers, 0.5)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
    graph = lower(structure, resolution=resolution, num_classes=4, options=options)
    deployed = deploy(graph)
    image = torch.randn(1, 3, resolution, resolution)
    with torch.no_grad():
        wanted = network(image)
        found = run(deployed, graph, network, image)
    assert torch.allclose(found, wanted, rtol=1e-3, atol=1e-3 * float(wanted.abs().max())), structure
    return deployed


@pytest.mark.parametrize("kind", BUILT, ids=lambda kind: kind.kind)
def test_every_block_computes_the_same(kind: BlockType) -> None:
    rng = Random(kind.kind)
    for resolution in (8, 11):
        structure = network_around(random_block(kind, rng, 32, 32), 32)
        try:
            check(structure, resolution, Options(use_se=rng.random() < 0.5))
        except DeployError as error:
            assert kind.kind in ("AdaptiveAvgPool", "MaxPool", "AvgPool"), error


@pytest.mark.parametrize("name", SPACES.names())
def test_networks_of_every_space_compute_the_same(name: str) -> None:
    for structure in walked(load_space(name), 1):
        check(structure, 33 if name == "darts" else 32)


def test_norms_and_rectifiers_take_no_operator_of_their_own() -> None:
    deployed = check(parse("SuperConvK3BNRELU(3,8,2,1)SuperResIDWE4K5(8,16,2,8,1)"), 32, Options(use_se=True))
    counts = Counter(builtin(operator.kind) for operator in deployed.operators)
    assert counts == {
        "CONV_2D": 11, "DEPTHWISE_CONV_2D": 2, "MEAN": 3, "LOGISTIC": 2, "MUL": 2, "ADD": 2, "FULLY_CONNECTED": 1
    }  # fmt: skip
    assert [operator.kind.activation for operator in deployed.operators if isinstance(operator.kind, to.Add)] == [
        "RELU",
        "RELU",
    ]


@pytest.mark.parametrize(("size", "kernel"), [(32, (4, 4)), (33, (3, 3)), (1, (3, 3))])
def test_a_kernel_grows_where_windows_would_begin_elsewhere(size: int, kernel: tuple[int, int]) -> None:
    first = check(parse("ConvKX(3,8,3,2)"), size).operators[0].kind
    assert isinstance(first, to.Conv2D) and first.kernel == kernel and first.padding == "SAME"
    assert weight_bytes(first) == 8 * 3 * kernel[0] * kernel[1] + 4 * 8


def test_norms_are_folded_through_a_concatenation() -> None:
    deployed = check(parse("MultiCatBlock(ConvKX(3,8,3,1);ConvKX(3,16,1,1))BN(24)RELU(24)"), 8)
    assert [builtin(operator.kind) for operator in deployed.operators][:3] == ["CONV_2D", "CONV_2D", "CONCATENATION"]
    norms = [operator.kind.weights.norms for operator in deployed.operators[:2]]  # type: ignore[union-attr]
    assert [first for ((_, first),) in norms] == [0, 8]


def test_a_norm_behind_a_sum_is_a_depthwise_convolution() -> None:
    deployed = check(parse("ResBlock(ConvKX(3,3,3,1))BN(3)RELU(3)"), 8)
    kinds = [operator.kind for operator in deployed.operators]
    assert isinstance(kinds[2], to.DepthwiseConv2D) and kinds[2].activation == "RELU"


def test_zeros_are_not_added() -> None:
    cell = "NB201Cell(8,0,1,0,0,3,1)"
    deployed = check(parse(f"ConvKX(3,8,3,1){cell}"), 8)
    assert [builtin(operator.kind) for operator in deployed.operators].count("ADD") == 1


def test_values_name_what_they_are_equal_to() -> None:
    graph = lower(parse("SuperResIDWE4K5(3,16,2,8,1)Swish(16)"), resolution=16, num_classes=3)
    deployed = deploy(graph)
    for operator in deployed.operators:
        if operator.value is not None:
            channels, *sides = graph.shape_of(operator.value).dims
            assert operator.shape == (1, *sides, channels)
    assert [builtin(one.kind) for one in deployed.operators if one.value is None] == ["LOGISTIC"]


def test_a_pooling_without_a_form_is_refused() -> None:
    with pytest.raises(DeployError, match=r"MaxPool at 0 has no form .* a window of 4 at stride 1"):
        deploy(lower(parse("MaxPool(3,4,1)"), resolution=8))
