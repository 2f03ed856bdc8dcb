"""Inverted residuals and basic blocks: they compute what torchvision's do, and cost what is known of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.models.resnet import BasicBlock

from PlainNet import Options, Structure, StructureError, build, cost, lower, parse
from PlainNet.costform import cost_form
from PlainNet.ops import Add, Conv, Relu, Relu6, Sigmoid
from PlainNet.template import template_of
from ZeroShotProxy.proxies.zen_expected import ExpectedZen

MOBILENET_LIKE = (
    "SuperConvK3BNRELU(3,16,1,1)MBConv(16,24,3,3,1)MBConv(24,32,3,3,2)MBConv(32,32,3,3,1)MBConv(32,48,3,3,2)"
    "MBConv(48,48,3,3,1)MBConv(48,48,3,3,1)SuperConvK1BNRELU(48,128,1,1)"
)
RESNET8 = "SuperConvK3BNRELU(3,16,1,1)BasicBlock(16,16,3,1)BasicBlock(16,32,3,2)BasicBlock(32,64,3,2)"


def randomised(network: nn.Module) -> nn.Module:
    """The network in evaluation mode, with batch-norms far from the identity."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                assert values is not None
                values.data.uniform_(0.5, 2.0, generator=generator)
    return network.eval()


def copied(ours: nn.Module, theirs: Sequence[nn.Module]) -> None:
    """Copy the weights of layers, which both networks have in the same order."""
    own = [m for m in ours.modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d))]
    other = [m for whole in theirs for m in whole.modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d))]
    assert [type(m) for m in own] == [type(m) for m in other]
    for mine, its in zip(own, other, strict=True):
        mine.load_state_dict(its.state_dict())
        if isinstance(mine, nn.BatchNorm2d) and isinstance(its, nn.BatchNorm2d):
            mine.eps = its.eps


def features(text: str, theirs: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    ours = build(parse(text), num_classes=2).eval()
    copied(ours, [randomised(theirs)])
    with torch.no_grad():
        return ours.forward_pre_GAP(x), theirs(x)


@pytest.mark.parametrize(("out", "expansion", "stride"), [(8, 6, 1), (8, 1, 1), (16, 4, 1), (16, 3, 2), (8, 2, 2)])
def test_an_inverted_residual_is_mobilenets(out: int, expansion: int, stride: int) -> None:
    theirs = InvertedResidual(8, out, stride, expansion)
    x = 3 * torch.randn(2, 8, 9, 9, generator=torch.Generator().manual_seed(1))
    found, expected = features(f"MBConv(8,{out},3,{expansion},{stride})", theirs, x)
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("out", "stride"), [(8, 1), (16, 1), (8, 2), (16, 2)])
def test_a_basic_block_is_resnets(out: int, stride: int) -> None:
    projection = nn.Sequential(nn.Conv2d(8, out, 1, stride, bias=False), nn.BatchNorm2d(out))
    theirs = BasicBlock(8, out, stride, projection if (out, stride) != (8, 1) else None)
    x = 3 * torch.randn(2, 8, 9, 9, generator=torch.Generator().manual_seed(1))
    found, expected = features(f"BasicBlock(8,{out},3,{stride})", theirs, x)
    assert torch.allclose(found, expected, atol=1e-5)


def test_mbconvrelu_is_not_limited() -> None:
    for kind, op in (("MBConv", Relu6), ("MBConvRELU", Relu)):
        nodes = lower(parse(f"{kind}(8,8,5,2,1)"), resolution=8).nodes
        assert [type(node.op) for node in nodes if not isinstance(node.op, (Conv, Add))].count(op) == 2


def operations(text: str, options: Options) -> list[str]:
    return [type(node.op).__name__ for node in lower(parse(text), resolution=8, options=options).nodes]


