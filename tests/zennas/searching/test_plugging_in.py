"""What third parties add to a search: strategies from a file; settings from a file; executors that decide nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import zennas
from tests.zennas.conftest import Run
from zennas.common.errors import SettingsError, WrongSettingError
from zennas.runs.store import FILE
from zennas.searching.result import read_result
from zennas.searching.runner import resume
from zennas.searching.strategies.base import STRATEGIES, Strategy, options_of
from zennas.searching.trust import Trust

SMALL = ["--budget-params", "60k", "--max-layers", "10", "--proxy", "zen_expected"]
HERE = Path(__file__).parent


@pytest.fixture
def climber(tmp_path: Path) -> Path:
    return Path(shutil.copy(HERE / "hill_climbing.py", tmp_path / "climb.py"))


def zennas_apart(*arguments: object) -> dict[str, Any]:
    """`zennas search` in a process of its own, as what a file registers stays registered."""
    done = subprocess.run(
        [sys.executable, "-m", "zennas", "search", *map(str, arguments), "--json"], capture_output=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def essence(found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in ("best_structure", "scores", "counts", "failures")}


def test_a_strategy_from_a_file_is_killed_resumed_and_ends_the_same(tmp_path: Path, climber: Path) -> None:
    options = [*SMALL, "--strategy", climber, "--strategy-option", "changes=1", "--iterations", "10k"]
    whole = zennas_apart(*options, "--save-dir", tmp_path / "whole")
    assert whole["counts"]["tried"] == 10_000
    process = subprocess.Popen(
        [sys.executable, "-m", "zennas", "search", *map(str, options), "--save-dir", str(tmp_path / "parts")],
        stdout=subprocess.DEVNULL,
    )
    while not (tmp_path / "parts" / FILE).exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert essence(zennas_apart("--resume", tmp_path / "parts", "--strategy", climber)) == essence(whole)
    settings = (tmp_path / "parts" / "settings.toml").read_text()
    assert f'strategy = "{climber.resolve()}:hill_climbing"' in settings
    assert "changes = 1" in settings


def test_a_strategy_whose_file_has_changed_is_refused(tmp_path: Path, climber: Path) -> None:
    zennas_apart(*SMALL, "--strategy", climber, "--iterations", 50, "--save-dir", tmp_path / "run")
    (tmp_path / "run" / "best_structure.txt").unlink()
    climber.write_text(climber.read_text() + "\n# another one\n")
    with pytest.raises(SettingsError, match=r"the strategy .*climb\.py:hill_climbing has changed since the run"):
        resume(tmp_path / "run", trust=Trust(everything=True))


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (["--strategy", "evolutoin"], "unknown search strategy 'evolutoin' (did you mean evolution?)"),
        (["--strategy", "nowhere.py"], "there is no file"),
        (["--iterations", "1e25"], "'1e25' is out of range; expected a whole number from 1 to 9223372036854775807"),
        (["--config", ""], "the name is empty, expected a file"),
        (["--strategy-option", "keep"], "expected NAME=VALUE"),
        (["--strategy-option", "population-siz=3"], "has no option 'population_siz': did you mean population_size?"),
        (["--strategy-option", "population_size=1"], "population_size is 1, expected at least 2"),
        (["--strategy-option", "population_size=4", "--population-size", "5"], "population_size is given twice"),
        (["--strategy", "random", "--population-size", "5"], "strategy random has no option 'population_size'"),
        (["--objective", "beauty"], "unknown objective 'beauty'"),
        (["--executor", "poole"], "unknown executor 'poole' (did you mean pool?)"),
        (["--executor", "serial", "--workers", "2"], "the executor serial has only one"),
        (["--ahead", "0"], "expected a whole number from 1 to 4096"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(run: Run, option: list[str], says: str) -> None:
    code, out, err = run("search", *SMALL, "--iterations", "20", "--save-dir", "mine", *option)
    assert (code in (1, 2), out) == (True, "")
    assert says in " ".join(err.replace("│", " ").split())
    assert not Path("mine").exists()


@dataclass(frozen=True)
class Plain:
    """Options that do not check themselves."""

    need: int
    keep: int = 4
    flag: bool = False
    rate: float = 0.5
    name: str | None = None

    def __post_init__(self) -> None:
        if self.keep > 99:
            raise ValueError("too many to keep")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "plain's option need is missing: give it with --strategy-option need=VALUE"),
        ({"need": 2.5}, "plain's option need is 2.5, expected a whole number$"),
        ({"need": 1, "flag": "maybe"}, "plain's option flag is 'maybe', expected True or False"),
        ({"need": 1, "rate": float("nan")}, "plain's option rate is nan, expected a number"),
        ({"need": 1, "name": 3}, "plain's option name is 3, expected text"),
        ({"need": 1, "keep": 100}, "strategy plain refuses its options: too many to keep"),
    ],
)
def test_options_are_checked_even_if_their_strategy_does_not(given: dict[str, Any], says: str) -> None:
    plain = Strategy("plain", "", "", Plain, STRATEGIES.get("random").make)
    with pytest.raises(WrongSettingError, match=says):
        options_of(plain, given)
    assert options_of(plain, {"need": 1, "rate": 1}) == Plain(1, rate=1)


def test_a_search_that_only_finds_its_start_says_so(run: Run) -> None:
    limits = ("--budget-params", "30k", "--max-layers", "6")
    code, out, _ = run("search", *limits, "--iterations", "20", "--save-dir", "short")
    assert (code, "note: all 20 iterations were needed to get within the budget" in " ".join(out.split())) == (0, True)
    code, out, _ = run("search", *limits, "--iterations", "1000", "--save-dir", "long")
    assert (code, "iterations were needed" in out) == (0, False)


def test_a_list_of_runs_shows_what_a_search_has_ranked_by(run: Run) -> None:
    for proxy in ("vote(params+flops)", "params", "ZEN"):
        code, _, err = run("search", *SMALL[:4], "--iterations", "60", "--proxy", proxy, "--save-dir", proxy)
        assert code == 0, err
    _, out, _ = run("runs", ".")
    for folder in ("vote(params+flops)", "params", "ZEN"):
        best = read_result(Path(folder)).best
        assert best is not None
        name = {"ZEN": "zen"}.get(folder, folder)
        row = next(line for line in out.splitlines() if line.startswith(folder))
        value = best.measures[name].value
        assert f" score {value:.2f} ± " in row if name == "zen" else f" score {value:.6g}, " in row


def test_names_that_are_no_settings_of_a_search() -> None:
    for given, says in (
        ({"budget_parms": 1}, "search has no setting 'budget_parms', .*: did you mean budget_params"),
        ({"population": 3}, "search has no setting 'population', .*: did you mean population_size"),
        ({"strategy": "random", "seeed": 1}, "its strategy random no such option .only keep.: did you mean seed"),
    ):
        with pytest.raises(WrongSettingError, match=says):
            zennas.search(**given)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgets afterwards what files have registered."""
    STRATEGIES.names()
    monkeypatch.setattr(STRATEGIES, "_items", dict(STRATEGIES._items))


