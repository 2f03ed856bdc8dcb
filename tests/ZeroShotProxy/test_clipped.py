"""Clipped Gaussians, in closed form, against simulation; and ReLU6 in the expected Zen-score."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from PlainNet import lower, parse
from ZeroShotProxy.engine import moments
from ZeroShotProxy.engine.clipped import Clipped
from ZeroShotProxy.engine.gaussian import run
from ZeroShotProxy.proxies.zen_expected import expected_zen


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 1.0), (0.0, 5.2), (0.0, 40.0), (3.0, 4.0), (2.0, 0.5)])
def test_moments_are_those_of_clipped_numbers(mean: float, sd: float) -> None:
    known = Clipped(mean, sd, 0.0, 6.0)
    u, e = np.random.default_rng(0).standard_normal((2, 1_000_000))
    for c in (0.9999, 0.9, 0.3, 0.0, -0.5):
        a, b = (np.clip(mean + sd * x, 0, 6) for x in (u, c * u + math.sqrt(1 - c * c) * e))
        assert known.first == pytest.approx(a.mean(), rel=0.005)
        assert known.second == pytest.approx((a * a).mean(), rel=0.005)
        assert known.decorrelation(1 - c) == pytest.approx(1 - np.corrcoef(a, b)[0, 1], rel=0.02)
        assert known.distance(1 - c) == pytest.approx(np.abs(a - b).mean(), rel=0.01)


def test_far_limits_do_nothing() -> None:
    d = np.array([1e-12, 1e-6, 0.1, 0.5, 1.0, 1.9])
    without = moments.relu(moments.gaussian(1.0, d))
    limited = Clipped(0.0, 1.0, 0.0, 6.0)
    assert limited.decorrelation(d) == pytest.approx(without.decorrelation, rel=1e-6)
    assert limited.distance(d) == pytest.approx(without.distance, rel=1e-6)
    assert moments.relu6(moments.gaussian(1.0, d)).second == without.second == pytest.approx(limited.second, rel=1e-6)


def test_numbers_and_arrays_are_mapped_alike() -> None:
    known = Clipped(1.0, 3.0, 0.0, 6.0)
    d = np.array([1e-10, 1e-3, 0.5, 2.0])
    assert [known.decorrelation(float(x)) for x in d] == pytest.approx(known.decorrelation(d))
    assert [known.distance(float(x)) for x in d] == pytest.approx(known.distance(d))


def test_a_limit_behind_a_rectifier() -> None:
    """ReLU and then ReLU6 is ReLU6; the moments say so, and the distance is not larger than before."""
    wide = moments.gaussian(25.0, 0.1)
    once, twice = moments.relu6(wide), moments.relu6(moments.relu(wide))
    assert (twice.second, twice.mean2) == pytest.approx((once.second, once.mean2))
    assert twice.distance < moments.relu(wide).distance


def test_scores_of_normalised_networks_are_those_with_relu() -> None:
    text = "ConvKX(3,16,3,1)BN(16)RELU6(16)ConvKX(16,16,3,2)BN(16)RELU6(16)"
    assert expected_zen(parse(text)) == expected_zen(parse(text.replace("RELU6", "RELU")))


def test_the_engine_clips_in_place_and_elsewhere() -> None:
    """The first block's output is read twice, so the limit cannot be written over it."""
    text = "ConvKX(3,8,3,1)MultiSumBlock(RELU6(8);ConvKX(8,8,1,1)RELU6(8))RELU6(8)"
    graph = lower(parse(text), resolution=8)
    x = 5 * torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    passes = run(graph, [x], torch.Generator().manual_seed(1), torch.float32)
    assert float(passes.outputs[0].max()) == 6.0
    assert float(passes.outputs[0].min()) >= 0.0