@pytest.mark.parametrize(
    "text", ["MBConv(8,8,3,2,1)", "MBConv(8,8,3,1,1)", "BasicBlock(8,8,3,1)", "BasicBlock(8,16,3,2)"]
)
def test_without_links_only_the_main_path_is_left(text: str) -> None:
    whole, plain = operations(text, Options()), operations(text, Options(no_reslink=True))
    assert whole.count("Add") == 1
    assert "Add" not in plain
    projections = 2 if text.startswith("BasicBlock(8,16") else 0  # a convolution and its batch-norm
    assert len(whole) == len(plain) + 1 + projections


@pytest.mark.parametrize("text", ["MBConv(8,16,3,2,1)", "MBConv(8,8,3,2,2)"])
def test_inverted_residuals_of_other_shapes_have_no_link(text: str) -> None:
    assert "Add" not in operations(text, Options())


@pytest.mark.parametrize(("text", "behind"), [("MBConv(8,8,3,2,1)", Relu6), ("BasicBlock(8,8,3,1)", Relu)])
def test_squeeze_and_excitation_follows_the_spatial_convolution(text: str, behind: type) -> None:
    graph = lower(parse(text), resolution=8, options=Options(use_se=True))
    gates = [node for node in graph.nodes if isinstance(node.op, Sigmoid)]
    assert len(gates) == 1
    (gated,) = [node for node in graph.nodes if type(node.op).__name__ == "Mul"]
    before = graph.nodes[gated.inputs[0] - 1]
    assert isinstance(before.op, behind)
    convolution = graph.nodes[graph.nodes[before.inputs[0] - 1].inputs[0] - 1].op
    assert isinstance(convolution, Conv)
    assert convolution.kernel == 3


def test_the_mobilenet_like_network_costs_what_is_known() -> None:
    found = cost(parse(MOBILENET_LIKE))
    assert (found.params, found.flops, found.layers) == (63_842, 10_636_544, 8)


def test_resnet8_costs_what_mlperf_tiny_says() -> None:
    """MLPerf Tiny counts 78,666: with biases of convolutions and moving averages, without BN on the projections."""
    found = cost(parse(RESNET8))
    norms = 4 * 16 + 32 + 32 + 64 + 64 - 16  # channels of the batch-norms that MLPerf Tiny has
    biases = norms + 32 + 64  # each convolution has one, projections too
    norms_on_projections = 2 * (32 + 64)
    assert found.params == 78_042 == 78_666 - biases - 2 * norms + norms_on_projections
    assert found.flops == 12_501_632
    assert found.layers == 4


def test_links_have_families_of_their_own() -> None:
    """Blocks with equal channels have an identity, so their formulas differ."""
    a, b, c = (
        template_of(parse(text).blocks[0])
        for text in ("BasicBlock(16,16,3,1)", "BasicBlock(16,24,3,1)", "BasicBlock(40,40,3,1)")
    )
    assert a is c is not b is not None
    assert cost_form(a, 8, Options()) != cost_form(b, 8, Options())  # type: ignore[arg-type]


def test_the_expected_score_is_cached_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = ExpectedZen(32)
    structures = [parse(text) for text in (MOBILENET_LIKE, RESNET8)]
    walked = [scorer._walk(structure) for structure in structures]

    def never(structure: Structure) -> float:
        raise AssertionError(f"{structure} is walked")

    monkeypatch.setattr(scorer, "_walk", never)
    assert [scorer(structure) for structure in structures] == pytest.approx(walked, rel=1e-3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("MBConv(8,8,4,2,1)", "kernel_size of MBConv is 4"),
        ("MBConv(8,8,3,9,1)", "expansion of MBConv is 9, expected a number from 1 to 8"),
        ("MBConv(8,8,3,2)", "expected , and stride"),
        ("BasicBlock(8,8,3,0)", "stride of BasicBlock is 0"),
    ],
)
def test_wrong_arguments_are_refused(text: str, says: str) -> None:
    with pytest.raises(StructureError, match=says):
        cost(parse(text))
