"""The closed form against the Monte-Carlo score, and its pieces against simulation."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch.nn import functional as F

from PlainNet import Structure, StructureError, parse
from PlainNet.cost import CostModel
from PlainNet.ops import AvgPool
from PlainNet.sizes import Sides, Size, sides
from SearchSpace import load_space
from SearchSpace.darts import network as cells
from SearchSpace.darts import read
from SearchSpace.genotype import Genotype
from SearchSpace.nasbench201 import Cell201, network
from tests.conftest import SMALL
from ZeroShotProxy import ScoreSettings, score
from ZeroShotProxy.engine import dependence, moments
from ZeroShotProxy.proxies.zen_expected import ExpectedZen, expected_zen

SETTINGS = ScoreSettings(resolution=16, batch_size=16, repeats=6, device="cpu")


def monte_carlo(structure: Structure, settings: ScoreSettings) -> float:
    return score(structure, ["zen"], settings)["zen"].value


def in_budget(space_name: str, count: int, resolution: int, params: int) -> list[Structure]:
    space, model, rng = load_space(space_name), CostModel(resolution, 10), Random(3)
    found = []
    while len(found) < count:
        structure = space.sample(rng)
        if model(structure).params <= params:
            found.append(structure)
    return found


@pytest.mark.parametrize("space", ["XXBL", "IDW_fixfc", "units"])
def test_tracks_the_monte_carlo_score(space: str) -> None:
    structures = in_budget(space, 16, 16, 700_000)
    expected = np.array([expected_zen(s, resolution=16) for s in structures])
    measured = np.array([monte_carlo(s, SETTINGS) for s in structures])
    assert np.abs(expected / measured - 1).mean() < 0.015
    assert spearmanr(expected, measured).statistic > 0.98


@pytest.mark.parametrize("use_se", [False, True])
def test_squeeze_and_excitation(use_se: bool) -> None:
    measured = monte_carlo(parse(SMALL), replace(SETTINGS, use_se=use_se, repeats=16))
    assert expected_zen(parse(SMALL), resolution=16, use_se=use_se) == pytest.approx(measured, rel=0.03)


BASIC = [
    "ConvKX(3,16,3,1)",
    "ConvKX(3,16,3,1)BN(16)",
    "ConvKX(3,16,3,1)BN(16)RELU(16)RELU(16)",
    "ConvKX(3,16,3,1)BN(16)RELU(16)MultiSumBlock(ConvKX(16,16,3,1)BN(16);ConvKX(16,16,1,1)BN(16))RELU(16)",
    "ConvKX(3,16,3,1)BN(16)RELU(16)MultiCatBlock(ConvKX(16,8,3,1)BN(8);ConvKX(16,24,1,1)BN(24))RELU(32)ConvKX(32,8,1,1)BN(8)",
    "ConvKX(3,16,3,1)BN(16)Swish(16)ConvKX(16,16,3,1)BN(16)Swish(16)",
    "ConvKX(3,16,3,1)BN(16)RELU6(16)ConvKX(16,16,3,1)BN(16)RELU6(16)",
    "ConvKX(3,16,3,1)RELU6(16)ConvKX(16,16,3,1)RELU6(16)",
    "ConvKX(3,16,3,2)BN(16)RELU(16)ConvDW(16,5,1)BN(16)RELU(16)ConvKXG4(16,16,3,2)BN(16)RELU(16)",
    "ConvKX(3,16,3,1)BN(16)RELU(16)MaxPool(16,2,2)ConvKX(16,16,3,1)BN(16)RELU(16)",
    "ConvKX(3,16,3,1)BN(16)RELU(16)AdaptiveAvgPool(16,4)ConvKX(16,16,3,1)BN(16)RELU(16)",
    "ConvKX(3,16,3,1)BN(16)RELU(16)AdaptiveAvgPool(16,1)Flatten(16)Linear(16,32,1)RELU(32)",
]


@pytest.mark.parametrize("size", [16, Sides(10, 25)])
@pytest.mark.parametrize("text", BASIC)
def test_basic_blocks(text: str, size: Size) -> None:
    """Sums, concatenations, pooling and other non-linearities are approximated; the score stays near."""
    measured = monte_carlo(parse(text), replace(SETTINGS, resolution=size, repeats=16))
    assert expected_zen(parse(text), resolution=size) == pytest.approx(measured, abs=0.35)


def test_published_networks(published: dict[str, str]) -> None:
    settings = replace(SETTINGS, resolution=32, repeats=4)
    structure = parse(published["zennet_cifar_model_size05M_res32"])
    assert expected_zen(structure, resolution=32) == pytest.approx(monte_carlo(structure, settings), rel=0.03)


@pytest.mark.parametrize(("start", "resolution"), [("DARTS_V2 @ cifar(16, 5)", 16), ("DARTS_V1 @ imagenet(16, 5)", 64)])
def test_stacks_of_cells(start: str, resolution: int) -> None:
    """Random cells stacked like these."""
    space, rng = load_space("darts", read(start)), Random(0)
    settings = replace(SETTINGS, resolution=resolution, batch_size=8, repeats=4)
    for structure in (space.initial(), space.sample(rng), space.sample(rng)):
        measured = monte_carlo(structure, settings)
        assert expected_zen(structure, resolution=resolution) == pytest.approx(measured, rel=0.03)


@pytest.mark.parametrize("operation", ["conv_7x1_1x7", "conv_3x1_1x3"])
@pytest.mark.parametrize(("width", "resolution"), [(8, 8), (16, 15), (8, Sides(5, 14))])
def test_rows_and_columns(operation: str, width: int, resolution: Size) -> None:
    """Two convolutions with nothing in between score as one, of kernel × kernel (eq. 11), also where maps are small."""
    edges = ((operation, 0), (operation, 1), (operation, 2), (operation, 1))
    structure = cells(Genotype(edges, (2, 3), edges, (2, 3)), width, 3)
    measured = monte_carlo(structure, replace(SETTINGS, resolution=resolution))
    assert expected_zen(structure, resolution=resolution) == pytest.approx(measured, rel=0.03)


DEPENDENT = [
    "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|nor_conv_1x1~1|skip_connect~2|",
    "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|avg_pool_3x3~0|skip_connect~1|nor_conv_1x1~2|",
    "|avg_pool_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|none~1|avg_pool_3x3~2|",
    "|nor_conv_3x3~0|+|avg_pool_3x3~0|none~1|+|avg_pool_3x3~0|nor_conv_1x1~1|avg_pool_3x3~2|",
]


@pytest.mark.parametrize("size", [16, Sides(10, 25)])
@pytest.mark.parametrize("cell", DEPENDENT)
def test_sums_of_values_that_depend_on_each_other(cell: str, size: Size) -> None:
    """x + x is not two independent values, and an average of averages is not one over more positions."""
    structure = network(Cell201.parse(cell), channels=16, cells=3)
    measured = monte_carlo(structure, replace(SETTINGS, resolution=size, repeats=4))
    assert expected_zen(structure, resolution=size) == pytest.approx(measured, rel=0.08)


@pytest.mark.parametrize("pools", [(), (3,), (3, 3), (3, 2)])
@pytest.mark.parametrize("others", [(3,), (3, 3, 3)])
@pytest.mark.parametrize("size", [8, Sides(4, 16)])
def test_overlaps_are_those_of_pooled_noise(size: Size, pools: tuple[int, ...], others: tuple[int, ...]) -> None:
    def pooled(x: torch.Tensor, kernels: tuple[int, ...]) -> torch.Tensor:
        for kernel in kernels:
            x = F.avg_pool2d(x, kernel, 1 if kernel == 3 else 2, (kernel - 1) // 2, count_include_pad=False)
        return x

    others = (*others, 2) if 2 in pools else others
    ways = [tuple(AvgPool(kernel, 1 if kernel == 3 else 2) for kernel in way) for way in (pools, others)]
    noise = torch.randn(3000, 1, *sides(size), generator=torch.Generator().manual_seed(0))
    measured = float((pooled(noise, pools) * pooled(noise, others)).mean())
    source = moments.gaussian(1.0, np.array([1e-4]))
    assert dependence.overlap(source, size, *ways) == pytest.approx(measured, abs=0.01)


def test_gamma_reaches_the_score() -> None:
    text = "ConvKX(3,16,3,1)BN(16)RELU(16)"
    small = expected_zen(parse(text), resolution=16, gamma=0.001)
    # Far from saturation the distance grows with the perturbation.
    assert expected_zen(parse(text), resolution=16, gamma=0.01) - small == pytest.approx(math.log(10), abs=0.01)


def test_known_blocks_are_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import ZeroShotProxy.proxies.zen_expected as module

    computed: list[str] = []
    original = module.block_terms
    monkeypatch.setattr(module, "block_terms", lambda spec, *rest: computed.append(spec.kind) or original(spec, *rest))
    scorer = ExpectedZen(32)
    before = scorer(parse(SMALL))
    assert scorer(parse(SMALL)) == before
    assert len(computed) == len(parse(SMALL))
    monkeypatch.setattr(ExpectedZen, "_CAPACITY", 1)
    assert scorer(parse(SMALL.replace("K5", "K7"))) != before
    assert scorer(parse(SMALL)) == before


def test_broken_structures_are_refused() -> None:
    with pytest.raises(StructureError):
        ExpectedZen(32)(Structure(()))
    with pytest.raises(StructureError):
        ExpectedZen(1)(parse("MaxPool(3,2,2)"))


# -- the pieces, by simulation --------------------------------------------------------------------


def pair(c: float, count: int = 400_000) -> tuple[np.ndarray, np.ndarray]:
    """Standard normals with correlation c."""
    u, e = np.random.default_rng(0).standard_normal((2, count))
    return u, c * u + math.sqrt(1 - c * c) * e


def gaussian(c: float) -> moments.Signal:
    return moments.gaussian(1.0, np.array([1 - c]))


def check(signal: moments.Signal, a: np.ndarray, b: np.ndarray, tolerance: float = 0.01) -> None:
    assert signal.second == pytest.approx((a**2).mean(), rel=tolerance)
    assert signal.mean2 == pytest.approx(a.mean() ** 2, abs=tolerance)
    assert 1 - signal.decorrelation[0] == pytest.approx(np.corrcoef(a, b)[0, 1], abs=tolerance)
    assert signal.distance[0] == pytest.approx(np.abs(a - b).mean(), rel=tolerance)


@pytest.mark.parametrize("c", [0.9999, 0.9, 0.5, 0.0])
def test_relu_of_correlated_gaussians(c: float) -> None:
    u, v = pair(c)
    check(moments.relu(gaussian(c)), np.maximum(u, 0), np.maximum(v, 0))


@pytest.mark.parametrize("c", [0.9, 0.3])
def test_other_functions(c: float) -> None:
    u, v = pair(c)

    def swish(x: np.ndarray) -> np.ndarray:
        return x / (1 + np.exp(-x))

    check(moments.pointwise(gaussian(c), swish), swish(u), swish(v))
    rectified = moments.pointwise(gaussian(c), lambda x: np.maximum(x, 0))
    exact = moments.relu(gaussian(c))
    assert rectified.second == pytest.approx(exact.second, abs=0.01)
    assert rectified.decorrelation == pytest.approx(exact.decorrelation, rel=0.03)


def test_relu_kurtosis() -> None:
    from scipy.stats import kurtosis

    u, _ = pair(0.0, 4_000_000)
    assert pytest.approx(kurtosis(np.maximum(u, 0)), rel=0.01) == moments.RELU_KURTOSIS


def test_small_angles_do_not_drown_in_rounding() -> None:
    d = np.array([1e-12, 1e-10, 1e-8])
    ratio = moments.relu(moments.gaussian(1.0, d)).decorrelation / d
    assert ratio == pytest.approx(0.5 / (0.5 - 1 / (2 * math.pi)), rel=1e-3)


@pytest.mark.parametrize(
    ("kernel", "stride", "size", "dilation"),
    [
        *[(3, 1, 4, 1), (5, 2, 7, 1), (7, 1, 8, 1), (1, 2, 5, 1), (3, 1, 4, 2), (5, 2, 7, 2), (5, 1, 2, 3)],
        *[(3, 1, Sides(2, 9), 1), (5, 2, Sides(8, 3), 2)],
    ],
)
def test_windows_count_the_taps_inside(kernel: int, stride: int, size: Size, dilation: int) -> None:
    """On a flat profile (context 1): taps inside the picture, averaged over output positions."""
    window = moments.window(kernel, stride, size, 1, dilation)
    pad, last = dilation * (kernel - 1) // 2, dilation * (kernel - 1) + 1
    image = np.pad(np.ones(sides(size)), pad)
    rows, columns = (range(0, side, stride) for side in sides(size))
    inside = np.mean([image[y : y + last : dilation, x : x + last : dilation].sum() for y in rows for x in columns])
    assert window.inside == pytest.approx(inside)
    assert window.means <= window.inside
