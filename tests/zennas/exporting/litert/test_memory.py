"""RAM, flash and the arena that starts, as predicted from structures, against files and the interpreter."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from latency.litert.flatbuffer import written
from latency.litert.quantisation import int8_model, values_of
from PlainNet import Options, lower, parse
from PlainNet.deployed.deploy import deploy
from PlainNet.deployed.flash import flash_bytes
from PlainNet.deployed.memory import METADATA, memory_of, plan_metadata
from PlainNet.deployed.startup import startup_bytes
from PlainNet.sizes import Sides, Size
from zennas.exporting.litert.running import ranges_of

from .conftest import network

STRUCTURES: tuple[tuple[str, Size], ...] = (
    ("SuperConvK3BNRELU(3,8,2,1)SuperResIDWE4K5(8,16,2,8,1)SuperResK3K3(16,24,1,8,2)", Sides(33, 20)),
    ("SuperConvK3BNRELU(3,16,1,1)SuperResK3K3(16,16,1,24,2)Swish(16)", 16),
    ("ConvKX(3,16,3,1)BN(16)NB201Cell(16,3,2,4,1,3,2)NB201Reduction(16,24)BN(24)RELU(24)", Sides(12, 17)),
    ("ConvKX(3,8,3,1)BN(8)RELU(8)" + 30 * "ConvKX(8,8,3,1)", 4),
    ("ConvKX(3,48,3,1)ConvKX(48,48,3,1)ConvKX(48,40,3,1)ConvKX(40,48,3,1)", 16),
)


@pytest.mark.parametrize(("text", "size"), STRUCTURES)
def test_predictions_are_what_the_interpreter_reports(text: str, size: Size, capfd: Any) -> None:
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime", reason="needs tflite-micro")
    structure = parse(text)
    floats, images, _ = network(structure, size)
    operators = deploy(lower(structure, resolution=size, num_classes=10, options=Options(use_se=True)))
    memory = memory_of(operators)
    model = int8_model(floats, ranges_of(written(floats), [images], values_of(floats)))
    carried = replace(model, metadata={METADATA: plan_metadata(memory, len(model.tensors))})
    image = np.random.default_rng(0).integers(-128, 128, operators.image, dtype=np.int8)
    logits = []
    for one, bytes_planned in ((model, memory.ram_bytes_planner), (carried, memory.ram_bytes)):
        content = written(one)
        arena = startup_bytes(operators, bytes_planned)
        interpreter = runtime.Interpreter.from_bytes(content, arena_size=arena)
        interpreter.set_input(image, 0)
        interpreter.invoke()
        logits.append(interpreter.get_output(0).copy())
        capfd.readouterr()
        interpreter.print_allocations()
        head = re.search(r"allocation head ([0-9]+) bytes", capfd.readouterr().err)
        assert head is not None
        assert int(head[1]) == bytes_planned
        with pytest.raises(RuntimeError):
            runtime.Interpreter.from_bytes(content, arena_size=arena - 64)
    assert np.array_equal(*logits)
    assert flash_bytes(operators) == pytest.approx(len(written(carried)), rel=0.04)  # equal shapes are stored once
