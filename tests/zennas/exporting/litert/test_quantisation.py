"""INT8: scales as LiteRT's specification asks for them, and logits close to those in float32."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from latency.base import LatencyError
from latency.litert.flatbuffer import written
from latency.litert.model import Builtin, Fused, Model, Operator, Quantisation, Tensor
from latency.litert.quantisation import PROBABILITY, SAME_SCALE, int8_model, scaled, values_of
from PlainNet import parse
from tests.conftest import SMALL
from zennas.exporting.litert.running import litert_answers, ranges_of

from .conftest import convolution, network


def same(one: Quantisation | None, other: Quantisation | None) -> bool:
    assert one is not None
    assert other is not None
    return (one.scale, one.zero_point) == (other.scale, other.zero_point)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 3.0), (0.5, 2.0), (-3.0, -1.0), (0.0, 0.0), (-1e-9, 1e-9)])
def test_zero_is_exact_and_ends_are_in_reach(low: float, high: float) -> None:
    found = scaled(low, high)
    assert -128 <= found.zero_point <= 127
    ends = [found.scale * (stored - found.zero_point) for stored in (-128, 127)]
    step = found.scale
    assert ends[0] <= min(low, 0) + step
    assert ends[1] >= max(high, 0) - step


def test_scales_of_a_network_are_those_of_the_specification() -> None:
    model, images, _ = network(parse(SMALL), 16)
    made = int8_model(model, ranges_of(written(model), [images], values_of(model)))
    for operator in made.operators:
        ends = [made.tensors[i] for i in (operator.inputs[0], *operator.outputs)]
        if operator.code in SAME_SCALE:
            assert same(ends[0].quantisation, ends[1].quantisation)
        if operator.code is Builtin.LOGISTIC:
            assert same(ends[1].quantisation, PROBABILITY)
        if len(operator.inputs) == 3:
            weights, bias = (made.tensors[i] for i in operator.inputs[1:])
            assert (weights.type, bias.type) == ("int8", "int32")
            assert weights.data is not None
            assert int(np.abs(weights.data.astype(int)).max()) == 127
            assert weights.quantisation is not None
            assert bias.quantisation is not None
            assert ends[0].quantisation is not None
            expected = np.float32(ends[0].quantisation.scale) * weights.quantisation.scales
            assert np.allclose(bias.quantisation.scales, expected, rtol=1e-6)
            assert not weights.quantisation.zero_points.any()
    assert {made.tensors[i].type for i in values_of(made)} == {"int8"}


@pytest.mark.parametrize(("per_channel", "limit"), [(True, 0.1), (False, 0.2)])
def test_logits_stay_close(per_channel: bool, limit: float) -> None:
    model, images, expected = network(parse(SMALL), 16)
    ranges = ranges_of(written(model), [images], values_of(model))
    logits = litert_answers(written(int8_model(model, ranges, per_channel)))(images)
    assert np.sqrt(np.mean((logits - expected) ** 2) / np.mean(expected**2)) < limit


def test_weights_per_tensor_have_one_scale() -> None:
    model = convolution()
    made = int8_model(model, {0: (-1.0, 1.0), 1: (-9.0, 9.0)}, per_channel=False)
    assert made.tensors[2].quantisation is not None
    assert len(made.tensors[2].quantisation.scales) == 1


@pytest.mark.parametrize("weight", [0.0, 1e-20])
def test_a_channel_without_weights_keeps_its_bias(weight: float) -> None:
    model = convolution(Fused.RELU)
    weights = np.full((4, 3, 3, 3), weight, np.float32)
    bias = np.array([0.5, 0.0, 2.0, 1e-30], np.float32)
    tensors = (*model.tensors[:2], replace(model.tensors[2], data=weights), replace(model.tensors[3], data=bias))
    made = int8_model(replace(model, tensors=tensors), {0: (-1.0, 1.0), 1: (0.0, 2.0)})
    found = litert_answers(written(made))(np.ones((1, 3, 6, 5), np.float32))
    assert np.abs(found - bias).max() < 2 / 255


def test_a_sigmoid_joined_with_other_values_is_refused() -> None:
    tensors = tuple(Tensor(name, (1, 2, 2, 4)) for name in "abc")
    operators = (
        Operator(Builtin.LOGISTIC, (0,), (1,)),
        Operator(Builtin.CONCATENATION, (0, 1), (2,)),
    )
    model = Model(tensors, operators, (0,), (2,))
    with pytest.raises(LatencyError, match="is joined with the output of a sigmoid"):
        int8_model(model, {0: (-3.0, 3.0), 1: (0.0, 1.0), 2: (-3.0, 3.0)})


def test_calibration_sees_every_image() -> None:
    model, images, _ = network(parse(SMALL), 16)
    whole = ranges_of(written(model), [images], values_of(model))
    parts = ranges_of(written(model), [images[:1], images[1:]], values_of(model))
    assert whole == parts
    assert whole[0] == (float(images.min()), float(images.max()))
