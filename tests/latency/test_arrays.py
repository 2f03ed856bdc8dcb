"""Predictions of many structures at once equal those of each, to the last bit."""

from __future__ import annotations

import math

import pytest

from latency.kernels import CONV, UNFUSED, Fusion
from latency.predicting.arrays import PredictorArrays
from latency.predicting.models import Linear
from latency.predicting.predictor import Predictor
from latency.predicting.profile import Profile, ProfileError, load_profile, profile_names
from PlainNet import Options, Structure
from PlainNet.arrays.blocks import Blocks
from PlainNet.arrays.structures import Structures
from PlainNet.sizes import Sides, Size
from SearchSpace import load_space
from zennas.testing.arrays import form_of, walked

from .test_predictor import ROOFLINE, profile


def one_by_one(predictor: Predictor, structure: Structure) -> float:
    try:
        return predictor(structure)
    except ProfileError:
        return math.nan


def check(chosen: Profile, name: str, resolution: Size, options: Options, classes: int | None = 10) -> None:
    space = load_space(name)
    form = form_of(space)
    assert form is not None
    structures = walked(space, 25, steps=15)
    predictor = Predictor(chosen, resolution=resolution, num_classes=classes, options=options)
    blocks = Blocks(form.layout, resolution)
    predict = PredictorArrays(predictor, blocks)
    expected = [one_by_one(predictor, structure) for structure in structures]
    for part in (slice(0, 10), slice(0, 25)):
        found = predict(blocks.place(Structures.of(structures[part], form.layout))).tolist()
        assert found == pytest.approx(expected[part], rel=0, abs=0, nan_ok=True)


@pytest.mark.parametrize("name", profile_names())
def test_every_profile(name: str) -> None:
    check(load_profile(name), "XXBL", 32, Options())
    check(load_profile(name), "XXBL", Sides(48, 20), Options())
    check(load_profile(name), "IDW_fixfc", 64, Options())  # some profiles do not know depthwise kernels


@pytest.mark.parametrize("fusion", [Fusion(), UNFUSED], ids=["fused", "unfused"])
@pytest.mark.parametrize("space", ["XXBL", "IDW_fixfc"])
def test_gates_and_small_images(space: str, fusion: Fusion) -> None:
    check(profile(fusion), space, 33, Options(use_se=True))
    check(profile(fusion), space, Sides(9, 50), Options(use_se=True))
    check(profile(fusion), space, 8, Options(no_reslink=True), classes=None)


def test_a_slower_rate_for_large_inputs() -> None:
    chosen = profile(models=(Linear(ROOFLINE.rates, large=((CONV, 3, 20_000, 1e-8), (CONV, 1, 5_000, 3e-9))),))
    check(chosen, "XXBL", 32, Options())
