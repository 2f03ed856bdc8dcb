"""Proxies against their definitions, written plainly, on a small network of another maker."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap
from torch.nn import functional as F

from PlainNet import build, parse
from SearchSpace.darts import network as cells
from SearchSpace.genotype import Genotype
from SearchSpace.nasbench201 import Cell201, network
from ZeroShotProxy import ProxyError, ScoreSettings, score
from ZeroShotProxy.engine.features import blocks_of, features
from ZeroShotProxy.engine.initialise import drawn
from ZeroShotProxy.engine.per_image import first_weights_jacobian
from ZeroShotProxy.engine.probe import Probe
from ZeroShotProxy.engine.units import Units
from ZeroShotProxy.proxies.linear_regions import thin

CPU = ScoreSettings(device="cpu")


class Block(nn.Module):
    """ReLU, convolution, batch-norm, with a way around."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn = nn.BatchNorm2d(out)
        self.around = None if channels == out else nn.Conv2d(channels, out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        around = x if self.around is None else self.around(x)
        return around + self.bn(self.conv(self.relu(x)))


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        Block(6, 6),
        nn.Sequential(Block(6, 8, stride=2), Block(8, 8)),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )


def batch(images: int = 12) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(images, 3, 8, 8, generator=generator), torch.arange(images) % 5


def value(name: str, net: nn.Module | None = None, images: int = 12) -> float:
    return score(net if net is not None else small(), batch(images), [name], CPU)[name].value


def redrawn(rule: str) -> nn.Sequential:
    """The network with the weights that a proxy with that rule sees."""
    net = small().train()
    fresh = drawn(net, rule, seed=0)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(fresh[name])
    return net


def noise(images: int = 12) -> Tensor:
    return torch.randn(images, 3, 8, 8, generator=torch.Generator().manual_seed(0))


# -- zico, swap, epe_nas, meco ---------------------------------------------------------------


def test_zico() -> None:
    x, y = batch()
    found = []
    for part in (slice(0, 6), slice(6, 12)):
        net = small().train()
        F.cross_entropy(net(x[part]), y[part]).backward()
        layers = [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
        found.append([m.weight.grad.double().numpy() for m in layers if m.weight.grad is not None])
    expected = 0.0
    for a, b in zip(*found, strict=True):
        deviation = np.abs(a - b) / 2
        mean = (np.abs(a) + np.abs(b)) / 2
        expected += math.log((mean[deviation > 0] / deviation[deviation > 0]).sum())
    assert value("zico") == pytest.approx(expected, rel=1e-4)


def test_zico_needs_two_mini_batches() -> None:
    with pytest.raises(ProxyError, match="zico fails: the batch has 3 images, expected at least 4"):
        value("zico", images=3)


def test_swap_counts_different_patterns() -> None:
    net = small().train()
    patterns: list[Tensor] = []
    for module in net.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_pre_hook(lambda m, args: patterns.append((args[0] > 0).flatten(1).T))
    net(batch()[0])
    expected = len({tuple(row.tolist()) for row in torch.cat(patterns)})
    assert value("swap") == expected
    # More than 64 images do not fit one integer.
    x = torch.cat([batch()[0]] * 6)
    assert score(small(), x, ["swap"], CPU)["swap"].value == expected


def test_epe_nas() -> None:
    x, y = batch()
    x.requires_grad_()
    small().train()(x).sum().backward()
    assert x.grad is not None
    rows = x.grad.flatten(1).numpy()
    expected = sum(abs(np.log(np.abs(np.corrcoef(rows[y.numpy() == label])) + 1e-5).sum()) for label in range(5))
    assert value("epe_nas") == pytest.approx(expected, rel=1e-3)


def test_meco() -> None:
    net = small().train()
    maps: list[Tensor] = []
    for module in net.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda m, args, out: maps.append(out[0].detach().clone()))
    net(noise())
    expected = sum(
        float(np.linalg.eigvalsh(np.nan_to_num(np.corrcoef(found.flatten(1).numpy())))[0])
        for found in maps
        if found.dim() == 3 and found.shape[1] > 1
    )
    # Behind global pooling a channel has one value and no correlation.
    assert value("meco") == pytest.approx(expected, rel=1e-4, abs=1e-4)


