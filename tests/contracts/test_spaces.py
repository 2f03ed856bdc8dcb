"""Every registered search space: its structures are networks, reachable, and a function of the generator."""

from __future__ import annotations

from typing import Any

from SearchSpace import SPACES, load_space
from zennas.testing.spaces import CONTRACTS

from .conftest import every, keep


@every(CONTRACTS, {name: load_space(name) for name in SPACES.names()})
def test_contract(contract: Any, part: Any) -> None:
    keep(contract, part)