BROKEN = """
from dataclasses import dataclass, replace
from zennas.searching.population import PopulationSearch
from zennas.searching.strategies.base import Strategy, register

@dataclass(frozen=True)
class Options:
    pass

class Broken(PopulationSearch):
    def __init__(self, problem, options):
        super().__init__(problem)

    def propose(self):
        return self.space.sample(self.rng), None

    def receive(self, candidate):
        self.keep(candidate)

    {method}

register(Strategy("broken", "", "", Options, Broken))
"""


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("def ask(self, n): return None", "ask(1) returned 'None', expected a list of candidates"),
        ("def ask(self, n): return ['x']", "expected a list of candidates"),
        ("def ask(self, n): return 2 * super().ask(n)", "ask(1) returned 2 candidates, expected at most 1"),
        ("def ask(self, n): return []", "it proposes nothing and is not done, after 0 of 20"),
        (
            "def ask(self, n): return [c._replace(cost=replace(c.cost, params=10**6)) for c in super().ask(n)]",
            "it proposed a network with params 1,000,000, over the budget of params ≤ 60k, layers ≤ 10",
        ),
        ("def receive(self, candidate): self.reject(candidate)", "kept no structure"),
        ("def ask(self, n): raise KeyError('boom')", "is broken: ask raised KeyError: 'boom'"),
        ("def receive(self, candidate): 1 / 0", "is broken: tell raised ZeroDivisionError: division by zero"),
    ],
)
def test_a_strategy_that_breaks_its_contract_is_named(run: Run, registry: None, method: str, says: str) -> None:
    Path("broken.py").write_text(BROKEN.replace("{method}", method))
    code, _, err = run("search", *SMALL, "--strategy", "broken.py", "--iterations", "20", "--save-dir", "run")
    assert (code, err.count("\n")) == (1, 1)
    assert "broken.py:broken" in err
    assert says in err