# -- AZ-NAS ----------------------------------------------------------------------------------


def test_blocks_are_what_has_parts_and_rows_that_start_with_a_convolution() -> None:
    net = small()
    assert [[type(part) for part in block] for block in blocks_of(net)] == [
        [nn.Conv2d, nn.BatchNorm2d],
        [Block],
        [Block],
        [Block],
    ]
    chain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    assert blocks_of(chain) == [list(chain[:2]), list(chain[2:])]
    cells = build(network(Cell201.parse("|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|")))
    assert len(blocks_of(cells)) == 18  # the stem, fifteen cells, two reductions; not the last batch-norm and ReLU


def test_az_nas_views() -> None:
    net = redrawn("kaiming_fan_in")
    stem = net[1](net[0](noise()))
    maps = [stem, net[2](stem)]
    maps += [net[3][0](maps[1])]
    maps += [net[3][1](maps[2])]
    entropies = []
    for found in maps:
        spectrum = np.linalg.eigvalsh(np.cov(found.detach().double().transpose(0, 1).flatten(1).numpy()))
        shares = spectrum / spectrum.sum()
        entropies.append(-(shares * np.log(shares)).sum())
    assert value("az_expressivity") == pytest.approx(sum(entropies), rel=1e-4)
    assert value("az_progressivity") == pytest.approx(min(b - a for a, b in pairwise(entropies)), rel=1e-3)
    assert -5 < value("az_trainability") <= 0


def test_trainability_of_a_block_that_keeps_gradients_is_0_and_of_one_that_passes_them_on_an_error() -> None:
    class Turn(nn.Module):
        """An orthogonal matrix on the channels: its Jacobian has spectral norm 1."""

        def __init__(self, matrix: Tensor) -> None:
            super().__init__()
            self.register_buffer("matrix", matrix)
            self.part = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            return torch.einsum("oc,nchw->nohw", self.matrix, self.part(x))

    def net(matrix: Tensor) -> nn.Module:
        conv = nn.Conv2d(3, 4, 3, padding=1)
        return nn.Sequential(conv, Turn(matrix), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))

    turned = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(0)))[0]
    x = torch.randn(64, 3, 16, 16)
    found = score(net(turned), x, ["az_trainability"], CPU)["az_trainability"].value
    assert found == pytest.approx(0, abs=1e-2)
    with pytest.raises(ProxyError, match="passes its input on unchanged"):
        score(net(torch.eye(4)), x, ["az_trainability"], CPU)


def test_features_are_those_before_an_in_place_relu() -> None:
    class Rectify(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu = nn.ReLU(inplace=True)
            self.conv = nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(self.relu(x))

    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), Rectify(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)
    )
    first, last = features(Probe(net, batch()[0], None), batch()[0])
    assert tuple(last.shape[1:]) == (4, 6, 6)
    assert float(first.detach().min()) < 0


# -- the Fisher information, the tangent kernel ---------------------------------------------


def test_gradients_by_image_are_those_of_jacrev() -> None:
    net = redrawn("kaiming_fan_in")
    probe = Probe(small(), batch()[0], None, initialisation="kaiming_fan_in")
    logits, jacobian = first_weights_jacobian(probe, probe.noise)
    # A fresh batch-norm that is not training divides by sqrt(1 + eps), and does nothing else.
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-12
    net.eval()
    values = {name: p.detach() for name, p in net.named_parameters()}
    first = {name: p.flatten()[:1] for name, p in values.items()}

    def predict(changed: dict[str, Tensor], image: Tensor) -> Tensor:
        full = {
            name: torch.cat([changed[name], p.flatten()[1:]]).view(p.shape) if name in changed else p
            for name, p in values.items()
        }
        found: Tensor = functional_call(net, full, (image[None],))[0]
        return found

    by_name = vmap(jacrev(predict), in_dims=(None, 0))(first, noise())
    expected = torch.cat([by_name[name] for name in first], 2)
    assert torch.allclose(logits, net(noise()), atol=1e-5)
    # Parameters come in the order of the calls, which here differs from that of the modules.
    order = torch.argsort(expected.abs().sum((0, 1)))
    other = torch.argsort(jacobian.abs().sum((0, 1)))
    assert torch.allclose(jacobian[:, :, other].abs(), expected[:, :, order].abs(), atol=1e-5)


