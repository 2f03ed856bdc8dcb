"""Every registered data set: it holds what its record says, the same each time."""

from __future__ import annotations

from typing import Any

from zennas.data import DATASETS
from zennas.testing.datasets import CONTRACTS

from .conftest import every, keep


@every(CONTRACTS, {one.name: one for one in DATASETS})
def test_contract(contract: Any, part: Any) -> None:
    keep(contract, part)
