"""Every registered back end: it computes what PyTorch does, or says why not, and tells where its time goes."""

from __future__ import annotations

from typing import Any

import pytest

from latency.base import BACKENDS, LatencyBackend, Subject
from zennas.testing.backends import (
    computes_what_pytorch_does_in,
    it_is_what_its_interface_says,
    it_says_why_it_cannot_run,
    subjects,
)

from .conftest import every, keep

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


@pytest.mark.parametrize("subject", subjects().values(), ids=list(subjects()))
@pytest.mark.parametrize(("backend", "precision"), pairs())
def test_it_computes_what_pytorch_does(backend: LatencyBackend, precision: str, subject: Subject) -> None:
    """One precision and network a test, of what the contract goes through at once."""
    keep(lambda backend: computes_what_pytorch_does_in(backend, precision, subject), backend)


@every((it_says_why_it_cannot_run, it_is_what_its_interface_says), {backend.name: backend for backend in ALL})
def test_contract(contract: Any, part: Any) -> None:
    keep(contract, part)
