"""Programs keep the contracts of proxies: one reads the batch, one noise, one perturbed images, one closed forms."""

from __future__ import annotations

from typing import Any

from zennas.testing.proxies import CONTRACTS
from ZeroShotProxy import PROXIES

from .conftest import every, keep

NAMES = ("eznas_a", "topprog", "kl_grad_output", "mean_field")


@every(CONTRACTS, {name: PROXIES.get(f"program:{name}") for name in NAMES})
def test_contract(contract: Any, part: Any) -> None:
    keep(contract, part)