@pytest.mark.parametrize(
    ("text", "name", "says", "expected"),
    [
        ("raise SystemExit(0)", "", "cannot be loaded: SystemExit: 0", 1),
        (BROKEN.replace("{method}", ""), ":other", "registers broken and not 'other': choose one with", 2),
    ],
)
def test_a_file_without_the_strategy_is_refused(
    run: Run, registry: None, text: str, name: str, says: str, expected: int
) -> None:
    Path("mine.py").write_text(text)
    code, _, err = run("search", *SMALL, "--strategy", f"mine.py{name}", "--save-dir", "run")
    assert (code, err.count("\n")) == (expected, 1)
    assert says in err


def test_another_strategy_by_name(run: Run) -> None:
    options = ["--strategy", "random", "--strategy-option", "keep=5", "--iterations", "200"]
    code, out, _ = run("search", *SMALL, *options, "--save-dir", "mine", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["counts"]["tried"] == 200
    result = read_result(Path("mine"))
    assert result.settings.strategy_options == {"keep": 5}
    assert STRATEGIES.names() >= ["evolution"]


def test_settings_in_a_file_repeat_a_run_and_flags_go_before(run: Run) -> None:
    options = ["--iterations", "150", "--population-size", "12", "--seed", "3", "--proxy", "flops"]
    code, out, err = run("search", *SMALL, *options, "--save-dir", "first", "--json")
    assert code == 0, err
    first = json.loads(out)
    code, out, err = run("search", "--config", "first/settings.toml", "--save-dir", "again", "--json")
    assert code == 0, err
    assert essence(json.loads(out)) == essence(first)
    assert Path("again/settings.toml").read_text() == Path("first/settings.toml").read_text()
    code, out, err = run("search", "--config", "first/settings.toml", "--seed", "4", "--save-dir", "other", "--json")
    assert code == 0, err
    assert essence(json.loads(out)) != essence(first)
    assert read_result(Path("other")).settings.seed == 4
    Path("wrong.toml").write_text("itrations = 5\n")
    code, _, err = run("search", "--config", "wrong.toml", "--max-layers", "9")
    assert (code, "did you mean iterations" in err) == (2, True)


@pytest.mark.long
def test_ranks_in_a_population_are_searched_for_whatever_the_number_of_workers(tmp_path: Path, run: Run) -> None:
    options = ["--proxy", "az_nas", "--search-space", "nasbench201", "--budget-params", "10M", "--iterations", "14"]
    options += ["--resolution", "8", "--batch-size", "4", "--population-size", "4", "--device", "cpu"]
    found = []
    for workers in ("1", "2"):
        code, out, err = run("search", *options, "--workers", workers, "--save-dir", workers, "--json")
        assert code == 0, err
        found.append(essence(json.loads(out)))
    assert found[0] == found[1]
    assert found[0]["counts"]["rejected"].get("score", 0) + found[0]["counts"]["members"] > 4
    assert "az_nas" in found[0]["scores"]


def test_why_nothing_could_be_scored_is_told_and_kept(run: Run) -> None:
    options = ["--initial", "SuperConvK3BNRELU(3,8,1,1)", "--max-layers", "1", "--proxy", "az_expressivity"]
    code, _, err = run("search", *options, "--iterations", "1", "--resolution", "8", "--save-dir", "mine")
    assert (code, err.count("\n")) == (1, 1)
    assert "no structure could be scored: proxy az_expressivity fails: " in err
    _, out, _ = run("runs", "mine")
    assert "proxy az_expressivity fails" in " ".join(out.split())
