"""The mean field of max poolings and concatenations, against samples and Monte-Carlo measures."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from PlainNet import Structure, ops, parse
from PlainNet.cost import op_cost
from PlainNet.lowering import lower
from PlainNet.sizes import Sides, Size, transposed
from SearchSpace import load_space
from ZeroShotProxy import ProxyError, ScoreSettings, score
from ZeroShotProxy.engine.mean_field.backward import maximum_of_normals
from ZeroShotProxy.engine.mean_field.forward import FUNCTIONS, State, carry, image, white
from ZeroShotProxy.engine.mean_field.parted import parted
from ZeroShotProxy.engine.mean_field.torus import Array, torus

SIDE = 8
POOLED = parse(
    "CellStack4(3,8,8,0,4,0,1,1,1,2,1,1,7,0,4,2,6,2,2,3,15,2,1,2,0,4,1,7,2,4,3,6,2,7,1,6,3,15)"
)  # three of the eight edges of its normal cell are max poolings
CENTRED = parse("CellStack4(3,8,8,0,4,0,4,1,4,0,4,1,4,0,3,1,6,2,4,0,15,4,0,4,1,7,2,4,0,4,1,6,2,7,2,6,3,15)")
NETWORKS = [POOLED, CENTRED, load_space("nasbench201").initial(), load_space("nasbench101").initial()]


def sampled(count: int = 400, channels: int = 4) -> tuple[Array, Array, Array]:
    """Noise on a torus, the maximum of each window of 3 × 3, and the place of each maximum in its window."""
    x = np.random.default_rng(0).standard_normal((count * channels, SIDE, SIDE))
    windows = np.stack([np.roll(x, (-dy, -dx), (1, 2)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    return x, windows.max(0), windows.argmax(0)


def back(gradient: Array, winners: Array) -> Array:
    """The gradient at the inputs of maxima."""
    found = np.zeros_like(gradient)
    for place in range(9):
        dy, dx = place // 3 - 1, place % 3 - 1
        found += np.roll(np.where(winners == place, gradient, 0.0), (dy, dx), (1, 2))
    return found


def correlations(x: Array) -> Array:
    """The mean over maps of x(0) x(Δ), for each class of distances of the torus."""
    here = torus(SIDE, shells=False)
    power = np.abs(np.fft.fft2(x)) ** 2 / SIDE**2
    whole = np.fft.ifft2(power.mean(0)).real
    return np.array([whole[y, x] for y, x in here.members])


@pytest.mark.parametrize("kind", ["constant", "white", "smooth"])
def test_gradients_of_maxima_meet_at_shared_inputs(kind: str) -> None:
    _, _, winners = sampled()
    gradient = np.random.default_rng(1).standard_normal(winners.shape)
    if kind == "constant":
        gradient = np.ones_like(gradient) * gradient[:, :1, :1]
    if kind == "smooth":
        gradient = sum(np.roll(gradient, (y, x), (1, 2)) for y in range(3) for x in range(3)) / 3
    here = torus(SIDE, shells=False)
    expected = here.to_positions @ (here.routing(3) @ (here.to_powers @ correlations(gradient)))
    found = correlations(back(gradient, winners))
    scale = found[here.class_of[0, 0]]
    assert expected[here.class_of[0, 0]] == pytest.approx(scale, rel=0.05)
    assert np.abs(expected - found).max() < 0.12 * scale


@pytest.mark.parametrize("side", [1, 2, 4, 8, Sides(4, 8)])
def test_routing_keeps_sums(side: Size) -> None:
    """A gradient goes somewhere as a whole: its sum over positions stays, and so does the energy of white noise."""
    here = torus(side, shells=False)
    after = here.routing(3) @ here.constant
    assert after[here.class_of[0, 0]] == pytest.approx(here.constant[here.class_of[0, 0]])
    assert here.mean(here.routing(3) @ np.ones(len(here.weights))) == pytest.approx(1)


def state_after(text: str) -> list[State]:
    graph = lower(parse(text), resolution=SIDE, num_classes=10)
    return carry(graph, image(graph), white(graph)).states


def test_a_maximum_is_an_average_and_a_rest() -> None:
    x, once, _ = sampled()
    twice = np.stack([np.roll(once, (dy, dx), (1, 2)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]).max(0)
    states = state_after("MaxPool(3,3,1)MaxPool(3,3,1)")
    assert states[1].mean == pytest.approx(once.mean(), rel=0.01)
    assert states[1].variance == pytest.approx(once.var(), rel=0.03)
    assert states[2].mean == pytest.approx(twice.mean(), rel=0.15)  # the first maxima are no longer normal
    assert states[2].variance == pytest.approx(twice.var(), rel=0.2)
    here = states[1].torus
    power, transfer = states[1].parts[0]
    linear = here.mean(np.asarray(power) * transfer)
    assert linear == pytest.approx(1 / 9)
    assert (x * once).mean() == pytest.approx(1 / 9, rel=0.05)
    assert maximum_of_normals(9) == pytest.approx(once.mean(), rel=0.01)


def test_a_sum_with_a_maximum_of_the_same_value_has_their_covariance() -> None:
    graph = lower(parse("ConvKX(3,64,3,1)"), resolution=SIDE, num_classes=10)
    conv = graph.nodes[0]
    pool = conv._replace(op=ops.MaxPool(3, 1), inputs=(1,))
    added = conv._replace(op=ops.Add(), inputs=(1, 2))
    graph = ops.OpGraph(graph.input, (conv, pool, added), 3, (3,))
    states = carry(graph, image(graph), shells=False).states
    assert states[3].variance > 1.1 * (states[1].variance + states[2].variance)


@pytest.mark.parametrize("structure", NETWORKS, ids=lambda structure: structure.blocks[0].kind)
def test_functions_move_to_the_front_of_concatenations(structure: Structure) -> None:
    graph = lower(structure, resolution=32, num_classes=10)
    moved = parted(graph)
    assert parted(moved) == moved
    for node in moved.nodes:
        if type(node.op) in FUNCTIONS:
            assert not isinstance(moved.producer(node.inputs[0]), ops.Concat)
    counted = [[op_cost(node.op, node.shape) for node in one.nodes] for one in (graph, moved)]
    assert sum(cost.params for cost in counted[0]) == sum(cost.params for cost in counted[1])
    assert sum(cost.flops for cost in counted[0]) == sum(cost.flops for cost in counted[1])
    elements = [sum(n.shape.elements for n in one.nodes if isinstance(n.op, ops.Relu)) for one in (graph, moved)]
    assert elements[0] == elements[1]
    assert moved.shape_of(moved.output) == graph.shape_of(graph.output)


def test_equal_poolings_are_one() -> None:
    graph = lower(POOLED, resolution=32, num_classes=10)
    pools = [[n for n in one.nodes if isinstance(n.op, (ops.MaxPool, ops.AvgPool))] for one in (graph, parted(graph))]
    assert len(pools[1]) < len(pools[0])
    assert len({(n.op, n.inputs) for n in pools[1]}) == len(pools[1])


@pytest.mark.parametrize("size", [32, Sides(24, 44)])
def test_networks_with_many_maxima_are_those_of_real_weights(size: Size) -> None:
    pytest.importorskip("torch")
    settings = ScoreSettings(resolution=size, batch_size=16, repeats=2)
    closed = score(POOLED, ["grad_norm_expected", "naswot_expected"], settings)
    measured = score(POOLED, ["grad_norm", "naswot"], settings)
    ratio = closed["grad_norm_expected"].value / measured["grad_norm"].value
    assert 0.75 < ratio < 1.5
    assert closed["naswot_expected"].value == pytest.approx(measured["naswot"].value, abs=1.3)


def test_summed_logits_reach_the_image_through_maxima_only() -> None:
    """Batch-norm behind the last function removes a gradient that is the same for all images; a maximum before it
    sends it to other inputs in other images."""
    with pytest.raises(ProxyError, match="no gradient of the output reaches the input"):
        score(CENTRED, ["jacob_cov_expected"], ScoreSettings())
    assert np.isfinite(score(POOLED, ["jacob_cov_expected"], ScoreSettings())["jacob_cov_expected"].value)


def test_random_cells_of_every_kind_have_scores() -> None:
    names = ["mean_field", "naswot_expected", "grad_norm_expected"]
    for name in ("darts", "nasbench101", "nasbench201"):
        space = load_space(name)
        for seed in range(3):
            structure = space.sample(Random(seed))  # type: ignore[attr-defined]
            try:
                found = score(structure, names, ScoreSettings())
            except ProxyError as error:
                assert "no gradient of the output" in str(error)
                continue
            assert all(np.isfinite(one.value) for one in found.values())


@pytest.mark.parametrize("size", [Sides(20, 44), Sides(17, 18), Sides(12, 70)])
@pytest.mark.parametrize("structure", NETWORKS, ids=lambda structure: structure.blocks[0].kind)
def test_a_turned_image_gives_the_same(structure: Structure, size: Sides) -> None:
    names = ["mean_field", "naswot_expected", "grad_norm_expected", "zen_expected"]
    one, other = (score(structure, names, ScoreSettings(resolution=each)) for each in (size, transposed(size)))
    for name in names:
        assert one[name].value == pytest.approx(other[name].value, rel=1e-9)
