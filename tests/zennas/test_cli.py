"""The command line as a user meets it: output, JSON, exit codes, errors in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SMALL
from zennas.cli.app import app
from zennas.cli.errors import guarded

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., tuple[int, str, str]]
QUICK = [
    "--budget-params",
    "60k",
    "--max-layers",
    "8",
    "--iterations",
    "200",
    "--batch-size",
    "4",
    "--repeats",
    "2",
    "--top",
    "2",
]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `zennas` in this process, in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["zennas", *arguments])
        with pytest.raises(SystemExit) as left:
            guarded(lambda argv: app(argv, prog_name="zennas"))
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return call


def test_help_names_the_commands(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for command in ("search", "analyze", "score", "train", "runs", "doctor"):
        assert command in out
        code, text, _ = run(command, "--help")
        assert code == 0
        assert "Example:" in text or command == "doctor"


def test_the_module_is_the_program() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "zennas", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "search" in result.stdout


def test_search_then_everything_else(run: Run) -> None:
    code, out, err = run("search", *QUICK, "--resolution", "16", "--save-dir", "mine")
    assert (code, err) == (0, "")
    assert "best structure: SuperConvK3BNRELU" in out
    structure = Path("mine/best_structure.txt").read_text().strip()

    code, out, _ = run("runs", "mine", "--json")
    result = json.loads(out)
    assert result["best_structure"] == structure
    assert result["status"] == "finished"
    code, out, _ = run("runs", ".")
    assert code == 0
    assert "mine" in out

    code, out, _ = run("analyze", "mine", "--json")
    analysis = json.loads(out)
    assert {name: analysis[name] for name in ("params", "flops", "activations", "layers")} == result["cost"]
    assert analysis["fvcore"]["agrees"]
    assert analysis["output_shape"][1:] == [2, 2]
    assert sum(block["params"] for block in analysis["blocks"]) == analysis["params"]
    code, out, _ = run("analyze", "mine")
    assert "fvcore on the built module agrees" in out.replace("\n", " ")

    code, out, _ = run(
        "score", "mine/best_structure.txt", "--proxy", "ZEN", "--proxy", "zen_expected", "--resolution", "16", "--json"
    )
    scores = json.loads(out)
    low, high = scores["zen"]["interval"]
    assert low <= scores["zen"]["value"] <= high
    assert scores["zen_expected"]["value"] == pytest.approx(result["scores"]["zen_expected"]["value"])

    code, out, _ = run("train", "mine", "--epochs", "1", "--batch-size", "256", "--json")
    assert code == 0
    assert json.loads(out)["run"] == "mine/train-digits"
    assert Path("mine/train-digits/weights.pt").is_file()

    code, out, _ = run("search", "--resume", "mine", "--json")
    assert json.loads(out) == result


def test_score_of_everything(run: Run) -> None:
    code, out, _ = run(
        "score", SMALL, "--proxy", "all", "--resolution", "16", "--batch-size", "2", "--repeats", "1", "--json"
    )
    assert code == 0
    assert {"zen", "zen_expected", "flops", "params", "random"} <= set(json.loads(out))


def test_doctor_is_content(run: Run) -> None:
    code, out, _ = run("doctor", "--json")
    findings = json.loads(out)
    assert code == 0
    assert all(finding["ok"] for finding in findings)
    assert "ok   torch" in run("doctor")[1]


def test_no_runs(run: Run) -> None:
    code, out, _ = run("runs")
    assert code == 0
    assert "no runs in runs" in out


# Arguments, exit code, what the error says.
ERRORS: list[tuple[list[str], int, str]] = [
    (["search"], 1, "needs a budget"),
    (["search", "--budget-params", "1X"], 2, "is no number"),
    (["search", "--budget-params", "-5"], 2, ""),
    (["search", "--max-layers", "0"], 2, ""),
    (["search", "--budget-params", "100"], 3, "the smallest found has"),
    (["search", "--budget-params", "1M", "--search-space", "nowhere"], 1, "unknown search space 'nowhere'"),
    (["search", "--budget-params", "1M", "--search-space", "nowhere.py"], 1, "is no file"),
    (["search", "--budget-params", "1M", "--proxy", "zan"], 1, "did you mean"),
    (["search", "--budget-params", "1M", "--device", "cuda:7"], 1, "is not there"),
    (["search", "--budget-params", "1M", "--precision", "fp8"], 1, "expected fp32 or bf16"),
    (["search", "--budget-params", "1M", "--initial", "Foo(3)"], 1, "unknown block 'Foo'"),
    (["search", "--resume", "nowhere"], 1, "holds no run"),
    (["search", "--resume", "nowhere", "--seed", "3"], 2, "leave out --seed"),
    (["analyze", "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(9,8,1,8,1)"], 1, "takes 9 channels"),
    (["analyze", "nowhere"], 1, "is nothing to work on"),
    (["analyze", SMALL, "--resolution", "0"], 2, ""),
    (["score", SMALL, "--proxy", "nothing"], 1, "unknown proxy"),
    (["score", "MaxPool(3,2,2)MaxPool(3,2,2)", "--resolution", "2"], 1, "does not fit"),
    (["score", SMALL, "--gamma", "7"], 2, ""),
    (["train", SMALL, "--dataset", "nowhere"], 1, "is no data set"),
    (["train", SMALL, "--lr", "-1"], 2, ""),
    (["runs", "--frobnicate"], 2, ""),
    (["frobnicate"], 2, ""),
]


@pytest.mark.parametrize(("arguments", "code", "message"), ERRORS, ids=[" ".join(a)[:60] for a, _, _ in ERRORS])
def test_errors(run: Run, arguments: list[str], code: int, message: str) -> None:
    found, out, err = run(*arguments)
    assert found == code
    assert message in " ".join(err.split())
    assert "Traceback" not in err
    if code != 2:
        assert out == ""
        assert err.startswith("error: ")
        # One line; a parse error adds the place and the caret.
        assert len(err.strip().splitlines()) == (3 if "^" in err else 1)
    assert not list(Path.cwd().iterdir())


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (["--debug", "analyze", "nowhere"], ["analyze", "nowhere", "--debug"]):
        monkeypatch.setattr(sys, "argv", ["zennas", *place])
        with pytest.raises(ValueError, match="nothing to work on"):
            guarded(lambda argv: app(argv, prog_name="zennas"))


def test_an_interruption_says_how_to_go_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("zennas.search.runner._search", interrupted)
    code, _, err = run("search", *QUICK, "--save-dir", "mine")
    assert code == 130
    assert "zennas search --resume mine" in err


def test_an_unexpected_error_is_one_line_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise KeyError("oh")

    monkeypatch.setattr("zennas.targets.resolve", broken)
    code, _, err = run("analyze", SMALL)
    assert code == 1
    assert err == "error: KeyError: 'oh' (run again with --debug to see where)\n"
