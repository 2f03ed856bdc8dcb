"""The Monte-Carlo Zen-score against its definition on the built module, and against reference values."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

import pytest
import torch

from benchmarks._baseline import zen_by_definition
from PlainNet import Options, lower, parse
from PlainNet.device import DeviceError
from PlainNet.masternet import build
from tests.conftest import SMALL
from ZeroShotProxy import ProxyError, ScoreSettings, score
from ZeroShotProxy.engine.gaussian import run
from ZeroShotProxy.proxies.zen import mean_score

SETTINGS = ScoreSettings(resolution=16, batch_size=16, repeats=16, device="cpu")


@pytest.mark.parametrize("use_se", [False, True])
def test_agrees_with_the_definition(use_se: bool) -> None:
    torch.manual_seed(0)
    slow = [zen_by_definition(parse(SMALL), 16, 16, use_se=use_se) for _ in range(24)]
    fast = score(parse(SMALL), ["zen"], replace(SETTINGS, repeats=24, use_se=use_se))["zen"].repeats
    error = math.sqrt((statistics.variance(slow) + statistics.variance(fast)) / 24)
    assert abs(statistics.fmean(slow) - statistics.fmean(fast)) < 4 * error
    assert statistics.stdev(fast) == pytest.approx(statistics.stdev(slow), rel=0.6)


def test_passes_equal_the_module_with_the_same_weights() -> None:
    """With the weights of a module, `run` gives what the module gives, features and running variances."""
    structure = parse(SMALL)
    network = build(structure, no_reslink=True).train()
    weights = iter([p for name, p in network.named_parameters() if p.dim() == 4])
    graph = lower(structure, resolution=16, options=Options(no_reslink=True))
    inputs = [torch.randn(4, 3, 16, 16) for _ in range(2)]
    kept = [x.clone() for x in inputs]

    import ZeroShotProxy.engine.gaussian as engine

    original = engine._gaussian
    engine._gaussian = lambda shape, like, generator: next(weights).detach()
    try:
        passes = run(graph, inputs, torch.Generator(), torch.float32)
    finally:
        engine._gaussian = original
    with torch.no_grad():
        wanted = [network.forward_pre_GAP(x) for x in kept]
    for got, want in zip(passes.outputs, wanted, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
    variances = [m.running_var.mean() for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]  # type: ignore[union-attr]
    torch.testing.assert_close(passes.mean_running_variances, torch.stack(variances), rtol=1e-4, atol=1e-4)
    assert all(torch.equal(a, b) for a, b in zip(inputs, kept, strict=True))


EXOTIC = [
    "ConvKX(3,8,3,1)BN(8)MultiSumBlock(ConvKX(8,8,3,1)BN(8);RELU(8)ConvKX(8,8,1,1)BN(8);BN(8))RELU(8)",
    "ConvKX(3,8,3,1)BN(8)Swish(8)MaxPool(8,3,2)MultiCatBlock(ConvDW(8,3,1);ConvKXG2(8,8,1,1)BN(8))SE(16)",
    "ResBlock(3,1,ConvKX(3,3,3,1)BN(3))RELU(3)AdaptiveAvgPool(3,1)Flatten(3)Linear(3,8,1)RELU(8)",
    "RELU(3)RELU(3)",
    "ConvKX(3,8,3,1)",
]


@pytest.mark.parametrize("text", EXOTIC)
def test_any_network_has_a_score(text: str) -> None:
    torch.manual_seed(0)
    slow = statistics.fmean(zen_by_definition(parse(text), 16, 16) for _ in range(16))
    assert score(parse(text), ["zen"], SETTINGS)["zen"].value == pytest.approx(slow, abs=0.6)


def test_the_first_of_many_repeats_is_the_only_one_of_one() -> None:
    many = score(parse(SMALL), ["zen"], SETTINGS)["zen"]
    one = score(parse(SMALL), ["zen"], replace(SETTINGS, repeats=1))["zen"]
    assert one.value == many.repeats[0]
    assert one.interval is None


def test_reduced_precision_agrees_within_the_spread() -> None:
    text = "SuperConvK3BNRELU(3,16,1,1)SuperResK1K5K1(16,32,2,16,3)SuperConvK1BNRELU(32,64,1,1)"
    exact = score(parse(text), ["zen"], SETTINGS)["zen"]
    coarse = score(parse(text), ["zen"], replace(SETTINGS, precision="bf16"))["zen"]
    # The same weights and inputs, so that the difference is rounding alone.
    assert abs(exact.value - coarse.value) < statistics.stdev(exact.repeats) / 2


def test_interval_is_students() -> None:
    found = mean_score([1.0, 2.0, 3.0, 4.0])
    assert found.value == 2.5
    assert found.interval == pytest.approx((2.5 - 3.18245 * 1.29099 / 2, 2.5 + 3.18245 * 1.29099 / 2), abs=1e-4)


def test_wrong_settings() -> None:
    with pytest.raises(DeviceError, match="does not exist"):
        score(parse(SMALL), ["zen"], replace(SETTINGS, device="cuda:99"))
    with pytest.raises(DeviceError, match="unknown device"):
        score(parse(SMALL), ["zen"], replace(SETTINGS, device="abacus"))
    for wrong in ({"batch_size": 1}, {"repeats": 0}, {"gamma": 0.0}, {"precision": "fp8"}, {"resolution": 0}):
        with pytest.raises(ProxyError, match="expected"):
            replace(SETTINGS, **wrong)  # type: ignore[arg-type]


@pytest.mark.slow
def test_reference_values(published: dict[str, str]) -> None:
    """Means over seeds that were measured on a public implementation, with the standard deviation of a seed."""
    cifar = ScoreSettings(resolution=32, batch_size=16, repeats=24, device="cpu")
    for name, mean, spread in (("05M", 96.6, 0.65), ("1M", 122.1, 0.51), ("2M", 149.8, 0.71)):
        found = score(parse(published[f"zennet_cifar_model_size{name}_res32"]), ["zen"], cifar)["zen"]
        assert abs(found.value - mean) < 3 * spread
    imagenet = ScoreSettings(resolution=224, batch_size=4, repeats=6, device="cpu")
    found = score(parse(published["zennet_imagenet1k_flops400M_res224"]), ["zen"], imagenet)["zen"]
    assert abs(found.value - 89.65) < 3 * 0.07