def test_ntk_is_the_condition_number_of_the_kernel() -> None:
    net = redrawn("kaiming_fan_in")
    x, y = batch()
    values = {name: p.detach() for name, p in net.named_parameters() if name.endswith("weight")}
    rest = {name: p.detach() for name, p in net.named_parameters() if not name.endswith("weight")}

    def logits(weights: dict[str, Tensor]) -> Tensor:
        found: Tensor = functional_call(small().train(), {**weights, **rest}, (x,)).sum(1)
        return found

    jacobian = torch.cat([found.flatten(1) for found in jacrev(logits)(values).values()], 1).double()
    kernel = jacobian @ jacobian.T
    eigenvalues = torch.linalg.eigvalsh(kernel)
    assert value("ntk") == pytest.approx(float(eigenvalues[-1] / eigenvalues[0]), rel=1e-2)
    targets = F.one_hot(y, 5).double()
    known, held_out = (part - part.mean(0) for part in (targets[:6], targets[6:]))
    predicted = kernel[6:, :6] @ torch.linalg.inv(kernel[:6, :6]) @ known
    expected = float(((predicted - held_out) ** 2).sum(1).mean())
    assert value("ntk_regression") == pytest.approx(expected, rel=1e-2)


def test_equal_images_have_a_singular_kernel() -> None:
    x = torch.zeros(4, 3, 8, 8)
    with pytest.raises(ProxyError, match=r"ntk fails: the kernel of 4 images is singular"):
        score(small(), x, ["ntk"], CPU)


def test_vkdnw_counts_weight_tensors_first() -> None:
    entropy, single = value("vkdnw_entropy"), value("vkdnw_single")
    assert 0 < entropy <= math.log(9)
    assert single - entropy == pytest.approx(len(list(small().parameters())))


# -- EZNAS -----------------------------------------------------------------------------------


def test_eznas_units_are_relu_conv_batch_norm() -> None:
    with Units() as units:
        small()(batch()[0])
    assert [tuple(unit.weight.shape) for unit in units.found] == [(6, 6, 3, 3), (8, 6, 3, 3), (8, 8, 3, 3)]


def test_eznas_a_is_its_program_on_the_gradient_at_the_relu() -> None:
    net = redrawn("kaiming_fan_out")
    gradients: list[Tensor] = []

    def hook(module: nn.Module, inward: tuple[Tensor, ...], outward: tuple[Tensor, ...]) -> None:
        gradients.append(inward[0])

    for module in net.modules():
        if isinstance(module, Block):
            module.relu.register_full_backward_hook(hook)
    net(batch()[0]).sum().backward()
    terms = []
    for gradient in gradients:
        # A matrix of whole numbers has a whole determinant; these are small enough for rounding to find it.
        determinants = np.linalg.det(np.sign(gradient.double().numpy())).round()
        with np.errstate(divide="ignore"):
            logdet = np.where(determinants < 0, 0.0, np.log(np.maximum(determinants, 0)))
        terms.append(np.linalg.norm(1 / (1 + np.exp(-logdet))))
    assert value("eznas_a") == pytest.approx(float(np.mean(terms)), rel=1e-5)
    assert value("eznas_a_weight") > 0


def test_eznas_needs_units() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    with pytest.raises(ProxyError, match="eznas_a fails: the network has no convolution between"):
        value("eznas_a", net)


