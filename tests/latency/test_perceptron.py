"""The perceptron in numpy computes what torch trained, stays inside its range, and survives its file."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from latency.fitting.fit import Recipe
from latency.fitting.train import train
from latency.predicting.perceptron import Perceptron

QUICK = Recipe(width=16, hidden=2, steps=1500, batch=64)


@pytest.fixture(scope="module")
def trained() -> tuple[Perceptron, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    inputs = np.column_stack([rng.uniform(-2, 2, (2000, 2)), np.full(2000, 3.0)])
    targets = np.abs(inputs[:, 0]) + inputs[:, 1]
    return train(inputs, targets, recipe=QUICK), inputs, targets


def test_it_learns(trained: tuple[Perceptron, np.ndarray, np.ndarray]) -> None:
    perceptron, inputs, targets = trained
    assert np.abs(perceptron(inputs.astype(np.float32)) - targets).mean() < 0.1


def test_one_row_is_as_many(trained: tuple[Perceptron, np.ndarray, np.ndarray]) -> None:
    perceptron, inputs, _ = trained
    many = perceptron(inputs[:5].astype(np.float32))
    np.testing.assert_allclose([perceptron(row.astype(np.float32)) for row in inputs[:5]], many, rtol=1e-4)


def test_inputs_are_clipped_to_the_range_of_the_fit(trained: tuple[Perceptron, np.ndarray, np.ndarray]) -> None:
    perceptron, inputs, _ = trained
    edge = inputs.max(0).astype(np.float32)
    assert perceptron(edge) == perceptron(edge + np.float32(1e6))


def test_the_same_seed_gives_the_same_weights() -> None:
    inputs = np.random.default_rng(1).normal(size=(100, 3))
    state = torch.random.get_rng_state()
    first, second = (train(inputs, inputs[:, 0], recipe=Recipe(width=4, hidden=1, steps=20)) for _ in range(2))
    assert first.to_json() == second.to_json()
    assert torch.equal(state, torch.random.get_rng_state())


def test_nothing_overflows(trained: tuple[Perceptron, np.ndarray, np.ndarray]) -> None:
    perceptron, inputs, _ = trained
    steep = Perceptron(
        perceptron.low,
        perceptron.high,
        perceptron.mean,
        perceptron.scale,
        tuple((weights * 1000, bias) for weights, bias in perceptron.layers),
    )
    assert np.isfinite(steep(inputs.astype(np.float32))).all()  # a warning would be an error


def test_round_trip(trained: tuple[Perceptron, np.ndarray, np.ndarray]) -> None:
    perceptron, inputs, _ = trained
    back = Perceptron.from_json(json.loads(json.dumps(perceptron.to_json())))
    np.testing.assert_array_equal(back(inputs.astype(np.float32)), perceptron(inputs.astype(np.float32)))


@pytest.mark.parametrize("break_it", ["shape", "nan", "outputs"])
def test_damaged_weights_are_refused(trained: tuple[Perceptron, np.ndarray, np.ndarray], break_it: str) -> None:
    perceptron, _, _ = trained
    stored = perceptron.to_json()
    if break_it == "shape":
        stored["layers"] = stored["layers"][1:]
    elif break_it == "nan":
        layers = ((perceptron.layers[0][0] * np.float32("nan"), perceptron.layers[0][1]), *perceptron.layers[1:])
        stored = Perceptron(perceptron.low, perceptron.high, perceptron.mean, perceptron.scale, layers).to_json()
    else:
        stored["layers"] = stored["layers"][:-1]
    with pytest.raises(ValueError, match="a perceptron with"):
        Perceptron.from_json(stored)
