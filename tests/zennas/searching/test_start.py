"""Looking for a first network within a budget: what is told meanwhile, and how long it takes if nothing fits."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest

from PlainNet.cost import CostModel
from SearchSpace import load_space
from zennas.budget.budgets import Budget, BudgetError
from zennas.searching import start as starting
from zennas.searching.runner import start
from zennas.searching.settings import SearchSettings
from zennas.searching.start import within_budget

Told = list[tuple[int, int, str]]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "PATIENCE", 25)
    monkeypatch.setattr(starting, "TELLING", 0.0)


@pytest.mark.usefixtures("impatient")
def test_the_closest_network_is_told() -> None:
    told: Told = []
    with pytest.raises(BudgetError, match="nothing in search space darts has ram ≤ 1,000 bytes"):
        within_budget(
            load_space("darts"),
            CostModel(16, 10),
            Budget(ram=1000),
            Random(0),
            progress=lambda *of: told.append(of),
        )
    assert told and all(0 < since <= patience == 25 for since, patience, _ in told)
    assert all(re.fullmatch(r"the closest has ram [\d,]+ bytes", note) for *_, note in told)
    sizes = [int(re.sub(r"\D", "", note)) for *_, note in told]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("budget", [Budget(params=10), Budget(params=10, flops=10)])
def test_a_single_limit_is_looked_for_once(budget: Budget) -> None:
    told: Told = []
    with pytest.raises(BudgetError, match="the smallest found has") as caught:
        within_budget(load_space("XXBL"), CostModel(16, 10), budget, Random(0), progress=lambda *of: told.append(of))
    (tried,) = re.findall(r"([\d,]+) mutations tried", str(caught.value))
    assert abs(int(tried.replace(",", "")) - len(told)) <= 1


@pytest.mark.usefixtures("impatient")
def test_a_search_passes_it_on(tmp_path: Path) -> None:
    told: Told = []

    class Watching:
        def beginning(self, done: int, total: int, note: str) -> None:
            told.append((done, total, note))

        def searching(self, progress: object, settings: object, best: float | None) -> None: ...

        def confirming(self, done: int, total: int) -> None: ...

        def measuring(self, done: int, total: int) -> None: ...

    settings = SearchSettings(
        budget=Budget(params=85_000, layers=8), iterations=300, proxy="zen_expected", top=1, device="cpu", resolution=16
    )
    start(tmp_path / "run", settings, Watching())
    assert told and "the closest has params" in told[0][2]
