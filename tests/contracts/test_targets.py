"""Every registered target: networks of its space fit it. `tests/zennas/budget` has more."""

from __future__ import annotations

from typing import Any

from zennas.budget.target import TARGETS
from zennas.testing.targets import CONTRACTS

from .conftest import every, keep


@every(CONTRACTS, {target.name: target for target in TARGETS})
def test_contract(contract: Any, part: Any) -> None:
    keep(contract, part)
