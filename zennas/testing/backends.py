"""Contracts of latency back ends: they compute what PyTorch does or explain why they cannot, and time each layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache

from latency.base import BACKENDS, LatencyBackend, LatencyError, MeasureSettings, Subject, UnavailableError
from latency.measuring.measure import images, measure, measure_blocks
from latency.measuring.subject import of_structure
from PlainNet import parse
from PlainNet.ops import Conv
from zennas.testing.expecting import expect, expect_equal, expect_near, expect_refused
from zennas.testing.networks import SMALL

SETTINGS = MeasureSettings(batch_size=2, seconds=0.05, relative_error=0.05)
CELLS = "SuperConvK3BNRELU(3,8,1,1)NB201Cell(8,1,1,4,3,2,0)NB201Reduction(8,16)NB201Cell(16,3,2,1,4,0,2)"


@cache
def subjects() -> dict[str, Subject]:
    """Return networks to time: one with all families of super-blocks, and one of cells."""
    return {
        "families": of_structure(parse(SMALL), 16, 10, use_se=True, name="families"),
        "cells": of_structure(parse(CELLS), 16, 10, name="cells"),
    }


def settings_for(backend: LatencyBackend, precision: str) -> MeasureSettings | str:
    """Return settings that can run on this machine, or the reason why there are none."""
    reasons = []
    for device in ("cpu", "cuda"):
        reason = backend.available(precision, device)
        if reason is None:
            return dataclasses.replace(SETTINGS, backend=backend.name, precision=precision, device=device)
        reasons.append(reason)
    return f"{backend.name} in {precision}: {'; '.join(reasons)}"


def computes_what_pytorch_does_in(backend: LatencyBackend, precision: str, subject: Subject) -> str | None:
    """Logits, samples and layer times of one network in one precision are valid."""
    settings = settings_for(backend, precision)
    if isinstance(settings, str):
        return settings
    what = f"{backend.name} in {precision} on {subject.name}"
    try:
        found = measure_blocks(subject, settings, repeats=3)
    except LatencyError as error:
        expect("layers" in str(error), f"{what} cannot time layers, but its error does not say so: {error}")
        expect(measure(subject, settings).median > 0, f"{what} takes no time")
        return None
    stats, tolerance = found.whole, backend.tolerance[precision]
    expect(
        stats.difference <= tolerance,
        f"{what} differs from PyTorch's logits by {stats.difference:g}, the limit is {tolerance:g}",
    )
    expect(stats.samples, f"{what} keeps no samples")
    expect(all(sample > 0 for sample in stats.samples), f"{what} has samples that took no time")
    expect(stats.conditions["versions"], f"{what} names no versions")
    expect_near(stats.latency_ms, stats.median / 2, f"ms per image of {what}", relative=1e-6)
    convolutions = {i for i, node in enumerate(subject.graph.nodes) if isinstance(node.op, Conv)}
    lost = convolutions - {node for layer in found.layers for node in layer.nodes}
    expect(not lost, f"{what} has no layer for the convolutions {sorted(lost)}")
    expect(all(layer.ms >= 0 for layer in found.layers), f"{what} has layers with negative times")
    blocks = [*range(len(subject.graph.block_outputs)), -1]
    expect_equal([block.block for block in found.blocks], blocks, f"blocks of {what}")
    expect_near(found.sum_ms, sum(layer.ms for layer in found.layers), f"sum of the layers of {what}", relative=1e-6)
    return None


def it_computes_what_pytorch_does(backend: LatencyBackend) -> str | None:
    """Logits, samples and layer times of all networks in all precisions are valid."""
    pairs = [(precision, subject) for precision in backend.precisions for subject in subjects().values()]
    reasons = {computes_what_pytorch_does_in(backend, precision, subject) for precision, subject in pairs}
    return "; ".join(sorted(reason for reason in reasons if reason)) or None


def it_says_why_it_cannot_run(backend: LatencyBackend) -> str | None:
    """The reason is one line with what to install, and `measure` raises UnavailableError with it."""
    for device in ("cpu", "cuda:99", "tpu"):
        for precision in backend.precisions:
            reason = backend.available(precision, device)
            if reason is None:
                continue
            what = f"the reason why {backend.name} cannot run in {precision} on {device}"
            expect(reason, f"{what} is empty")
            expect("\n" not in reason, f"{what} has several lines: {reason!r}")
            if "not installed" in reason or "cannot be imported" in reason:
                expect("pip install" in reason, f"{what} does not say what to install: {reason!r}")
            settings = dataclasses.replace(SETTINGS, backend=backend.name, precision=precision, device=device)
            expect_refused(
                UnavailableError,
                lambda settings=settings: measure(subjects()["families"], settings),  # type: ignore[misc]
                backend.name,
                f"measuring with {backend.name} in {precision} on {device}",
            )
    expect(backend.available("fp32", "tpu") is not None, f"{backend.name} says that it runs on a device called tpu")
    return None


def it_is_what_its_interface_says(backend: LatencyBackend) -> str | None:
    """Name, tolerances and versions are valid; unknown precisions and options are refused."""
    name = backend.name
    expect(BACKENDS.get(name) is backend, f"{name} is registered under another name than its own")
    expect_equal(set(backend.tolerance), set(backend.precisions), f"precisions that {name} has a tolerance for")
    expect_equal(set(backend.arithmetic), set(backend.precisions), f"precisions whose arithmetic {name} states")
    expect(all(isinstance(one, str) for one in backend.versions().values()), f"versions of {name} are not strings")
    cells = subjects()["cells"]
    expect_equal(images(cells, SETTINGS).shape, (2, 3, 16, 16), "shape of the images")
    wrong = dataclasses.replace(SETTINGS, backend=name, precision="fp128")
    said = f"{name} has no precision 'fp128', expected fp32"
    expect_refused(LatencyError, lambda: measure(cells, wrong), said, "an unknown precision")
    odd = dataclasses.replace(SETTINGS, backend=name, options=("magic",))
    said = f"{name} has no option 'magic'"
    expect_refused(LatencyError, lambda: measure(cells, odd), said, "an unknown option")
    return None


CONTRACTS: tuple[Callable[[LatencyBackend], str | None], ...] = (
    it_computes_what_pytorch_does,
    it_says_why_it_cannot_run,
    it_is_what_its_interface_says,
)
