"""What a strategy has learned is part of the result of its run."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from PlainNet import parse
from SearchSpace import load_space
from tests.zennas.table_files import write_table
from zennas.cli.render import print_search
from zennas.runs.store import StoreError
from zennas.searching.preparing import completed
from zennas.searching.result import read_result
from zennas.searching.runner import resume, start
from zennas.searching.settings import SearchSettings


def settings(table: Path, strategy: str = "reinforce") -> SearchSettings:
    return SearchSettings(
        search_space="nasbench201",
        objective=f"table:{table}",
        report_column="c10_test",
        strategy=strategy,
        budget_evaluations=60,
    )


def test_a_policy_is_shown_with_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start(tmp_path / "run", settings(write_table(tmp_path / "t.csv")))
    result = read_result(tmp_path / "run")
    learned = result.learned
    assert load_space("nasbench201").contains(parse(str(learned["policy_argmax"])))
    assert isinstance(learned["policy_entropy"], float)
    assert 0 < learned["policy_entropy"] < 9.66
    assert learned["policy_steps"] == 60
    assert json.loads(json.dumps(result.to_json()))["learned"] == learned
    print_search(result)
    shown = " ".join(capsys.readouterr().out.split())
    assert "policy steps: 60" in shown
    assert f"policy entropy: {learned['policy_entropy']:.4g}" in shown


def test_other_strategies_have_learned_nothing_to_show(tmp_path: Path) -> None:
    start(tmp_path / "run", settings(write_table(tmp_path / "t.csv"), "random"))
    result = read_result(tmp_path / "run")
    assert result.learned == {}
    assert "learned" not in result.to_json()


def test_damaged_knowledge_is_refused(tmp_path: Path) -> None:
    start(tmp_path / "run", settings(write_table(tmp_path / "t.csv")))
    with sqlite3.connect(tmp_path / "run" / "run.sqlite") as db:
        db.execute("UPDATE facts SET value = ? WHERE name = 'learned'", (json.dumps({"policy_entropy": [1]}),))
    with pytest.raises(StoreError, match="learned is"):
        read_result(tmp_path / "run")


def test_a_finished_search_by_a_policy_is_extended(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv")
    short = SearchSettings(**{**vars(settings(table)), "budget_evaluations": None, "iterations": 40, "ahead": 1})
    start(tmp_path / "short", short)
    resume(tmp_path / "short", iterations=90)
    start(tmp_path / "long", SearchSettings(**{**vars(short), "iterations": 90}))
    one, other = (read_result(tmp_path / name) for name in ("short", "long"))
    assert one.learned == other.learned
    assert one.learned["policy_steps"] == 90


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [("reinforce", "charged"), ("fp_nas", "charged"), ("aging", "charged"), ("evolution", "rejected")],
)
def test_published_protocols_charge_duplicates(strategy: str, expected: str, tmp_path: Path) -> None:
    chosen = completed(settings(write_table(tmp_path / "t.csv", share=0.01), strategy))
    assert chosen.duplicates == expected
