"""Every registered export format: its files compute what the network does. `tests/zennas/exporting` has more."""

from __future__ import annotations

from typing import Any

from zennas.exporting.base import FORMATS
from zennas.testing.formats import CONTRACTS

from .conftest import every, keep


@every(CONTRACTS, {form.name: form for form in FORMATS})
def test_contract(contract: Any, part: Any) -> None:
    keep(contract, part)
