"""A search says in one line what its score means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.zennas.conftest import Run
from zennas.budget.budgets import Budget
from zennas.searching.settings import SearchSettings
from zennas.searching.telling.meaning import score_meaning
from ZeroShotProxy import PROXIES, Proxy

ALL = {proxy.info.name: proxy for proxy in PROXIES}


def meaning(proxy: str) -> str:
    found = score_meaning(SearchSettings(budget=Budget(params=10), proxy=proxy))
    assert found is not None
    return found


@pytest.mark.parametrize("proxy", ALL.values(), ids=list(ALL))
def test_every_proxy_has_a_meaning_and_a_direction(proxy: Proxy) -> None:
    found = meaning(proxy.info.name)
    assert found.startswith(f"{proxy.info.name}: {proxy.info.meaning}")
    assert found.endswith("(lower is better)") == (not proxy.info.higher_is_better)


def test_ranks_name_what_they_rank_by() -> None:
    name = "log_rank(zen_expected+mean_field+flops)"
    assert meaning(name) == f"{name}: sum of the logarithms of the ranks by zen_expected, mean_field and flops"
    assert meaning("Vote(snip+naswot)").endswith("that it beats in a majority vote of snip and naswot")


def test_without_the_package_that_defines_it_nothing_is_said() -> None:
    assert score_meaning(SearchSettings(budget=Budget(params=10), proxy="of_another_package")) is None
    assert score_meaning(SearchSettings(budget=Budget(params=10), objective="of_another_package")) is None


def test_it_is_printed_and_in_the_json(run: Run, tmp_path: Path) -> None:
    text = "how strongly a random plain network reacts to changes of its input"
    options = ["--budget-params", "60k", "--max-layers", "8", "--iterations", "30", "--proxy", "zen_expected"]
    code, out, _ = run("search", *options, "--save-dir", "mine")
    assert code == 0
    assert f"  the score is zen_expected: {text}" in out
    code, out, _ = run("runs", "mine", "--json")
    assert json.loads(out)["score_meaning"].startswith(f"zen_expected: {text}")
