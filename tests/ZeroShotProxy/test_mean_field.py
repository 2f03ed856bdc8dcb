"""The mean field against full Fourier transforms, sampling, autograd and itself, block by block."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from random import Random

import numpy as np
import pytest

from PlainNet import Options, Structure, build, parse
from PlainNet.lowering import lower
from PlainNet.sizes import Sides, Size, area, each_side, sides
from SearchSpace import load_space
from ZeroShotProxy import ProxyError, ScoreSettings, score
from ZeroShotProxy.engine.mean_field import pointwise
from ZeroShotProxy.engine.mean_field.backward import at_logits, carry_back
from ZeroShotProxy.engine.mean_field.field import Layer, field_of
from ZeroShotProxy.engine.mean_field.forward import carry, image, white
from ZeroShotProxy.engine.mean_field.scorer import MeanField, score_of
from ZeroShotProxy.engine.mean_field.sums import training_of
from ZeroShotProxy.engine.mean_field.torus import folded, torus
from ZeroShotProxy.engine.moments import sigmoid, swish

WIDE = parse(
    "SuperConvK3BNRELU(3,64,1,1)SuperResK3K3(64,96,1,64,1)SuperResK1K3K1(96,128,2,64,1)SuperConvK1BNRELU(128,128,1,1)"
)

DEEP = "SuperConvK3BNRELU(3,64,1,1)" + "SuperResK3K3(64,64,1,64,3)" * 8
CHAIN = "SuperConvK3BNRELU(3,16,1,1)" + "SuperResIDWE6K7(16,16,1,16,5)" * 6


@pytest.mark.parametrize("shells", [True, False])
@pytest.mark.parametrize("size", [1, 4, 7, 32, Sides(4, 9), Sides(1, 8)])
def test_powers_and_correlations_are_each_others_transforms(size: Size, shells: bool) -> None:
    here = torus(size, shells)
    power = np.random.default_rng(area(size)).random(len(here.weights))
    whole = np.fft.ifft2(power[here.class_of]).real
    for correlation, (y, x) in zip(here.to_positions @ power, here.members, strict=True):
        assert correlation == pytest.approx(whole[y, x])
    assert here.to_powers @ (here.to_positions @ power) == pytest.approx(power)
    assert here.mean(power) == pytest.approx(whole[0, 0])


@pytest.mark.parametrize("shells", [True, False])
@pytest.mark.parametrize("size", [8, Sides(8, 4)])
def test_zeros_between_positions_fold_the_spectrum(size: Size, shells: bool) -> None:
    fine, coarse = torus(size, shells), torus(each_side(lambda side: side // 2, size), shells)
    power = np.random.default_rng(0).random(len(coarse.weights))
    spread = np.zeros(sides(size))
    spread[::2, ::2] = np.fft.ifft2(power[coarse.class_of]).real
    assert power[folded(fine, coarse, 2)][fine.class_of] == pytest.approx(np.fft.fft2(spread).real)


@pytest.mark.parametrize(
    ("name", "function"),
    [("relu", None), ("relu6", pointwise.clipped), ("swish", swish), ("sigmoid", sigmoid)],
)
def test_functions_change_correlations_as_samples_say(name: str, function: pointwise.Function | None) -> None:
    mean, variance, r = 0.4, 2.0, 0.6
    known = pointwise.relu(mean, variance) if function is None else pointwise.pointwise(function, mean, variance)
    z = np.random.default_rng(1).standard_normal((2, 2_000_000))
    u = mean + math.sqrt(variance) * z[0]
    v = mean + math.sqrt(variance) * (r * z[0] + math.sqrt(1 - r * r) * z[1])
    apply = (lambda x: np.maximum(x, 0)) if function is None else function
    assert known.mean == pytest.approx(apply(u).mean(), abs=5e-3)
    assert known.second == pytest.approx((apply(u) ** 2).mean(), rel=1e-2)
    covariance = np.cov(apply(u), apply(v))[0, 1]
    assert pointwise.series(known.covariance, np.array([r]), constant=False)[0] == pytest.approx(covariance, rel=2e-2)
    slope = [(apply(x + 1e-4) - apply(x - 1e-4)) / 2e-4 for x in (u, v)]
    assert known.slope == pytest.approx(slope[0].mean(), abs=5e-3)
    found = pointwise.series(known.slopes, np.array([r]), constant=True)[0]
    assert found == pytest.approx((slope[0] * slope[1]).mean(), rel=2e-2)


@pytest.mark.parametrize("size", [32, Sides(20, 50)])
def test_gradients_of_layers_are_those_of_autograd(size: Size) -> None:
    import torch

    from PlainNet import build

    expected: dict[str, float] = {}
    graph = lower(WIDE, resolution=size, num_classes=10)
    forward = carry(graph, image(graph), white(graph))
    gradients = carry_back(graph, forward, at_logits(forward.states[graph.output], same_for_images=False))
    found = field_of(graph)
    assert found is not None
    layers = iter(found.layers)
    for number, node in enumerate(graph.nodes, start=1):
        if type(node.op).__name__ in ("Conv", "Linear") and gradients[number] is not None:
            expected[node.path] = next(layers).gradient
    squares: dict[str, list[float]] = {}
    energies = []
    for seed in range(4):
        torch.manual_seed(seed)
        network = build(WIDE, num_classes=10).train()
        images = torch.randn(32, *graph.input.dims, requires_grad=True)
        torch.nn.functional.cross_entropy(network(images), torch.randint(10, (32,))).backward()
        energies.append(float(images.grad.square().sum()))  # type: ignore[union-attr]
        for name, weight in network.named_parameters():
            if weight.dim() > 1 and weight.grad is not None:
                path = name.removesuffix(".weight").removeprefix("blocks.")
                squares.setdefault(path, []).append(float(weight.grad.square().sum()))
    ratios = {path: math.log(np.mean(squares[path]) / expected[path]) for path in squares if path in expected}
    assert len(ratios) >= 7
    assert np.std(list(ratios.values())) < 0.35  # of squared norms over the layers, whatever the scale


@pytest.mark.parametrize(
    "text",
    [
        "SuperConvK3BNRELU(3,64,2,1)SuperConvK3BNRELU(64,128,2,1)SuperConvK3BNRELU(128,256,1,1)",
        "SuperConvK3BNRELU(3,64,1,1)SuperConvK1BNRELU(64,128,2,1)SuperConvK3BNRELU(128,256,1,1)",
        "SuperConvK3BNRELU(3,64,2,1)SuperConvK3BNRELU(64,128,2,1)SuperConvK3BNRELU(128,256,2,1)",
    ],
)
@pytest.mark.parametrize("size", [32, Sides(20, 50)])
def test_directions_of_the_gradient_are_those_of_autograd(text: str, size: Size) -> None:
    """1 / D is the mean squared cosine between the input gradients of two images."""
    torch = pytest.importorskip("torch")
    count, draws = 64, 2
    squares, energies = [], []
    for seed in range(draws):
        torch.manual_seed(seed)
        network = build(parse(text), num_classes=10).train()
        images = torch.randn(count, 3, *sides(size), requires_grad=True)
        errors = torch.randn(count, 10)
        errors -= errors.mean(1, keepdim=True)
        (gradient,) = torch.autograd.grad((network(images) * errors).sum(), images)
        energies.append(float(gradient.square().sum() / errors.square().sum()) / area(size))
        directions = torch.nn.functional.normalize(gradient.flatten(1))
        cosines = (directions @ directions.T) ** 2
        squares.append(float(cosines.sum() - cosines.trace()) / (count * (count - 1)))
    field = field_of(lower(parse(text), resolution=size, num_classes=10))
    assert field is not None
    assert math.log(field.directions) == pytest.approx(-math.log(sum(squares) / draws), abs=0.3)
    assert field.energy == pytest.approx(math.log(sum(energies) / draws), abs=0.3)


@pytest.mark.parametrize(("size", "steps"), [(32, 8_000), (Sides(20, 50), 300), (32, 10**6)])
def test_blocks_add_up_to_the_whole(size: Size, steps: int) -> None:
    scorer = MeanField(size, 10, steps=steps)
    for name in ("XXBL", "IDW_fixfc", "units"):
        space, rng = load_space(name), Random(0)
        structure = space.initial()
        for _ in range(12):
            structure = space.mutate(structure, rng)
            assert scorer(structure) == pytest.approx(scorer.walk(structure), rel=1e-9), str(structure)


@pytest.mark.parametrize("use_se", [False, True])
def test_blocks_on_maps_of_one_position_count(use_se: bool) -> None:
    scorer = MeanField(16, 10, Options(use_se=use_se))
    text = "SuperConvK3BNRELU(3,32,2,1)SuperResIDWE2K3(32,32,2,32,1)SuperResIDWE2K3(32,48,2,48,1)"
    thin, wide = (scorer(parse(f"{text}SuperResIDWE2K3(48,{width},2,48,1)")) for width in (8, 48))
    assert thin is not None
    assert wide is not None
    assert thin < wide
    assert wide == pytest.approx(
        scorer.walk(parse(f"{text}SuperResIDWE2K3(48,48,2,48,1)")), abs=0.05 if use_se else 1e-9
    )


def doubled(name: str) -> Iterator[tuple[Layer, float, float]]:
    """Each layer of WIDE, its share in learning, and what twice of one of its amounts adds to the score."""
    field = field_of(lower(WIDE, resolution=32, num_classes=10))
    assert field is not None
    before = score_of(field)
    assert before is not None
    turns = [0 if one.pooled else (one.gradient / one.channels) ** (1 / 6) for one in field.layers]
    for i, layer in enumerate(field.layers):
        larger = layer._replace(**{name: 2 * getattr(layer, name)})
        after = score_of(dataclasses.replace(field, layers=(*field.layers[:i], larger, *field.layers[i + 1 :])))
        assert after is not None
        yield layer, turns[i] / sum(turns), after - before


def test_computation_counts_half_where_it_is_learned_from() -> None:
    """Twice the multiply–accumulates in a layer add half of its share in learning, and half of its share of all."""
    found = list(doubled("flops"))
    total = sum(layer.flops for layer, _, _ in found if not layer.pooled)
    for layer, share, gained in found:
        more = 0 if layer.pooled else layer.flops / total
        assert gained == pytest.approx(share * math.log(2) / 2 + math.log(1 + more) / 2)


def test_what_stands_in_a_row_counts_more_than_what_stands_side_by_side() -> None:
    """A layer at twice the depth adds half of its share in learning times log 2."""
    found = list(doubled("depth"))
    # Two branches have projections beside them: 2 and 3 beside 2, and 4 to 6 beside 4.
    assert [layer.depth for layer, _, _ in found if not layer.pooled] == [1, 2, 3, 2, 4, 5, 6, 4, 7, 8, 9, 10]
    for _, share, gained in found:
        assert gained == pytest.approx(share * math.log(2) / 2)


def test_exploding_gradients_cost_what_they_drown() -> None:
    """If all gradients double, the score stays as long as they are small, and loses log 2 if they are large."""
    for text, loss in ((str(WIDE), 0.0), (CHAIN, math.log(2))):
        field = field_of(lower(parse(text), resolution=32, num_classes=10))
        assert field is not None
        layers = tuple(layer._replace(gradient=4 * layer.gradient) for layer in field.layers)
        calm, grown = score_of(field), score_of(dataclasses.replace(field, layers=layers))
        assert calm is not None
        assert grown is not None
        assert calm - grown == pytest.approx(loss, abs=0.02)


def test_a_training_ten_times_as_long_bears_ten_times_the_gradients() -> None:
    field = field_of(lower(parse(CHAIN), resolution=32, num_classes=10))
    assert field is not None
    larger = tuple(layer._replace(gradient=100 * layer.gradient) for layer in field.layers)
    for steps in (100, 8_000):
        short, long = training_of(steps), training_of(10 * steps)._replace(detail=training_of(steps).detail)
        assert score_of(dataclasses.replace(field, layers=larger), long) == pytest.approx(score_of(field, short))


def gain(structure: str) -> float:
    """What a longer training adds to the score."""
    short, long = (ScoreSettings(training_steps=steps) for steps in (100, 1_000_000))
    before, after = (score(parse(structure), ["mean_field"], one)["mean_field"].value for one in (short, long))
    return after - before


def test_a_longer_training_is_worth_more_to_a_deeper_network() -> None:
    """CHAIN and DEEP have 32×32 positions everywhere; so has this one."""
    shallow = "SuperConvK3BNRELU(3,64,1,1)SuperResK3K3(64,64,1,64,1)"
    assert gain(CHAIN) > gain(DEEP) + 1 > gain(shallow) + 1 > 1


def test_a_longer_training_is_worth_more_to_a_network_with_more_positions() -> None:
    """By a quarter of log 4 for an e-fold, if all layers have four times as many."""
    fine, coarse = (f"SuperConvK3BNRELU(3,64,{stride},1)SuperConvK3BNRELU(64,64,1,1)" for stride in (1, 2))
    assert gain(fine) - gain(coarse) == pytest.approx(math.log(10**4) * math.log(4) / 4, abs=0.2)


@pytest.mark.parametrize("resolution", [4, 31, 224, Sides(4, 31), Sides(1, 7)])
@pytest.mark.parametrize("classes", [1, 2, 1000])
def test_any_size_has_a_score(resolution: Size, classes: int) -> None:
    settings = ScoreSettings(resolution=resolution, num_classes=classes)
    names = ["mean_field", "naswot_expected", "log_synflow_expected", "grad_norm_expected", "jacob_cov_expected"]
    assert all(math.isfinite(found.value) for found in score(WIDE, names, settings).values())


def test_a_dead_network_is_refused() -> None:
    dead = load_space("nasbench201").read(  # type: ignore[attr-defined]
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    )
    for name in ("mean_field", "naswot_expected", "log_synflow_expected", "grad_norm_expected"):
        with pytest.raises(ProxyError, match=f"proxy {name} fails"):
            score(dead, [name], ScoreSettings())


@pytest.mark.parametrize(
    "text",
    [
        "|nor_conv_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|avg_pool_3x3~2|",
        "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|",
    ],
)
@pytest.mark.parametrize("size", [32, Sides(24, 44)])
def test_flow_and_switching_are_those_of_real_weights(text: str, size: Size) -> None:
    cell: Structure = load_space("nasbench201").read(text)  # type: ignore[attr-defined]
    settings = ScoreSettings(resolution=size, batch_size=16, repeats=2)
    closed = score(cell, ["log_synflow_expected", "naswot_expected"], settings)
    measured = score(cell, ["log_synflow", "naswot"], settings)
    assert closed["log_synflow_expected"].value == pytest.approx(measured["log_synflow"].value, abs=2.5)
    assert closed["naswot_expected"].value == pytest.approx(measured["naswot"].value, abs=2)


@pytest.mark.parametrize("size", [32, Sides(20, 50)])
def test_gates_and_options_are_scored(size: Size) -> None:
    plain, gated = MeanField(size, 10), MeanField(size, 10, Options(use_se=True))
    assert plain(WIDE) != gated(WIDE)
    assert gated(WIDE) == pytest.approx(gated.walk(WIDE), abs=0.1)
