"""Every block in a LiteRT file: in float32 it equals PyTorch, in INT8 it comes close, also on a microcontroller."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from latency.litert.flatbuffer import written
from latency.litert.quantisation import int8_model, values_of
from PlainNet import Options, lower
from PlainNet.deployed.deploy import deploy
from PlainNet.deployed.memory import memory_of
from PlainNet.deployed.startup import startup_bytes
from PlainNet.sizes import Sides
from tests.conftest import BUILT
from zennas.exporting.litert.running import ends_of, litert_answers, micro_answers, micro_is_here, ranges_of
from zennas.testing.blocks import cases

from .conftest import network


@pytest.mark.parametrize("kind", BUILT, ids=lambda kind: kind.kind)
def test_files_compute_what_the_block_does(kind: Any) -> None:
    ((structure, _),) = cases(kind, 1)
    model, images, expected = network(structure, Sides(9, 14))
    content = written(model)
    assert np.abs(litert_answers(content)(images) - expected).max() < 1e-4
    small = written(int8_model(model, ranges_of(content, [images], values_of(model))))
    logits = litert_answers(small)(images)
    assert np.sqrt(np.mean((logits - expected) ** 2) / np.mean(expected**2)) < 0.2
    if micro_is_here():
        operators = deploy(lower(structure, resolution=Sides(9, 14), num_classes=10, options=Options(use_se=True)))
        arena = startup_bytes(operators, memory_of(operators).ram_bytes_planner)
        steps = np.abs(micro_answers(small, arena)(images[:2]) - logits[:2]).max() / ends_of(small)[1].scale
        assert steps < 12  # every operator may round by one step differently
