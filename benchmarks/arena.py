"""RAM and flash as predicted, and as TensorFlow Lite Micro reports and files are: 200 random networks in INT8.

Needs tflite-micro and ai-edge-litert.
"""

from __future__ import annotations

import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import mutated, print_machine
from latency.litert.flatbuffer import written
from latency.litert.network import float_model
from latency.litert.quantisation import int8_model, values_of
from latency.measuring.conditions import version_of
from latency.measuring.subject import of_structure
from PlainNet import Options, Structure, StructureError
from PlainNet.arrays.blocks import Blocks
from PlainNet.arrays.flash import FlashArrays
from PlainNet.arrays.ram import RamArrays
from PlainNet.arrays.structures import Structures
from PlainNet.cost import CostModel
from PlainNet.deployed.buffers import buffers_of
from PlainNet.deployed.deploy import deploy
from PlainNet.deployed.flash import flash_bytes
from PlainNet.deployed.memory import METADATA, memory_of, plan_metadata
from PlainNet.deployed.offline import own_plan
from PlainNet.deployed.planner import planned
from PlainNet.deployed.startup import startup_bytes
from PlainNet.flash import FlashModel
from PlainNet.ram import RamModel
from PlainNet.sizes import Sides, Size, size_text
from SearchSpace import ArraySpace, load_space
from zennas.exporting.litert.running import ranges_of

COUNT = 200
SPACES = ("XXBL", "IDW_fixfc")
SIZES: tuple[Size, ...] = (32, 48, 64, 96, 128, 160, Sides(96, 160), Sides(49, 33), Sides(60, 80), Sides(160, 40))
FLOPS = 25_000_000
"""Walks do not go beyond this many multiply–accumulates, as the reference kernels are slow."""
ROOM = 1 << 24
CLASSES = 10
CANDIDATES = 4000


@dataclass(frozen=True)
class Row:
    """A network: what was predicted, and what the interpreter reports or the file is, in bytes."""

    name: str
    ram: int
    planner: int
    live: int
    flash: int
    startup: int
    reported: tuple[int, int]  # without and with our plan
    size: int
    starts: bool  # with the predicted arena, and not with 64 bytes fewer
    equal: bool


