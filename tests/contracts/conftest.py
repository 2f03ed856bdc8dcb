"""Runs the contracts of `zennas.testing`: one test for each contract of each registered part."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def keep(contract: Callable[[Any], str | None], part: Any) -> None:
    """Hold a part to a contract; the test is skipped where it does not apply or cannot be checked here."""
    reason = contract(part)
    if reason is not None:
        pytest.skip(reason)


def every(contracts: Iterable[Callable[[Any], str | None]], parts: dict[str, Any]) -> pytest.MarkDecorator:
    """Parametrizes a test with each contract and each part, by name."""
    pairs = [pytest.param(c, part, id=f"{c.__name__}-{name}") for name, part in parts.items() for c in contracts]
    return pytest.mark.parametrize(("contract", "part"), pairs)
