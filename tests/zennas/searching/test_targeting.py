"""Searches for a target: its memories are limits, its rules hold, in the array engine and one at a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from PlainNet.cost import CostModel
from SearchSpace import load_space
from zennas.api import continue_search, search
from zennas.budget.budgets import Budget, BudgetError
from zennas.budget.obeying import RuleModel
from zennas.budget.rules import Rules
from zennas.budget.target import find_target
from zennas.cli.app import app
from zennas.common.errors import WrongSettingError
from zennas.searching.result import read_result
from zennas.searching.runner import start
from zennas.searching.settings import SearchSettings
from zennas.searching.targeting import obeying_space, with_target

BOARD = """
name = "board"
title = "A board"
ram = 64_000
flash = 120_000
sources = ["made up"]

[rules]
channel_multiple = 16
kernels = [3]
strides = [2]
"""
QUICK = {"iterations": 400, "confirmation": "none", "proxy": "zen_expected"}


@pytest.fixture
def board(tmp_path: Path) -> str:
    path = tmp_path / "board.toml"
    path.write_text(BOARD)
    return str(path)


@pytest.mark.parametrize("children", [1, 64])
def test_members_obey_and_fit(children: int, board: str, tmp_path: Path) -> None:
    options = {"population_size": 16, "children": children}
    found = search(target=board, strategy_options=options, save_dir=tmp_path / "run", **QUICK)
    best = found.best
    assert best is not None and found.fit is not None and not found.fit.broken
    assert found.fit.limits == {"ram": 64_000, "flash": 120_000}
    breaks = RuleModel(CostModel(32, 10), find_target(board).rules)
    assert breaks(best.structure) == 0
    assert found.counts["rejected"].get("rules", 0) <= found.counts["tried"] / 2
    assert found.to_json()["target"]["fits"] is True
    assert found.settings.budget.layers == 30  # nobody limited the depth


@pytest.mark.parametrize("space", ["units", "nasbench201"])
def test_other_spaces_are_filtered(space: str, tmp_path: Path) -> None:
    settings = SearchSettings(
        search_space=space,
        budget=Budget(params=600_000, layers=40),
        rules=Rules(kernels=(3,), channel_multiple=16),
        iterations=60,
        proxy="zen_expected",
        confirmation="none",
    )
    start(tmp_path / "run", settings)
    found = read_result(tmp_path / "run")
    assert found.fit is not None and not found.fit.broken


def test_what_both_ask_for_holds(board: str) -> None:
    asked = SearchSettings(target=board, budget=Budget(ram=9_000, params=7_000), rules=Rules(24, most_channels=64))
    merged = with_target(asked)
    assert merged.budget == Budget(ram=9_000, params=7_000, flash=120_000)
    assert merged.rules == Rules(48, (3,), (2,), most_channels=64)
    assert with_target(merged) == merged
    assert with_target(SearchSettings(target="max78000")).search_space == "pooled"


def test_a_run_is_continued_with_its_rules(board: str, tmp_path: Path) -> None:
    whole = search(target=board, save_dir=tmp_path / "a", strategy_options={"population_size": 16}, **QUICK)
    shorter = {**QUICK, "iterations": 200}
    search(target=board, save_dir=tmp_path / "b", strategy_options={"population_size": 16}, **shorter)
    Path(board).unlink()  # what the run stores suffices
    more = continue_search(tmp_path / "b", iterations=400)
    assert more.settings.rules == whole.settings.rules
    assert more.fit is not None and not more.fit.broken


def test_a_space_without_such_networks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zennas.searching.start.PATIENCE", 40)
    with pytest.raises(
        BudgetError, match=r"nothing in search space XXBL has only operators that are allowed \(CONV_2D"
    ):
        search(rules=Rules(strides=(1,)), budget_params=100_000, save_dir=tmp_path / "run", iterations=10)
    with pytest.raises(WrongSettingError, match="used and not allowed"):
        SearchSettings(use_se=True, rules=Rules(se=False))


def test_kinds_that_break_rules_are_left_out() -> None:
    model = CostModel(32, 10)
    part = obeying_space(load_space("XXBL"), model, Rules(kernels=(3, 5)))
    assert part.kinds == ("SuperResK1K3K1", "SuperResK1K5K1", "SuperResK3K3", "SuperResK5K5")  # type: ignore[attr-defined]
    space = load_space("XXBL")
    assert obeying_space(space, model, Rules()) is space
    assert obeying_space(load_space("IDW_fixfc"), model, Rules(groups=False)) == load_space("IDW_fixfc")


def test_the_commands_list_show_and_judge(board: str) -> None:
    def asked(*arguments: str) -> str:
        found = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert found.exit_code == 0, found.output
        return found.stdout

    assert "max78000" in asked("targets") and "stm32f746" in {
        one["name"] for one in json.loads(asked("targets", "--json"))
    }
    assert "64,000" in asked("targets", board)
    network = "SuperConvK3BNRELU(3,24,2,1)"
    judged = json.loads(asked("analyze", network, "--no-check", "--target", board, "--json"))["target"]
    assert judged["broken"] == ["CONV_2D of block 0 has 24 channels, expected a multiple of 16"]
    assert "does not fit board: CONV_2D of block 0" in asked("analyze", network, "--no-check", "--target", board)