def networks() -> Iterator[tuple[Structure, Size, bool]]:
    """Different random networks, with an image size, and whether they have squeeze-and-excitation."""
    rng, seen = Random(0), set[str]()
    number = 0
    while number < COUNT:
        space, size, use_se = load_space(SPACES[number % 2]), SIZES[number // 2 % len(SIZES)], number // 4 % 2 == 1
        model = CostModel(size, CLASSES, Options(use_se=use_se))
        structure = space.initial()
        for _ in range(rng.randint(5, 60)):
            child = space.mutate(structure, rng)
            try:
                if model(child).flops <= max(FLOPS, model(structure).flops):
                    structure = child
            except StructureError:  # it shrinks the image to nothing
                continue
        if str(structure) not in seen:
            seen.add(str(structure))
            number += 1
            yield structure, size, use_se


@contextmanager
def stderr() -> Iterator[Callable[[], str]]:
    """Catch what C++ writes to standard error; call the function for it."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield lambda: (file.seek(0), file.read().decode())[1]
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def interpreter(content: bytes, arena: int) -> Any:
    from tflite_micro.python.tflite_micro import runtime

    return runtime.Interpreter.from_bytes(content, arena_size=arena)


def run(content: bytes, image: NDArray[np.int8]) -> tuple[int, NDArray[Any]]:
    """The activations' bytes that the interpreter reports, and the logits."""
    found = interpreter(content, len(content) + ROOM)
    with stderr() as text:
        found.print_allocations()
        head = re.search(r"allocation head (\d+) bytes", text())
    assert head is not None
    found.set_input(image, 0)
    found.invoke()
    return int(head[1]), found.get_output(0).copy()


def starts(content: bytes, arena: int) -> bool:
    with stderr():
        try:
            interpreter(content, arena)
        except (RuntimeError, ValueError):
            return False
    return True


def row(structure: Structure, size: Size, use_se: bool, seed: int) -> Row:
    subject = of_structure(structure, size, CLASSES, use_se, seed=seed)
    operators = deploy(subject.graph)
    memory = memory_of(operators)
    floats = float_model(operators, subject.graph, subject.build())  # type: ignore[arg-type]
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((1, *subject.graph.input.dims), dtype=np.float32)
    model = int8_model(floats, ranges_of(written(floats), [noise], values_of(floats)))
    plain = written(model)
    own = written(replace(model, metadata={METADATA: plan_metadata(memory, len(model.tensors))}))
    image = rng.integers(-128, 128, operators.image, dtype=np.int8)
    (without, expected), (carried, found) = run(plain, image), run(own, image)
    arena = startup_bytes(operators, memory.ram_bytes)
    return Row(
        f"{structure} {size_text(size)}",
        memory.ram_bytes,
        memory.ram_bytes_planner,
        max(memory.live),
        flash_bytes(operators),
        arena,
        (without, carried),
        len(own),
        starts(own, arena) and not starts(own, arena - 64),
        bool(np.array_equal(expected, found)),
    )


def files() -> bool:
    """Predictions against files; whether all targets are met."""
    began, rows = time.perf_counter(), list[Row]()
    for number, (structure, size, use_se) in enumerate(networks()):
        rows.append(row(structure, size, use_se, number))
        if sys.stderr.isatty():
            print(f"\r{number + 1}", end="", file=sys.stderr)
    exact = sum(one.reported == (one.planner, one.ram) for one in rows)
    live = sum(one.ram == one.live for one in rows)
    planner_live = sum(one.planner == one.live for one in rows)
    equal = sum(one.equal for one in rows)
    saved = [1 - one.ram / one.planner for one in rows]
    off = [abs(one.flash / one.size - 1) for one in rows]
    started = sum(one.starts for one in rows)
    ram = sorted(one.ram for one in rows)
    print(
        f"{len(rows)} networks of {' and '.join(SPACES)}, half with squeeze-and-excitation, images from 32×32 to "
        f"160×160 and {sum(isinstance(size, Sides) for size in SIZES)} of {len(SIZES)} sizes not square, "
        f"RAM from {ram[0]:,} to {ram[-1]:,} bytes"
    )
    print(f"arena equal to the byte, with the planner's plan and with ours: {exact} of {len(rows)}")
    print(f"at the live peak: ours {live}, the planner's {planner_live}; logits equal with both: {equal}")
    print(
        f"saved by our plan: {100 * statistics.mean(saved):.1f} % in the mean, {100 * max(saved):.1f} % at most, "
        f"{sum(one > 0 for one in saved)} networks"
    )
    print(f"flash off by {100 * statistics.mean(off):.2f} % in the mean, {100 * max(off):.2f} % at most")
    print(f"starts with the predicted arena and not with 64 bytes fewer: {started}")
    print(f"{time.perf_counter() - began:.0f} s")
    for one in rows:
        if one.reported != (one.planner, one.ram) or not one.equal or not one.starts:
            print(f"  {one}")
    met = exact == equal == started == len(rows) and live >= 0.95 * len(rows) and max(off) < 0.02
    print(f"all to the byte, ours at the live peak in 95 %, flash within 2 %, start within 64 bytes: {_met(met)}")
    return met


def times() -> bool:
    """Seconds a mutated candidate, one by one and in arrays; whether the targets are met."""
    met = True
    for name in SPACES:
        space, rng = load_space(name), Random(1)
        model = CostModel(64, CLASSES)
        parents = [space.initial()]
        while len(parents) < 50:
            parents.append(space.mutate(parents[-1], rng))

        children = partial(mutated, space, model, parents, rng)
        fresh = children(CANDIDATES)
        ram, flash = RamModel(model), FlashModel(model)
        for bytes_of in (
            RamModel(model),
            FlashModel(model),
        ):  # families of blocks are known, as they soon are in a search
            for child in fresh:
                bytes_of(child)
        for child in children(3 * CANDIDATES):  # and many blocks
            ram(child), flash(child)
        counted = _each(lambda: [model(child) for child in fresh])  # noqa: B023
        of_ram = _each(lambda: [ram(child) for child in fresh])  # noqa: B023
        of_flash = _each(lambda: [flash(child) for child in fresh])  # noqa: B023
        assert isinstance(space, ArraySpace)
        form = space.arrays()
        assert form is not None
        blocks = Blocks(form.layout, 64)
        many, some = RamArrays(blocks, CLASSES), FlashArrays(blocks, CLASSES)
        for known in (children(3 * CANDIDATES), fresh):
            placed = blocks.place(Structures.of(known, form.layout))
            arrays_ram, arrays_flash = _each(lambda: many(placed)), _each(lambda: some(placed))  # noqa: B023
        deployed = [deploy(of_structure(child, 64, CLASSES, False).graph) for child in fresh[:100]]
        buffers = [(buffers_of(one), one.output) for one in deployed]
        whole = _each(lambda: [planned(one) for one, _ in buffers], 100)  # noqa: B023
        ours = _each(lambda: [own_plan(one, output) for one, output in buffers], 100)  # noqa: B023
        print(
            f"{name}, µs a mutated candidate: RAM {of_ram:.1f}, flash {of_flash:.1f} one by one, counts {counted:.1f}; "
            f"RAM {arrays_ram:.2f}, flash {arrays_flash:.2f} in arrays; plans of whole networks: the planner's "
            f"{whole:.0f}, ours {ours:.0f}"
        )
        met &= arrays_ram <= 5 and of_ram <= 10
    print(f"RAM in at most 10 µs one by one, and 5 µs in a search of thousands at once: {_met(met)}")
    return met


def _each(function: Callable[[], object], count: int = CANDIDATES) -> float:
    """Microseconds of processor time for each of so many."""
    began = time.process_time()
    function()
    return 1e6 * (time.process_time() - began) / count


def _met(met: bool) -> str:
    return "met" if met else "missed"


if __name__ == "__main__":
    print_machine()
    print(f"tflite-micro {version_of('tflite-micro')}, ai-edge-litert {version_of('ai-edge-litert')}")
    done = [times(), files()]
    sys.exit(0 if all(done) else 1)
