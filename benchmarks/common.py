"""Shared code of the benchmarks: the machine, timing, processes, random structures, and the published networks."""

from __future__ import annotations

import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random

import ZenNet
from latency.measuring.conditions import processor, version_of
from PlainNet import Options, Structure, StructureError, parse
from PlainNet.cost import CostModel
from SearchSpace import SearchSpace, load_space
from zennas.budget.budgets import Budget


def print_machine() -> None:
    """Print the machine and the versions that the figures below come from."""
    cores = len(os.sched_getaffinity(0))
    print(f"{processor()}, {cores} cores, Python {platform.python_version()}, torch {version_of('torch')}")


def seconds(function: Callable[[], object], repeats: int = 7, warmup: int = 1) -> tuple[float, float, float]:
    """Return the median, smallest and largest time of a call, in seconds."""
    for _ in range(warmup):
        function()
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        found.append(time.perf_counter() - began)
    return statistics.median(found), min(found), max(found)


@contextmanager
def compiled_modules() -> Iterator[dict[str, str]]:
    """Environment of programs whose modules are compiled once, in a new folder, as those of a package are."""
    with tempfile.TemporaryDirectory() as folder:
        found = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        found.pop("PYTHONDONTWRITEBYTECODE", None)
        yield found


def mutated(
    space: SearchSpace, model: CostModel, parents: Sequence[Structure], rng: Random, count: int
) -> list[Structure]:
    """Return that many mutations of structures, all of which are networks."""
    found: list[Structure] = []
    while len(found) < count:
        child = space.mutate(rng.choice(parents), rng)
        try:
            model(child)
        except StructureError:  # it shrinks the image to nothing
            continue
        found.append(child)
    return found


def bf16_peak() -> float:
    """Return the FLOP/s of a large bf16 matrix product, the best of ten."""
    import torch

    a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    best = float("inf")
    for _ in range(13):
        torch.cuda.synchronize()
        began = time.perf_counter()
        a @ a
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return 2 * 8192**3 / best


def apart(function: Callable[[], None]) -> None:
    """Run a function in a separate process, so that its memory can be measured separately."""
    process = multiprocessing.get_context("spawn").Process(target=function)
    process.start()
    process.join()
    assert process.exitcode == 0


def random_in_budget(space_name: str, budget: Budget, resolution: int, count: int, seed: int = 0) -> list[Structure]:
    """Return structures from random walks that never leave the budget: small ones and ones that fill it."""
    space, rng = load_space(space_name), Random(seed)
    model = CostModel(resolution, 10 if resolution < 100 else 1000, Options())
    found: list[Structure] = []
    while len(found) < count:
        structure = space.initial()
        for _ in range(rng.randint(5, 80)):
            child = space.mutate(structure, rng)
            if budget.violation(model(child)) is None:
                structure = child
        if structure not in found:
            found.append(structure)
    return found


def published() -> dict[str, Structure]:
    """Return the twelve published structures by name; CIFAR-10 and CIFAR-100 share three."""
    names = [name for name in ZenNet.zennet_model_zoo if "cifar100" not in name]
    return {name: parse(ZenNet.model_info(name)["structure"]) for name in names}
