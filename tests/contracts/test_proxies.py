"""Every registered proxy: finite, a function of its seed, and leaves networks as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zennas.testing.proxies import CONTRACTS, SETTINGS, STRUCTURE
from ZeroShotProxy import PROXIES, Proxy, score

from .conftest import every, keep

ALL = {proxy.info.name: proxy for proxy in PROXIES}
"""Each once, whatever its aliases."""


@every(CONTRACTS, dict(sorted(ALL.items())))
def test_contract(contract: Any, part: Any) -> None:
    keep(contract, part)


@pytest.mark.parametrize("proxy", ALL.values(), ids=list(ALL))
def test_it_is_in_the_documentation(proxy: Proxy) -> None:
    """docs/proxies.md lists what there is."""
    text = (Path(__file__).parents[2] / "docs/proxies.md").read_text()
    assert f"`{proxy.info.name}`" in text


def test_names_ignore_case_and_results_carry_the_registered_name() -> None:
    assert list(score(STRUCTURE, ["ZENMC", "Zen_Expected"], SETTINGS)) == ["zen", "zen_expected"]
