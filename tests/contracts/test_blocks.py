"""Every registered block: all interpreters of its operations agree. A new block is tested by being there."""

from __future__ import annotations

from typing import Any

from PlainNet.blocktype import BLOCKS
from zennas.testing.blocks import CONTRACTS

from .conftest import every, keep


@every(CONTRACTS, {kind.kind: kind for kind in BLOCKS})
def test_contract(contract: Any, part: Any) -> None:
    keep(contract, part)
