"""Targets from files, what they leave for a network, and whether one fits."""

from __future__ import annotations

from pathlib import Path

import pytest

from PlainNet import lower, parse
from PlainNet.registry import UnknownNameError
from zennas.budget.budgets import Budget
from zennas.budget.target import Target, find_target, fit, read_target
from zennas.common.config import ConfigError
from zennas.common.errors import WrongSettingError

TEXT = """
name = "mine"
title = "My board"
ram = 20_000
ram_reserved = 4_000
sources = ["its data sheet"]

[rules]
kernels = [3]
"""
SMALL = lower(parse("SuperConvK3BNRELU(3,8,2,1)SuperConvK1BNRELU(8,16,1,1)"), resolution=16, num_classes=4)
LARGE = lower(parse("SuperConvK5BNRELU(3,64,1,1)"), resolution=32, num_classes=4)


def written(folder: Path, text: str = TEXT) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_a_file_is_a_target(tmp_path: Path) -> None:
    target = find_target(str(written(tmp_path)))
    assert target.budget() == Budget(ram=16_000)
    assert target.within(Budget(ram=9_000, params=5)) == Budget(ram=9_000, params=5)
    assert target.within(Budget(ram=20_000)) == Budget(ram=16_000)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('name = "mine"', ""), "has no name"),
        (("ram = 20_000", "ram = 4_000"), "reserves 4,000 of 4,000 bytes of ram"),
        (('["its data sheet"]', "[]"), "has no sources"),
        (("ram = 20_000", "rom = 3"), "unknown setting 'rom'"),
        (("[3]", '"3"'), "kernels is '3'"),
        (("[rules]", "[rules"), "is not a TOML file"),
    ],
    ids=str,
)
def test_a_wrong_file_is_named_with_what_is_wrong(change: tuple[str, str], said: str, tmp_path: Path) -> None:
    path = written(tmp_path, TEXT.replace(*change))
    with pytest.raises(ConfigError, match=said) as raised:
        read_target(path)
    assert str(path) in str(raised.value)


def test_a_miss_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean max78000"):
        find_target("max7800")
    with pytest.raises(ConfigError, match="cannot be read"):
        find_target("absent.toml")


def test_what_fits_and_what_does_not(tmp_path: Path) -> None:
    target = find_target(str(written(tmp_path)))
    good, bad = fit(SMALL, target), fit(LARGE, target)
    assert not good.broken and str(good).startswith("fits mine: ") and good.used["ram"] <= 16_000
    assert bad.broken[0].startswith("RAM takes ") and "5x5 kernel" in bad.broken[1]
    assert str(bad).startswith("does not fit mine: RAM takes") and not bad.to_json()["fits"]


def test_weights_alone_are_limited() -> None:
    target = Target("t", "T", ("s",), weights=300)
    assert target.budget() == Budget(params=300)
    assert fit(SMALL, target).limits == {"weights": 300}
    with pytest.raises(WrongSettingError, match="ram is -1"):
        Target("t", "T", ("s",), ram=-1)
