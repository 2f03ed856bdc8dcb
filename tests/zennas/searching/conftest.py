"""Made-up devices, and a stopwatch in place of measuring."""

from __future__ import annotations

from pathlib import Path

import pytest

from .latency_searches import Stopwatch, profile, written


@pytest.fixture
def abacus(tmp_path: Path) -> str:
    return written(tmp_path, profile("abacus"))


@pytest.fixture
def slate(tmp_path: Path) -> str:
    """Slow to begin, quick at counting."""
    return written(tmp_path, profile("slate", 1e10, launch_ms=0.01))


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    watch = Stopwatch()
    monkeypatch.setattr("latency.measuring.measure.measure", watch)
    return watch
