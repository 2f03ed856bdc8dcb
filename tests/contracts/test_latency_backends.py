"""Every registered back end: it computes what PyTorch does, or says why not, and tells where its time goes."""

from __future__ import annotations

import dataclasses

import pytest

from latency.base import BACKENDS, LatencyBackend, LatencyError, MeasureSettings, Subject, UnavailableError
from latency.measuring.measure import images, measure, measure_blocks
from latency.measuring.subject import of_structure
from PlainNet import parse
from PlainNet.ops import Conv
from tests.conftest import SMALL

SETTINGS = MeasureSettings(batch_size=2, seconds=0.05, relative_error=0.05)
SUBJECTS = {
    "families": of_structure(parse(SMALL), 16, 10, use_se=True, name="families"),
    "cells": of_structure(
        parse("SuperConvK3BNRELU(3,8,1,1)NB201Cell(8,1,1,4,3,2,0)NB201Reduction(8,16)NB201Cell(16,3,2,1,4,0,2)"),
        16,
        10,
        name="cells",
    ),
}
ALL: list[LatencyBackend] = sorted(BACKENDS, key=lambda backend: backend.name)
SLOW = {"executorch"}
"""Lowering takes ten seconds and more."""


def pairs() -> list[object]:
    """Back ends with each of their precisions."""
    return [
        pytest.param(
            backend,
            precision,
            id=f"{backend.name}-{precision}",
            marks=[pytest.mark.slow] if backend.name in SLOW else [],
        )
        for backend in ALL
        for precision in backend.precisions
    ]


def settings_for(backend: LatencyBackend, precision: str) -> MeasureSettings:
    """Settings that can run here; skips where there are none."""
    reasons = []
    for device in ("cpu", "cuda"):
        reason = backend.available(precision, device)
        if reason is None:
            return dataclasses.replace(SETTINGS, backend=backend.name, precision=precision, device=device)
        reasons.append(reason)
    pytest.skip(f"{backend.name} in {precision}: {'; '.join(reasons)}")


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=list(SUBJECTS))
@pytest.mark.parametrize(("backend", "precision"), pairs())
def test_it_computes_what_pytorch_does(backend: LatencyBackend, precision: str, subject: Subject) -> None:
    settings = settings_for(backend, precision)
    try:
        found = measure_blocks(subject, settings, repeats=3)
    except LatencyError as error:
        assert "layers" in str(error)  # a runtime that runs the network as one
        assert measure(subject, settings).median > 0
        return
    stats = found.whole
    assert stats.difference <= backend.tolerance[precision]
    assert stats.samples
    assert all(sample > 0 for sample in stats.samples)
    assert stats.conditions["versions"]
    assert stats.latency_ms == pytest.approx(stats.median / 2)
    convolutions = {i for i, node in enumerate(subject.graph.nodes) if isinstance(node.op, Conv)}
    assert convolutions <= {node for layer in found.layers for node in layer.nodes}
    assert all(layer.ms >= 0 for layer in found.layers)
    assert [block.block for block in found.blocks] == [*range(len(subject.graph.block_outputs)), -1]
    assert found.sum_ms == pytest.approx(sum(layer.ms for layer in found.layers))


@pytest.mark.parametrize("backend", ALL, ids=[backend.name for backend in ALL])
def test_it_says_why_it_cannot_run(backend: LatencyBackend) -> None:
    subject = SUBJECTS["families"]
    for device in ("cpu", "cuda:99", "tpu"):
        for precision in backend.precisions:
            reason = backend.available(precision, device)
            if reason is None:
                continue
            assert reason
            assert "\n" not in reason
            if "not installed" in reason or "cannot be imported" in reason:
                assert "pip install" in reason
            settings = dataclasses.replace(SETTINGS, backend=backend.name, precision=precision, device=device)
            with pytest.raises(UnavailableError, match=backend.name):
                measure(subject, settings)
    assert backend.available("fp32", "tpu") is not None


@pytest.mark.parametrize("backend", ALL, ids=[backend.name for backend in ALL])
def test_it_is_what_its_interface_says(backend: LatencyBackend) -> None:
    assert BACKENDS.get(backend.name) is backend
    assert set(backend.tolerance) == set(backend.precisions)
    assert all(isinstance(version, str) for version in backend.versions().values())
    assert images(SUBJECTS["cells"], SETTINGS).shape == (2, 3, 16, 16)
    with pytest.raises(LatencyError, match=f"{backend.name} has no precision 'fp128', expected fp32"):
        measure(SUBJECTS["cells"], dataclasses.replace(SETTINGS, backend=backend.name, precision="fp128"))
    with pytest.raises(LatencyError, match=f"{backend.name} has no option 'magic'"):
        measure(SUBJECTS["cells"], dataclasses.replace(SETTINGS, backend=backend.name, options=("magic",)))
