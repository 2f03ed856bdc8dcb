"""Every registered search strategy keeps what the runner relies on."""

from __future__ import annotations

from typing import Any

from zennas.searching.strategies.base import STRATEGIES
from zennas.testing.strategies import CONTRACTS

from .conftest import every, keep


@every(CONTRACTS, {strategy.name: strategy for strategy in STRATEGIES})
def test_contract(contract: Any, part: Any) -> None:
    keep(contract, part)