# -- structures ------------------------------------------------------------------------------


def test_deepmad_of_a_chain() -> None:
    # Two stages: 3×3 of 3 at 16 pixels, then 3×3 of 8 with stride 2 and 1×1 of 8.
    structure = parse("ConvKX(3,8,3,1)ConvKX(8,8,3,2)ConvKX(8,4,1,1)")
    widths = [3 * 9, 8 * 9, 8]
    first = math.log(16**2 * 8) * math.log(widths[0])
    whole = math.log(8**2 * 4) * sum(map(math.log, widths))
    expected = first + 8 * whole - 10 * math.exp(0.25)
    settings = ScoreSettings(resolution=16)
    found = score(structure, ["deepmad", "deepmad_effectiveness"], settings)
    assert found["deepmad"].value == pytest.approx(expected)
    mean = math.prod(widths) ** (1 / 3)
    assert found["deepmad_effectiveness"].value == pytest.approx(3 / mean)


def test_deepmad_counts_rows_and_columns() -> None:
    edges = (("conv_7x1_1x7", 0), ("none", 1)) * 2
    structure = cells(Genotype(edges, (2,), edges, (2,)), channels=4, layers=1)
    widths = [3 * 9, 12, 8 * 7, 8 * 7]  # the stem, the 1×1 before the reduction cell, and the pair
    found = score(structure, ["deepmad_effectiveness"], ScoreSettings(resolution=8))
    assert found["deepmad_effectiveness"].value == pytest.approx(4 / math.prod(widths) ** (1 / 4))


def test_thin_networks_keep_each_kind_of_block_once() -> None:
    cell = Cell201.parse("|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|")
    assert str(thin(network(cell), CPU)) == "NB201Cell(1,3,0,0,2,0,0)NB201Reduction(1,1)"
    with pytest.raises(ProxyError, match="blocks of several operations"):
        score(parse("ConvKX(3,8,3,1)"), ["linear_regions"], CPU)


def test_params_and_flops_of_any_module_are_those_of_its_structure() -> None:
    structure = parse("SuperConvK3BNRELU(3,8,1,1)SuperResIDWE2K3(8,16,2,8,1)")
    net = build(structure, use_se=True)
    settings = ScoreSettings(resolution=16, device="cpu", use_se=True)
    expected = score(structure, ["params", "flops"], settings)
    x = torch.randn(2, 3, 16, 16)
    assert score(nn.Sequential(net), x, ["params", "flops"], settings) == expected


# -- networks of others ----------------------------------------------------------------------


def test_whatever_a_network_raises_names_the_proxy() -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 5)

        def forward(self, x: Tensor) -> Tensor:
            raise AssertionError("wrong image height")

    with pytest.raises(ProxyError, match="proxy meco fails: AssertionError: wrong image height"):
        score(Broken(), batch(), ["meco"], CPU)


def test_linear_layers_may_have_their_channels_last() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.head = nn.Linear(3, 6), nn.Linear(6, 5)

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.head(torch.relu(self.inner(x.movedim(1, -1))).mean((1, 2)))
            return logits

    class First(nn.Module):
        """The same with a convolution."""

        def __init__(self, last: Last) -> None:
            super().__init__()
            self.inner, self.head = nn.Conv2d(3, 6, 1), last.head
            self.inner.weight = nn.Parameter(last.inner.weight.detach()[:, :, None, None].clone())
            self.inner.bias = nn.Parameter(last.inner.bias.detach().clone())

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.head(torch.relu(self.inner(x)).mean((2, 3)))
            return logits

    torch.manual_seed(0)
    last = Last()
    names = ["fisher", "vkdnw_entropy", "snip", "zico"]
    ours, theirs = score(last, batch(), names, CPU), score(First(last), batch(), names, CPU)
    for name in names:
        assert ours[name].value == pytest.approx(theirs[name].value, rel=1e-4), name
