"""Profiles with wrong numbers: each is refused in a line, or still predicts finite latencies above 0."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from latency.kernels import Fusion, Kernel
from latency.predicting.aboutcheck import check_about
from latency.predicting.models import Linear
from latency.predicting.perceptron import Perceptron
from latency.predicting.predictor import Predictor
from latency.predicting.profile import Profile, ProfileError, load_profile
from latency.predicting.table import predict_kernels
from PlainNet import parse
from tests.conftest import SMALL

WRONG: tuple[Any, ...] = (
    math.nan, math.inf, -math.inf, -1, -0.5, 0, -0.0, 1.5, 1e308, 1e-308, 5e-324, 1 << 70, 10**400,
    True, False, None, "", "3", "\x1b[31mred", "two\nlines", [], {}, [1], {"a": 1},
)  # fmt: skip
CELL = "SuperConvK3BNRELU(3,16,1,1)NB201Cell(16,3,4,2,1,3,2)"


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values in a file, containers included."""
    if path:
        yield path
    if isinstance(value, (dict, list)):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(one, (*path, key))


def changed(stored: Any, path: tuple[Any, ...], value: Any) -> Any:
    made = copy.copy(stored)
    made[path[0]] = value if len(path) == 1 else changed(made[path[0]], path[1:], value)
    return made


def survives(stored: Any, what: str) -> bool:
    """Whether a profile is refused in a line. Otherwise its predictions are latencies, and its card can be read."""
    try:
        profile = Profile.from_json(stored, "wrong.json")
        known = {kind for model in profile.models for kind in model.kinds}
        structure = parse(SMALL if "depthwise" in known else CELL)
        ms = Predictor(profile, resolution=32, num_classes=10)(structure)
        kernels = [Kernel("conv", 1, 16, 32, 28, 14, 3, 2), Kernel("linear", 64, 512, 1000, 1, 1)]
        times = predict_kernels(profile, kernels)
    except ProfileError as error:
        assert "\n" not in str(error), what
        assert str(error).isprintable(), what
        return True
    assert 0 < ms < math.inf, what
    assert all(0 <= time < math.inf for time in times), what
    check_about(profile.about)
    return False


@pytest.mark.parametrize("name", ["raspi4", "edgetpu", "v100-pytorch-fp16", "this-machine-int8"])
def test_no_wrong_number_makes_a_prediction_that_is_none(name: str) -> None:
    stored, rng = load_profile(name).to_json(), Random(0)
    assert not survives(stored, "as it is")
    paths = [path for path in leaves(stored) if "float32" not in path]
    refused = 0
    for path in rng.sample(paths, min(len(paths), 60)):
        for value in rng.sample(WRONG, 8):
            refused += survives(changed(stored, path, value), f"{path} is {value!r}")
    assert refused > 100


def test_each_field_says_what_was_expected() -> None:
    stored = load_profile("raspi4").to_json()
    for path, value, message in (
        (("scale",), math.nan, "scale is 'nan', expected a number from"),
        (("scale",), "1.0", "scale is '1.0', expected a number from"),
        (("batch",), 1.5, "batch is '1.5', expected a whole number"),
        (("overhead_ms",), -1, "overhead_ms is '-1', expected a number from 0"),
        (("name",), "a\x1b[2J", "name is"),
        (("hardware", "bytes_per_ms"), 1e-300, "hardware.bytes_per_ms is"),
        (("models", 0, "rates", 0, 2), True, "rate of"),
        (("models", 0, "rates", 0, 1), 3.0, "kernel size of"),
        (("ranges", "conv", "size"), [5, 4], "expected the smallest first"),
        (("about", "held_out", "cifar10", "mape"), "6 %", "mape of held_out of cifar10 is '6 %', expected a number"),
        (("about", "held_out", "cifar10", "within10"), 100.5, "within10 of held_out of cifar10"),
        (("about", "held_out", "cifar10"), {"mape": 3}, "expected count, mape"),
        (("about", "noise"), math.inf, "a number of about is 'inf'"),
        (("about", "reference"), [{"structure": SMALL}], "reference is"),
    ):
        with pytest.raises(ProfileError, match=r"wrong\.json is damaged") as caught:
            Profile.from_json(changed(stored, path, value), "wrong.json")
        assert message in str(caught.value)


def test_a_kind_belongs_to_one_model() -> None:
    stored = load_profile("raspi4").to_json()
    with pytest.raises(ProfileError, match="kinds of no other model"):
        Profile.from_json({**stored, "models": stored["models"] * 2}, "wrong.json")


def test_weights_that_overflow_are_refused() -> None:
    good = next(
        model for model in load_profile("v100-tensorrt-fp16").models if not isinstance(model, Linear)
    ).perceptron
    for factor in (1e20, 3e37):
        layers = tuple(((weights * np.float32(factor)).clip(-3e38, 3e38), bias) for weights, bias in good.layers)
        stored = Perceptron(good.low, good.high, good.mean, good.scale, layers).to_json()
        with pytest.raises(ValueError, match="may overflow"):
            Perceptron.from_json(stored)
    swapped = Perceptron(good.high, good.low, good.mean, good.scale, good.layers).to_json()
    with pytest.raises(ValueError, match="a lowest input above the highest"):
        Perceptron.from_json(swapped)


def test_a_factor_that_overflows_is_an_error_when_it_is_predicted() -> None:
    stored = load_profile("v100-tensorrt-fp16")
    (learned,) = (model for model in stored.models if not isinstance(model, Linear))
    *rest, (weights, bias) = learned.perceptron.layers
    p = learned.perceptron
    for shift in (1e4, 800.0):
        large = Perceptron(p.low, p.high, p.mean, p.scale, (*rest, (weights, bias + np.float32(shift))))
        model = type(learned)(learned.kinds, large, learned.widths)
        profile = Profile("mine", "d", "b", "fp16", 1, stored.hardware, Fusion(), (model,))
        again = Profile.from_json(json.loads(json.dumps(profile.to_json())), "mine.json")
        with pytest.raises(ProfileError, match="predicts inf ms for a kernel of kind conv"):
            again.kernel_ms(Kernel("conv", 1, 16, 16, 32, 32, 3))
        with pytest.raises(ProfileError, match="predicts inf ms for kernel 1, of kind conv"):
            predict_kernels(again, [Kernel("conv", 1, 16, 16, 32, 32, 3)])


def test_a_prediction_of_nothing_is_no_latency() -> None:
    rates = (("conv", 0, 0.0, 0.0, 0.0),)
    others = tuple((kind, 0, 0.0, 0.0, 0.0) for kind in ("global_pool", "depthwise"))
    profile = Profile("nil", "d", "b", "fp32", 1, load_profile("raspi4").hardware, Fusion(), (Linear(rates + others),))
    with pytest.raises(ProfileError, match="predicts 0 ms for a network"):
        Predictor(profile, resolution=32, num_classes=10)(parse("SuperConvK3BNRELU(3,8,1,1)"))


def test_a_file_with_nan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nan.json"
    for number in (math.nan, math.inf):
        path.write_text(json.dumps({**load_profile("raspi4").to_json(), "extra": number}))
        with pytest.raises(ProfileError, match=r"nan\.json cannot be read.* expected finite numbers"):
            load_profile(path)
