"""Profiles from ten measured networks: a law is found again, intervals are honest, and the file gives them back."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from latency.base import LatencyError
from latency.fitting.adapting import LEAST, LEFT_OUT, Fit, adapted, fitted, profile_of
from latency.fitting.choosing import chosen
from latency.fitting.laws import Law, laws_for, source_law, usual_law
from latency.fitting.robust import Floats
from latency.kernels import KINDS, UNFUSED, WEIGHTED, Fusion, Kernel, group
from latency.predicting.hardware import processor
from latency.predicting.intervals import Intervals
from latency.predicting.models import Linear, Scaled, windows
from latency.predicting.posterior import Posterior, Term
from latency.predicting.predictor import Predictor
from latency.predicting.profile import Profile, ProfileError, load_profile
from PlainNet import Options, Structure, lower
from PlainNet.ops import OpGraph
from SearchSpace import load_space

from .test_arrays import check
from .test_profile_numbers import changed, leaves, survives

SHEET = processor("fp32")
BLANK = Profile("mine", "a board", "unknown", "fp32", 1, SHEET, Fusion(), models=())
EAGER = replace(UNFUSED, zeros="run")


def rates(of_kind: float) -> Linear:
    """The rates of a device: pooling and additions are slower than usual, by `of_kind`."""
    return Linear(
        tuple(
            (kind, at, 0.02, 3e-8 if kind in WEIGHTED else 0.0, 4e-7 * (1 if kind in WEIGHTED else of_kind))
            for kind in KINDS
            for at in windows(kind)
        )
    )


DEVICE = replace(BLANK, fusion=EAGER, models=(rates(2.0),), overhead_ms=0.5)


def cells(count: int, seed: int) -> list[Structure]:
    space, rng = load_space("nasbench201"), Random(seed)
    return [space.sample(rng) for _ in range(count)]


def graph(structure: Structure, resolution: int = 32) -> OpGraph:
    return lower(structure, resolution=resolution, num_classes=10)


def true_ms(structure: Structure, device: Profile = DEVICE, resolution: int = 32) -> float:
    return Predictor(device, resolution=resolution, num_classes=10, batch_size=1)(structure)


MEASURED, UNSEEN = cells(LEAST, 0), cells(20, 1)


@pytest.fixture(scope="module")
def board() -> Profile:
    rng = np.random.default_rng(0)
    ms = [true_ms(one) * math.exp(rng.normal(0, 0.01)) for one in MEASURED]
    return adapted(BLANK, [graph(one) for one in MEASURED], ms).profile


def test_a_law_is_found_again_from_ten_networks(board: Profile) -> None:
    assert board.fusion.zeros == "run"
    predict = Predictor(board, resolution=32, num_classes=10)
    assert max(abs(predict(one) / true_ms(one) - 1) for one in UNSEEN) < 0.1
    assert board.about["held_out"][LEFT_OUT]["count"] == LEAST
    assert board.about["held_out"][LEFT_OUT]["within10"] >= 80


def test_intervals_contain_what_was_not_measured(board: Profile) -> None:
    predict = Predictor(board, resolution=32, num_classes=10)
    interval = Intervals(predict)
    inside = 0
    for one in UNSEEN:
        ends = interval(one, predict(one))
        assert ends is not None
        kernels = predict.kernels(predict.lowered(one))
        assert board.interval(kernels, predict(one)) == pytest.approx(ends)  # block by block, and as a whole
        inside += ends[0] <= true_ms(one) <= ends[1]
    assert inside >= 0.8 * len(UNSEEN)


def test_a_kind_that_was_not_measured_has_a_wide_interval(board: Profile) -> None:
    kernels = [kernel for kernel, _ in group(graph(UNSEEN[0]), board.fusion)]
    widths = []
    for some in (kernels, [*kernels, *30 * [Kernel("depthwise", 1, 16, 16, 32, 32, 3, groups=16)]]):
        ends = board.interval(some, 1.0)
        assert ends is not None
        widths.append(math.log(ends[1] / ends[0]))
    assert widths[1] > 3 * widths[0]


def test_outside_of_the_measured_range_there_is_no_interval(board: Profile) -> None:
    predict = Predictor(board, resolution=64, num_classes=10)
    assert Intervals(predict)(UNSEEN[0], 1.0) is None


def test_the_file_gives_the_profile_back(board: Profile) -> None:
    stored = json.loads(json.dumps(board.to_json()))
    again = Profile.from_json(stored, "mine.json")
    assert again.to_json() == board.to_json()
    kernel = [Kernel("conv", 1, 16, 16, 32, 32, 3)]
    assert again.interval(kernel, 2.0) == pytest.approx(board.interval(kernel, 2.0), rel=1e-4)


def test_damaged_posteriors_are_refused_or_harmless(board: Profile) -> None:
    stored = json.loads(json.dumps(board.to_json()))
    for path in [path for path in leaves(stored) if path[0] == "posterior"][:40]:
        for wrong in (math.nan, -1, 1e308, "x", None, [], {}, True):
            made = changed(stored, path, wrong)
            survives(made, f"{path} {wrong}")
            try:
                found = Profile.from_json(made, "wrong.json").interval([Kernel("conv", 1, 16, 16, 32, 32, 3)], 2.0)
            except ProfileError:
                continue
            assert found is not None
            assert 0 < found[0] <= 2 <= found[1] < math.inf


def test_a_device_that_resembles_another_one_is_a_multiple_of_it() -> None:
    source = load_profile("v100-tensorrt-fp16")
    networks = [load_space("XXBL").sample(Random(seed)) for seed in range(LEAST)]
    ms = [3 * true_ms(one, source, 224) for one in networks]
    made = adapted(replace(BLANK, precision="fp16"), [graph(one, 224) for one in networks], ms, [source]).profile
    (scaled,) = (model for model in made.models if isinstance(model, Scaled))
    assert all(factor == pytest.approx(3, rel=0.5) for kind, _, factor in scaled.factors if kind == "conv")
    unseen = load_space("XXBL").sample(Random(100))
    assert true_ms(unseen, made, 224) == pytest.approx(3 * true_ms(unseen, source, 224), rel=0.1)
    check(made, "XXBL", 32, Options())
    again = Profile.from_json(json.loads(json.dumps(made.to_json())), "made.json")
    assert true_ms(unseen, again) == true_ms(unseen, made)


IDLE = Kernel("activation", 1, 16, 16, 32, 32)


def test_kinds_that_a_source_has_idle_get_usual_rates() -> None:
    source = replace(
        DEVICE,
        models=(Linear((*(rate for rate in rates(1.0).rates if rate[0] != IDLE.kind), (IDLE.kind, 0, 0.0, 0.0, 0.0))),),
    )
    assert source.kernel_ms(IDLE) == 0
    law = source_law(source)
    fit = Fit(law, np.zeros(len(law.terms)), np.eye(len(law.terms)), 0.1, 0.0)
    made = profile_of(fit, BLANK, LEAST)
    assert 0 < made.kernel_ms(IDLE) == pytest.approx(law.row(IDLE).sum())
    for kernel in (Kernel("conv", 1, 16, 16, 32, 32, window) for window in (1, 3, 5)):
        assert made.kernel_ms(kernel) == pytest.approx(source.kernel_ms(kernel))


def test_a_spoilt_measurement_does_not_decide() -> None:
    ms = [true_ms(one) for one in MEASURED]
    ms[3] *= 4
    law = usual_law(EAGER, SHEET)
    (times,) = parts([law], MEASURED)
    made = profile_of(fitted(law, times, np.array(ms)), BLANK, LEAST)
    off = [abs(true_ms(one, made) / true_ms(one) - 1) for one in UNSEEN]
    assert np.median(off) < 0.1


def test_too_few_networks_are_refused() -> None:
    with pytest.raises(LatencyError, match="9 measured networks, expected at least 10"):
        adapted(BLANK, [graph(one) for one in MEASURED[1:]], [1.0] * 9)


def parts(laws: list[Law], structures: list[Structure]) -> list[Floats]:
    kernels = {law.fusion: [[k for k, _ in group(graph(one), law.fusion)] for one in structures] for law in laws}
    return [np.array([law.times({k: ks.count(k) for k in ks}) for ks in kernels[law.fusion]]) for law in laws]


def test_chosen_networks_tell_more_than_others() -> None:
    laws = [usual_law(EAGER, SHEET)]
    (pool,), (target,) = parts(laws, cells(30, 2)), parts(laws, cells(20, 3))
    best = chosen(laws, [pool], [target], LEAST)
    assert len(set(best)) == LEAST

    def left(rows: list[int]) -> float:
        fit = fitted(laws[0], pool[rows], pool[rows].sum(axis=1))
        shares = target / target.sum(axis=1, keepdims=True)
        return float(np.einsum("nk,kl,nl->n", shares, fit.covariance, shares).mean())

    assert left(best) < left(list(range(LEAST)))


def test_laws_without_a_source_know_all_kinds() -> None:
    for law in laws_for(SHEET, ()):
        for kind in KINDS:
            assert law.row(Kernel(kind, 1, 16, 16, 8, 8, 1)).sum() > 0


def test_a_posterior_knows_only_its_terms() -> None:
    one = Posterior((Term("mac", "conv", 1),), np.eye(1), 0.0, 10)
    assert one.deviation({Term("mac", "conv", 1): 1.0, Term("byte", "add", 0): 3.0}) == pytest.approx(0.25)
