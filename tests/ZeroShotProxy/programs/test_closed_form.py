"""Statistics in closed form: what they are, and the objective that is made of them as a program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest

from PlainNet import Options, Structure, cost, lower, ops, parse
from PlainNet.ops import Node, OpGraph, Shape
from SearchSpace import load_space
from SearchSpace.nasbench201 import Cell201, network
from ZeroShotProxy import PROXIES, ProxyError, ScoreSettings, score
from ZeroShotProxy.programs.closed_form import CLOSED_FORMS
from ZeroShotProxy.programs.convolutions import closed_forms, shapes_of
from ZeroShotProxy.programs.errors import ProgramError

ROOT = Path(__file__).resolve().parents[3]
SPACES = ("nasbench201", "nasbench101", "darts", "nasbench-macro", "XXBL", "IDW_fixfc")
PLAIN = parse("SuperConvK3BNRELU(3,8,1,1)SuperConvK3BNRELU(8,16,2,2)SuperResIDWE2K5(16,16,2,8,1)")


def drawn(name: str, seed: int) -> Structure:
    space = load_space(name)
    return space.sample(Random(seed)) if hasattr(space, "sample") else space.initial()


def graph(structure: Structure, resolution: int = 16) -> OpGraph:
    return lower(structure, resolution=resolution, num_classes=10)


@pytest.mark.parametrize("name", SPACES)
def test_the_hand_made_objective_is_one_of_the_programs(name: str) -> None:
    for seed, steps in enumerate((8_000, 500)):
        settings = ScoreSettings(resolution=16, training_steps=steps)
        found = score(drawn(name, seed), ["mean_field", "program:mean_field"], settings)
        assert found["program:mean_field"].value == pytest.approx(found["mean_field"].value, rel=1e-6)
    gated = ScoreSettings(resolution=16, use_se=True)
    found = score(PLAIN, ["mean_field", "program:mean_field"], gated)
    assert found["program:mean_field"].value == pytest.approx(found["mean_field"].value, abs=0.05)  # which rounds there


@pytest.mark.parametrize("name", SPACES)
def test_each_statistic_has_a_number_for_each_convolution(name: str) -> None:
    one = graph(drawn(name, 0))
    found = closed_forms(one)
    assert list(found) == list(CLOSED_FORMS)
    count = len(found["flops"])
    for key, value in found.items():
        assert value.shape == (() if CLOSED_FORMS[key].whole else (count,))
        assert value.dtype == np.float32
        assert np.isfinite(value).all()
    assert found["share"].sum() == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(found["turn"] / found["turn"].sum(), found["share"], rtol=1e-5)
    np.testing.assert_allclose(found["turn"] ** 6, found["gradient"] / found["out_channels"], rtol=1e-4)
    most = shapes_of(one, list(CLOSED_FORMS))
    assert all(len(most[key]) == value.ndim for key, value in found.items())
    assert count <= most["flops"][0]
    assert closed_forms(one, ("kernel",)).keys() == {"kernel"}


def test_widths_and_costs_by_hand() -> None:
    found = closed_forms(graph(PLAIN))
    # Two plain convolutions, one of them twice, then expansion, depthwise and projection twice, with a shortcut.
    assert found["out_channels"][:3].tolist() == [8, 16, 16]
    assert found["kernel"][:3].tolist() == [3, 3, 3]
    assert found["fan_in"][:3].tolist() == [27, 72, 144]
    assert found["stride"][:3].tolist() == [1, 2, 1]
    assert found["in_positions"][:3].tolist() == [256, 256, 64]
    assert found["positions"][:3].tolist() == [256, 64, 64]
    assert found["flops"][:3].tolist() == [27 * 8 * 256, 72 * 16 * 64, 144 * 16 * 64]
    assert found["params"][:3].tolist() == [27 * 8, 72 * 16, 144 * 16]
    assert found["depth"][:3].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(found["depth"] + found["remaining"] <= found["depth"].max() + 1, True)
    assert set(found["groups"].tolist()) > {1.0}
    head = cost(PLAIN, resolution=16, num_classes=10).flops - found["flops"].sum()
    assert head == PLAIN.blocks[-1].args[1] * 10  # the classifier, as all convolutions take part
    assert found["in_variance"][0] == 1
    assert found["likeness"][0] == 0
    assert found["likeness"][1] == pytest.approx(1 / np.pi)


def test_depth_and_what_remains_are_the_longest_ways() -> None:
    cell = Cell201.parse("|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|")
    found = closed_forms(graph(network(cell, channels=4, cells=1)))
    assert found["depth"][:5].tolist() == [1, 2, 2, 3, 3]
    assert (found["depth"] + found["remaining"]).max() == found["remaining"][0] + 1 == found["depth"].max() + 1


def _classifier() -> OpGraph:
    """A linear layer behind a global pooling, and nothing before."""
    pool = Node(ops.AdaptiveAvgPool(1), (0,), Shape(3, 1), "pool", -1)
    flat = Node(ops.Flatten(), (1,), Shape(3, 0), "flat", -1)
    return OpGraph(Shape(3, 16), (pool, flat, Node(ops.Linear(3, 10), (2,), Shape(10, 0), "fc", -1)), 3, ())


def test_networks_without_convolutions_that_learn() -> None:
    nothing = network(Cell201((0,) * 6), channels=4, cells=1)
    with pytest.raises(ProgramError, match="no gradient of the output reaches the input"):
        closed_forms(graph(nothing))
    with pytest.raises(ProgramError, match="no convolution on a path from the input to the output"):
        closed_forms(_classifier())
    with pytest.raises(ProxyError, match="proxy program:mean_field fails: no gradient of the output"):
        score(nothing, ["program:mean_field"])


def test_gates_do_not_count() -> None:
    with_gates = closed_forms(lower(PLAIN, resolution=16, num_classes=10, options=Options(use_se=True)))
    assert len(with_gates["flops"]) == len(closed_forms(graph(PLAIN))["flops"])


def test_such_a_program_needs_no_torch_and_no_weights() -> None:
    info = PROXIES.get("program:mean_field").info
    assert (info.torch, info.random, info.needs, info.initialisation) == (False, False, "structure", "own")
    code = (
        "import sys, PlainNet, ZeroShotProxy as z; "
        f"z.score(PlainNet.parse({str(PLAIN)!r}), ['program:mean_field']); print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
