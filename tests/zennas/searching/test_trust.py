"""A run that is continued executes only files that its user has named."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import zennas
from zennas.common.errors import SettingsError, WrongSettingError
from zennas.runs.designed import BEST_FILE
from zennas.runs.store import FILE, Store
from zennas.searching.result import read_result
from zennas.searching.runner import resume, start
from zennas.searching.settings import SearchSettings
from zennas.searching.trust import Trust, UntrustedError, code_of, split_strategy

from .latency_searches import settings

SPACE = """from pathlib import Path
with Path({log!r}).open("a") as log:
    log.write("executed ")
def gen_search_space(blocks, i):
    return [[str(blocks[i])], ["BN(3)", "RELU(3)"]]
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """What the space writes when it is executed."""
    return tmp_path / "log"


@pytest.fixture
def space(tmp_path: Path, log: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(SPACE.format(log=str(log)))
    return path


@pytest.fixture
def unfinished(tmp_path: Path, space: Path, log: Path) -> Path:
    """A run with a space in a file, which is not executed yet."""
    folder = tmp_path / "run"
    start(folder, chosen(space))
    with Store.open(folder) as store:
        store.put({"status": "searching"})
    log.unlink()
    return folder


def chosen(space: Path) -> SearchSettings:
    small = settings()
    return replace(small, search_space=str(space), initial="BN(3)RELU(3)BN(3)", proxy="params", iterations=30)


def test_a_file_that_is_not_named_is_not_executed(unfinished: Path, log: Path) -> None:
    for use in (resume, zennas.continue_search):
        with pytest.raises(UntrustedError, match=r"would execute the search space .*mine\.py: name this file again"):
            use(unfinished)  # type: ignore[operator]
    with pytest.raises(WrongSettingError, match="would execute"):
        resume(unfinished, trust=Trust("XXBL"))
    with pytest.raises(SettingsError, match=r"was started with .*search_space .*mine\.py, not XXBL"):
        resume(unfinished, expected=settings())
    read_result(unfinished)
    assert not log.exists()


def test_a_named_file_is_executed(unfinished: Path, space: Path, log: Path) -> None:
    zennas.continue_search(unfinished, search_space=str(space))
    assert log.read_text().startswith("executed ")
    assert read_result(unfinished).status == "finished"


def test_trust_and_the_settings_themselves_are_enough(unfinished: Path, space: Path, log: Path) -> None:
    resume(unfinished, expected=chosen(space))
    assert log.exists()
    with Store.open(unfinished) as store:
        store.put({"status": "searching"})
    zennas.continue_search(unfinished, trust=True)


def test_the_same_file_in_another_place_is_the_space_from_then_on(unfinished: Path, space: Path) -> None:
    moved = space.rename(space.with_name("moved.py"))
    resume(unfinished, trust=Trust(str(moved)))
    assert read_result(unfinished).settings.search_space == str(moved)
    assert str(moved) in (unfinished / "settings.toml").read_text()


def test_another_file_is_refused_and_not_executed(unfinished: Path, space: Path, tmp_path: Path, log: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text(space.read_text() + "\n# another\n")
    with pytest.raises(SettingsError, match=r"the search space .*other\.py has changed since"):
        resume(unfinished, trust=Trust(str(other)))
    assert not log.exists()


def test_a_finished_run_executes_nothing(unfinished: Path, space: Path, log: Path) -> None:
    resume(unfinished, trust=Trust(str(space)))
    log.unlink()
    resume(unfinished)
    assert not log.exists()


def test_a_strategy_in_a_file_is_not_executed(tmp_path: Path) -> None:
    start(tmp_path / "run", settings())
    trap = tmp_path / "trap.py"
    trap.write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')")
    with closing(sqlite3.connect(tmp_path / "run" / FILE)) as db, db:
        stored = json.dumps({**settings().to_json(), "strategy": f"{trap}:evolution"})
        db.execute("UPDATE facts SET value = ? WHERE name = 'settings'", (stored,))
    (tmp_path / "run" / BEST_FILE).unlink()
    for trust in (Trust(), Trust("XXBL"), Trust(strategy="evolution")):
        with pytest.raises(UntrustedError, match=r"would execute the strategy .*trap\.py: name"):
            resume(tmp_path / "run", trust=trust)
    with pytest.raises(SettingsError, match="was started with strategy"):
        resume(tmp_path / "run", expected=settings())
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("finished", [False, True])
def test_what_a_run_does_not_have_is_refused(tmp_path: Path, finished: bool) -> None:
    start(tmp_path / "run", settings())
    if not finished:
        (tmp_path / "run" / BEST_FILE).unlink()
    with pytest.raises(WrongSettingError, match="has the search space XXBL, not IDW_fixfc: leave out --search-space"):
        resume(tmp_path / "run", trust=Trust("IDW_fixfc"))
    with pytest.raises(WrongSettingError, match="has the strategy evolution, not random: leave out --strategy"):
        resume(tmp_path / "run", trust=Trust(strategy="random"))
    resume(tmp_path / "run", trust=Trust("XXBL", "Evolution"))


def test_which_code_a_search_executes(tmp_path: Path) -> None:
    assert code_of(settings()) == {}
    mine = replace(settings(), search_space=str(tmp_path / "a.py"), strategy=str(tmp_path / "b.py:best"))
    assert code_of(mine) == {"search space": tmp_path / "a.py", "strategy": tmp_path / "b.py"}
    assert split_strategy("evolution") == (None, "evolution")
    assert split_strategy(str(tmp_path / "b.py")) == (tmp_path / "b.py", "")


def test_the_command_asks_and_tells(unfinished: Path, space: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    code, _, err = run("search", "--resume", str(unfinished))
    assert (code, "name this file again with --search-space FILE" in err) == (2, True)
    code, _, err = run("search", "--resume", str(unfinished), "--search-space", str(space))
    assert (code, f"executing the search space {space}" in err) == (0, True)
    with Store.open(unfinished) as store:
        store.put({"status": "searching"})
    assert run("search", "--resume", str(unfinished), "--trust")[0] == 0


def test_correlations_ask_for_their_space_and_table(tmp_path: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    table = tmp_path / "table.csv"
    names = ["ConvKX(3,8,3,1)RELU(8)", "ConvKX(3,16,3,1)RELU(16)", "ConvKX(3,24,3,1)RELU(24)"]
    table.write_text("arch,cifar10_test\n" + "".join(f'"{name}",{90 + i}\n' for i, name in enumerate(names)))
    space = tmp_path / "mine.py"
    space.write_text("def gen_search_space(blocks, i): return [[str(blocks[i])]]\n")
    folder = tmp_path / "run"
    zennas.correlate(table=table, space=str(space), proxies=("params",), sample=3, resamples=2, save_dir=folder)
    with closing(sqlite3.connect(folder / FILE)) as db, db:
        db.execute("DELETE FROM candidates")
        db.execute("""UPDATE facts SET value = '"scoring"' WHERE name = 'status'""")
    code, _, err = run("correlate", "--resume", str(folder))
    assert (code, "would execute the search space" in err) == (2, True)
    code, _, err = run("correlate", "--resume", str(folder), "--space", str(space))
    assert (code, "reads the table" in err) == (2, True)
    code, _, err = run("correlate", "--resume", str(folder), "--space", str(space), "--table", str(table))
    assert (code, f"executing the search space {space}" in err) == (0, True)


def test_code_that_only_a_file_of_settings_names_is_not_executed(
    unfinished: Path, space: Path, log: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    again = ("search", "--config", str(unfinished / "settings.toml"), "--save-dir", "again")
    code, _, err = run(*again)
    assert (code, f"the file of --config would execute {space}: name this file again with --search-space" in err) == (
        2,
        True,
    )
    assert not log.exists()
    assert not Path("again").exists()
    code, _, err = run(*again, "--trust")
    assert (code, f"executing the search space {space}" in err) == (0, True)
    code, _, _ = run(*again[:-1], "named", "--search-space", str(space))
    assert code == 0


def test_strategies_and_spaces_of_correlations_in_files_of_settings(
    tmp_path: Path, space: Path, log: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    trap = tmp_path / "trap.py"
    trap.write_text(f"open({str(log)!r}, 'w')")
    named = tmp_path / "named.toml"
    named.write_text(f'strategy = "{trap}"\n[budget]\nparams = 60000\n')
    code, _, err = run("search", "--config", str(named))
    assert (code, f"would execute {trap}: name this file again with --strategy" in err) == (2, True)
    named.write_text(f'table = "{tmp_path / "table.csv"}"\nspace = "{space}"\n')
    code, _, err = run("correlate", "--config", str(named))
    assert (code, f"would execute {space}: name this file again with --space" in err) == (2, True)
    assert not log.exists()
