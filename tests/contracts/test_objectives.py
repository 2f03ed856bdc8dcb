"""Every registered kind of objective measures candidates alike in all processes."""

from __future__ import annotations

from typing import Any

from zennas.searching.objectives.base import OBJECTIVES
from zennas.testing.objectives import CONTRACTS

from .conftest import every, keep


@every(CONTRACTS, {kind.name: kind for kind in OBJECTIVES})
def test_contract(contract: Any, part: Any) -> None:
    keep(contract, part)
