"""Numbers, budgets, files, targets, settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PlainNet import Cost, ParseError, StructureError, parse
from PlainNet.files import write_text
from tests.conftest import SMALL
from zennas.api import search
from zennas.budget.budgets import Budget, BudgetError
from zennas.common.errors import SettingsError, WrongSettingError
from zennas.common.numbers import format_count, parse_count
from zennas.named.structures import TargetError, resolve
from zennas.report.analysis import analyze_network
from zennas.runs.store import StoreError
from zennas.searching.preparing import completed
from zennas.searching.settings import SearchSettings


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1000000", 10**6),
        ("1e6", 10**6),
        ("1M", 10**6),
        ("1m", 10**6),
        ("1.5G", 1_500_000_000),
        ("2,000", 2000),
        (" 10 k ", 10_000),
    ],
)
def test_counts_are_read(text: str, value: int) -> None:
    assert parse_count(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-5", "out of range"),
        ("nan", "out of range"),
        ("-inf", "out of range"),
        ("1e99", "out of range; .* from 1 to 9223372036854775807"),
        ("1e999999", "out of range"),
        ("1.5", "is not a whole number"),
        ("1,5M", "is not a number"),
        ("3", "from 5 to 9"),
    ],
)
def test_counts_that_are_refused_say_why(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_count(text, *((5, 9) if text == "3" else ()))


@pytest.mark.parametrize("text", ["", "M", "1X", "-1", "0", "0.2", "1e99", "nan", "inf", "1 2", "1e", "0x10"])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected"):
        parse_count(text)


@given(st.integers(1, 10**15))
def test_counts_survive_formatting(value: int) -> None:
    assert parse_count(format_count(value)) == pytest.approx(value, rel=0.006)


def test_budget_names_what_is_exceeded() -> None:
    budget = Budget(params=100, flops=1000, layers=5)
    assert budget.violation(Cost(100, 1000, 0, 5)) is None
    assert budget.violation(Cost(101, 1000, 0, 5)) == "params"
    assert budget.violation(Cost(100, 1001, 0, 5)) == "flops"
    assert budget.violation(Cost(100, 1000, 0, 6)) == "layers"
    assert budget.excess(Cost(150, 1000, 0, 5)) == 1.5
    assert Budget().violation(Cost(10**9, 10**12, 0, 10**3)) is None
    assert str(budget) == "params ≤ 100, flops ≤ 1k, layers ≤ 5"
    with pytest.raises(BudgetError, match="expected at least 1"):
        Budget(params=0)


def test_files_are_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_text(path, "one")
    write_text(path, "two")
    assert path.read_text() == "two"

    def full(*args: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        write_text(path, "three")
    assert path.read_text() == "two"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_targets(tmp_path: Path) -> None:
    file = tmp_path / "structure.txt"
    file.write_text("\ufeff" + SMALL.replace(")", ")\n").replace(",", ", "), encoding="utf-8")
    assert str(resolve(str(file)).structure) == str(resolve(SMALL).structure) == SMALL
    published = resolve("zennet_imagenet1k_flops400M_SE_res224")
    assert (published.resolution, published.num_classes, published.use_se) == (224, 1000, True)
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "more.txt").write_text(f"{SMALL}\nsecond line\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for text, message in {
        "zennet_cifar10_model_size1M": "did you mean",
        "nonsense": "is not a network: ",
        "": "is not a network: ",
        str(tmp_path / "empty.txt"): "is empty",
        str(tmp_path / "binary"): "is not text: expected a file that contains a structure",
        str(tmp_path / "more.txt"): r"more\.txt, column \d+: unknown block 'second'",
    }.items():
        with pytest.raises(TargetError, match=message):
            resolve(text)
    with pytest.raises(ParseError):
        resolve("ConvKX(3,8,4,1)" * 200)
    with pytest.raises(StoreError, match="contains no run"):
        resolve(str(tmp_path))


def test_settings_round_trip_and_are_checked() -> None:
    settings = SearchSettings(budget=Budget(params=10), seed=3, report=("flops", "params"))
    assert SearchSettings.from_json(settings.to_json()) == settings
    with pytest.raises(SettingsError, match="another version"):
        SearchSettings.from_json({**settings.to_json(), "novelty": 1})
    with pytest.raises(SettingsError, match="population_size is 1"):
        completed(SearchSettings(budget=Budget(params=10), strategy_options={"population_size": 1}))
    with pytest.raises(SettingsError, match=r"has no option 'population_sise': did you mean population_size\?"):
        completed(SearchSettings(budget=Budget(params=10), strategy_options={"population_sise": 9}))
    with pytest.raises(SettingsError, match="precision"):
        SearchSettings(precision="fp1")


@pytest.mark.parametrize(
    "change",
    [
        {"top": True},
        {"iterations": 1e5},
        {"seed": -1},
        {"repeats": "8"},
        {"resolution": 2049},
        {"gamma": "0.01"},
        {"use_se": 1},
        {"proxy": None},
        {"report": "flops"},
        {"budget": {"params": 3}},
        {"initial": 7},
    ],
)
def test_settings_of_the_wrong_kind_are_named(change: dict[str, object]) -> None:
    name = next(iter(change))
    with pytest.raises(WrongSettingError, match=rf"^{name} is .*, expected"):
        SearchSettings(**change)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1.5, True, "1X", [1]])
def test_budgets_that_are_no_numbers(value: object) -> None:
    with pytest.raises(WrongSettingError, match=r"budget_params.*expected"):
        search(budget_params=value)  # type: ignore[arg-type]


def test_analysis_refuses_what_is_too_large() -> None:
    with pytest.raises(StructureError, match="resolution is 4096, expected from 1 to 2048 pixels"):
        analyze_network(parse(SMALL), resolution=4096, num_classes=10)


def test_structures_may_be_text() -> None:
    import PlainNet

    counted = PlainNet.cost(SMALL)
    assert counted == PlainNet.cost(parse(SMALL))
    assert sum(p.numel() for p in PlainNet.build(SMALL).parameters()) == counted.params
    with pytest.raises(ParseError):
        PlainNet.cost("Nonsense")
