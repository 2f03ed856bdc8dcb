"""Settings said once: checks, files, comparisons, tables, and the flags of commands."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PlainNet.sizes import Sides, Size
from zennas.common.config import ConfigError, config_text, read_config, write_config
from zennas.common.errors import SettingsError, WrongSettingError
from zennas.common.settings import Setting, check, described, from_values, setting
from zennas.common.settings_text import differences, markdown_table, restored, to_json


@dataclass(frozen=True)
class Inner:
    """Settings within settings."""

    teacher: str = field(metadata=Setting("Who teaches.", metavar="MODEL").metadata)
    resolution: int | None = setting(None, "Side of its images.", least=1, most=2048, unit="pixels", flag="--its-size")

    def __post_init__(self) -> None:
        check(self, WrongSettingError)


@dataclass(frozen=True)
class Limit:
    """One of several."""

    ms: float = setting(1.0, "Milliseconds.", above=0)


@dataclass(frozen=True)
class Whole:
    """Settings with tables of which each needs a value."""

    parts: tuple[Inner, ...] = ()


@dataclass(frozen=True)
class Outer:
    """One setting of each kind, and things that are none."""

    structure: object = None
    epochs: int = setting(10, "Passes over the images.", least=1)
    offset: int = setting(0, "Any whole number.")
    lr: float = setting(0.1, "Learning rate.", least=0)
    share: float = setting(0.5, "Share of something.", least=0, most=1)
    shift: float = setting(0.0, "Any number.")
    clip: float | None = setting(None, "Largest norm.", above=0, shown="no limit")
    nesterov: bool = setting(True, "Nesterov's momentum.")
    compile: bool = setting(False, "Compile.")
    optimizer: str = setting("sgd", "Rule.", choices=("sgd", "adam"), panel="Learning")
    name: str = setting("x", "What it is called.")
    milestones: tuple[int, ...] = setting((), "Epochs after which the rate falls.", least=1)
    proxies: tuple[str, ...] = setting(("zen",), "Names of proxies.")
    folder: Path | None = setting(None, "Where images are.")
    size: Size = setting(32, "Of the images.", least=1, most=2048, unit="pixels")
    place: str = setting("here", "Not written down.", stored=False)
    inner: Inner | None = None
    limits: tuple[Limit, ...] = ()

    def __post_init__(self) -> None:
        check(self, WrongSettingError)


def test_fields_are_described() -> None:
    found = {one.name: one for one in described(Outer)}
    assert "structure" not in found
    assert found["clip"].kind.of is float
    assert found["clip"].kind.optional
    assert found["milestones"].kind.many
    assert found["inner"].kind.nested
    assert (found["limits"].kind.nested, found["limits"].kind.many) == (True, True)
    assert {one.name: one.flag for one in described(Inner)} == {"teacher": "--teacher", "resolution": "--its-size"}
    assert [one.required for one in described(Inner)] == [True, False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs is 0, expected at least 1"),
        ({"epochs": 1.0}, "epochs is 1.0, expected a whole number of at least 1"),
        ({"epochs": True}, "epochs is True, expected a whole number of at least 1"),
        ({"lr": -1}, "lr is -1, expected at least 0"),
        ({"lr": math.nan}, "lr is nan, expected a number of at least 0"),
        ({"share": 2}, "share is 2, expected from 0 to 1"),
        ({"shift": math.inf}, "shift is inf, expected a number"),
        ({"clip": 0.0}, "clip is 0, expected a number above 0, or none at all"),
        ({"clip": math.inf}, "clip is inf, expected a number above 0, or none at all"),
        ({"clip": "1"}, "clip is '1', expected a number above 0, or none at all"),
        ({"nesterov": 1}, "nesterov is 1, expected True or False"),
        ({"optimizer": "lion"}, "optimizer is 'lion', expected sgd or adam"),
        ({"name": ""}, "name is empty, expected a name"),
        ({"name": None}, "name is None, expected text"),
        ({"milestones": 3}, "milestones is 3, expected a list of whole numbers"),
        ({"milestones": (0,)}, "milestones is 0, expected at least 1"),
        ({"proxies": "zen"}, "proxies is 'zen', expected a list of names"),
        ({"folder": 3}, "folder is 3, expected text"),
        ({"size": 0}, "size is 0, expected from 1 to 2048 pixels"),
        ({"size": (8, 2049)}, "the width of size 8×2049 is 2049, expected from 1 to 2048 pixels"),
        (
            {"size": 8.0},
            "size is 8.0, expected a whole number from 1 to 2048 pixels, or height and width, such as 96x160",
        ),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongSettingError) as found:
        Outer(**change)
    assert str(found.value) == message


def test_messages_may_speak_of_flags() -> None:
    wrong: Any = Inner.__new__(Inner)
    object.__setattr__(wrong, "teacher", "x")
    object.__setattr__(wrong, "resolution", 0)
    with pytest.raises(SettingsError, match=r"^its-size is 0, expected from 1 to 2048 pixels$"):
        check(wrong, SettingsError, flags=True)


@pytest.mark.parametrize(
    ("given", "size", "text"),
    [
        (32, 32, "size = 32\n"),
        ("224", 224, "size = 224\n"),
        ((8, 8), 8, "size = 8\n"),
        ([96, 160], Sides(96, 160), 'size = "96x160"\n'),
        ("96x160", Sides(96, 160), 'size = "96x160"\n'),
    ],
)
def test_sizes_have_one_form(tmp_path: Path, given: Any, size: Size, text: str) -> None:
    made = Outer(size=given)
    assert (made.size, type(made.size)) == (size, type(size))
    assert text in config_text(made)
    assert restored(Outer, json.loads(json.dumps(to_json(made)))) == made
    assert json.loads(json.dumps(to_json(made)))["size"] == (list(size) if isinstance(size, Sides) else size)
    write_config(tmp_path / "it.toml", made)
    assert from_values(Outer, read_config(tmp_path / "it.toml", Outer)) == made


def test_lists_become_tuples_and_text_paths() -> None:
    made = Outer(milestones=[3, 5], folder="a")  # type: ignore[arg-type]
    assert (made.milestones, made.folder) == ((3, 5), Path("a"))


names = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())
numbers = st.floats(allow_nan=False, allow_infinity=False)
outers = st.builds(
    Outer,
    structure=st.none(),
    epochs=st.integers(1, 2**63 - 1),
    offset=st.integers(-(2**63) + 1, 2**63 - 1),
    lr=st.floats(0, 1e300),
    share=st.floats(0, 1),
    shift=numbers,
    clip=st.none() | st.floats(1e-300, 1e300),
    nesterov=st.booleans(),
    compile=st.booleans(),
    optimizer=st.sampled_from(["sgd", "adam"]),
    name=names,
    milestones=st.lists(st.integers(1, 99)).map(tuple),
    proxies=st.lists(names).map(tuple),
    folder=st.none() | st.just(Path("a/b")),
    place=st.just("here"),
    inner=st.none() | st.builds(Inner, names, st.none() | st.integers(1, 2048)),
    limits=st.lists(st.builds(Limit, st.floats(1e-3, 1e3))).map(tuple),
)


@given(outers)
def test_files_and_json_keep_settings(tmp_path_factory: pytest.TempPathFactory, chosen: Outer) -> None:
    path = tmp_path_factory.mktemp("config") / "settings.toml"
    write_config(path, chosen, also={"network": "a net"})
    found = read_config(path, Outer, also=("network",))
    assert found.pop("network") == "a net"
    assert from_values(Outer, found) == chosen
    assert restored(Outer, to_json(chosen)) == chosen
    assert differences(to_json(chosen), to_json(chosen)) == []


def test_what_is_not_stored_is_not_written() -> None:
    text = config_text(Outer(place="there", inner=Inner("t")))
    assert "place" not in text
    assert '[inner]\nteacher = "t"' in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 3", "unknown setting 'epoch' (did you mean epochs?)"),
        ("place = 'x'", "unknown setting 'place'"),
        ("epochs = '3'", "epochs is '3', expected a whole number of at least 1"),
        ("epochs = 0", "epochs is 0, expected at least 1"),
        ("lr = nan", "lr is nan, expected a number of at least 0"),
        ("optimizer = 'lion'", "optimizer is 'lion', expected sgd or adam"),
        ("inner = 3", "inner is 3, expected a table, as in [inner]"),
        ("[inner]\nteach = 'x'", "unknown setting 'teach' in [inner] (did you mean teacher?)"),
        ("[inner]\nresolution = 0", "inner.resolution is 0, expected from 1 to 2048 pixels"),
        ("limits = 3", "limits is 3, expected tables, as in [[limits]]"),
        ("network = 3", "network is 3, expected text"),
        ("epochs = ", "is not a TOML file: Invalid value"),
    ],
)
def test_files_that_cannot_be(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as found:
        read_config(path, Outer, also=("network",))
    assert str(found.value).startswith(f"{path}")
    assert message in str(found.value)
    assert "\n" not in str(found.value)


def test_a_table_without_a_value_that_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[[parts]]\nresolution = 3\n")
    with pytest.raises(ConfigError, match=r"\[\[parts\]\] has no teacher, expected one in every such table"):
        read_config(path, Whole)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mine\.toml cannot be read: No such file"):
        read_config(tmp_path / "mine.toml", Outer)


def test_whole_numbers_in_files_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("lr = 1")
    (value,) = read_config(tmp_path / "mine.toml", Outer).values()
    assert type(value) is float


def test_what_differs() -> None:
    ours = {"lr": 0.05, "resolution": 8, "same": 1, "inner": {"resolution": None, "deep": 1}}
    theirs = {"lr": 0.1, "resolution": 16, "same": 1, "inner": {"resolution": 32, "deep": 2}}
    assert differences(ours, theirs) == [
        "lr 0.05, not 0.1",
        "resolution 8, not 16",
        "inner.resolution none, not 32",
        "deep 1, not 2",
    ]
    assert differences({"a": "x" * 500}, {"a": "y"}) == [f"a {'x' * 200}…, not y"]


def test_the_table_for_the_docs() -> None:
    lines = markdown_table(Outer).splitlines()
    assert lines[0] == "| setting | flag | default | range | what it is |"
    assert "| `clip` | `--clip` | no limit | above 0 | Largest norm. |" in lines
    assert "| `optimizer` | `--optimizer` | sgd |  | Rule: sgd or adam. |" in lines
    assert "| `nesterov` | `--nesterov` | yes |  | Nesterov's momentum. |" in lines
    assert "| `teacher` | `--teacher` | required |  | Who teaches. |" in markdown_table(Inner)


def test_settings_of_another_version() -> None:
    with pytest.raises(SettingsError, match="made by another version, with settings a, b"):
        restored(Outer, {"b": 1, "a": 2})
    with pytest.raises(SettingsError, match="no settings"):
        restored(Outer, None)
    with pytest.raises(SettingsError, match="no settings"):  # and not all defaults
        restored(Outer, {})
    with pytest.raises(SettingsError, match="cannot be read"):
        restored(Inner, {"resolution": 32})
