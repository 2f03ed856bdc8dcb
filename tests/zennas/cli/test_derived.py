"""Commands whose flags follow from settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from PlainNet.sizes import Sides
from tests.zennas.common.test_settings import Inner, Outer
from zennas.cli.derived import Chosen, derived
from zennas.common.config import ConfigError, write_config

seen: dict[str, Any] = {}


@derived(Outer, also=("network",))
def command(
    context: typer.Context,
    chosen: Chosen,
    network: Annotated[str, typer.Argument()] = "none",
    quiet: Annotated[bool, typer.Option("--quiet")] = False,
) -> None:
    """What it does."""
    seen.update(chosen=chosen, network=network, quiet=quiet)


app = typer.Typer()
app.command()(command)


def call(*arguments: str) -> Chosen:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    chosen = seen["chosen"]
    assert isinstance(chosen, Chosen)
    return chosen


def test_nothing_said_is_nothing_chosen() -> None:
    chosen = call("net", "--quiet")
    assert (chosen.values, chosen.flags) == ({}, {})
    assert chosen.make(Outer) == Outer()
    assert (seen["network"], seen["quiet"]) == ("net", True)


def test_flags_of_every_kind(tmp_path: Path) -> None:
    chosen = call(
        *("--epochs", "1k", "--lr", "0.5", "--no-nesterov", "--optimizer", "adam", "--milestones", "3,5"),
        *("--proxies", "a", "--proxies", "b", "--folder", str(tmp_path), "--teacher", "t", "--its-size", "8"),
        *("--size", "96x160"),
    )
    assert chosen.make(Outer) == Outer(
        epochs=1000,
        lr=0.5,
        nesterov=False,
        optimizer="adam",
        milestones=(3, 5),
        proxies=("a", "b"),
        folder=tmp_path,
        size=Sides(96, 160),
        inner=Inner("t", 8),
    )
    assert chosen.flags[("inner", "resolution")] == "--its-size"
    assert chosen.said("inner") == {"teacher": "t", "resolution": 8}


def test_flags_go_before_the_file_and_the_file_before_defaults(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    write_config(
        path, Outer(epochs=3, lr=0.5, nesterov=False, compile=True, inner=Inner("t", 8)), also={"network": "n"}
    )
    chosen = call("--config", str(path), "--epochs", "10", "--nesterov", "--no-compile", "--its-size", "9")
    assert chosen.values["network"] == "n"
    assert chosen.make(Outer) == Outer(epochs=10, lr=0.5, inner=Inner("t", 9))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--epochs", "0"), "out of range"),
        (("--lr", "-1"), "lr is -1"),
        (("--size", "96x"), "the size is '96x', expected a whole number from 1 to 2048 pixels, or height"),
        (("--size", "0x9"), "the height of the size 0×9 is 0, expected from 1 to 2048 pixels"),
        (("--milestones", "a"), "expected one like 30,60"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], message: str) -> None:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert message in result.output


def test_a_file_that_is_not_there() -> None:
    found = CliRunner().invoke(app, ["--config", "nowhere.toml"]).exception
    assert isinstance(found, ConfigError)
    assert str(found) == "nowhere.toml cannot be read: No such file or directory"


def test_help_shows_what_fields_say() -> None:
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    assert "What it does." in text
    for part in (
        "--epochs",
        "Passes over the images.",
        "[default: 10]",
        "Rule: sgd or adam.",
        "(no limit)",
        "Learning",
    ):
        assert part in text
