"""The command line as a user meets it: output, JSON, exit codes, errors in one line."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import SMALL
from tests.zennas.conftest import Run
from zennas.cli.app import app
from zennas.cli.errors import guarded

ROOT = Path(__file__).resolve().parents[3]
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

    code, out, _ = run("train", "mine", "--dataset", "digits", "--epochs", "1", "--batch-size", "256", "--json")
    assert code == 0
    assert json.loads(out)["run"] == "mine/train-digits"
    assert Path("mine/train-digits/weights.pt").is_file()

    code, out, err = run("search", "--resume", "mine", "--json")
    assert json.loads(out) == result
    assert err == "the run in mine is already finished; nothing to do\n"


def test_score_of_everything(run: Run) -> None:
    code, out, _ = run(
        "score", SMALL, "--proxy", "all", "--resolution", "16", "--batch-size", "2", "--repeats", "1", "--json"
    )
    assert code == 0
    found = json.loads(out)
    assert {"zen", "zen_expected", "flops", "params", "random", "ntk", "vkdnw_single"} <= set(found)
    assert "az_nas" not in found
    assert "the batch has 2 images, expected at least 4" in found["zico"]["error"]


def test_several_networks_are_ranked(run: Run) -> None:
    larger = SMALL.replace("(3,8,", "(3,16,").replace("(8,", "(16,")
    options = ["--proxy", "mean_rank(flops+params)", "--proxy", "flops", "--json"]
    code, out, _ = run("score", SMALL, larger, *options)
    assert code == 0
    rows = json.loads(out)
    assert [row["network"] for row in rows] == [SMALL, larger]
    assert [row["scores"]["mean_rank(flops+params)"]["value"] for row in rows] == [0.5, 1.0]
    assert list(rows[0]["scores"]) == ["mean_rank(flops+params)", "flops"]
    code, out, error = run("score", SMALL, "--proxy", "vote")
    assert code == 1
    assert "score several networks together" in error


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
    (["search"], 2, "needs a budget"),
    (["search", "--budget-params", "1X"], 2, "is not a number"),
    (["search", "--budget-params", "-5"], 2, ""),
    (["search", "--max-layers", "0"], 2, ""),
    (["search", "--budget-params", "100"], 3, "the smallest found has"),
    (["search", "--budget-params", "1M", "--search-space", "nowhere"], 2, "unknown search space 'nowhere'"),
    (["search", "--budget-params", "1M", "--search-space", "nowhere.py"], 2, "is not a file"),
    (["search", "--budget-params", "1M", "--proxy", "zan"], 2, "did you mean"),
    (["search", "--budget-params", "1M", "--proxy", "vote(snip)"], 2, "expected at least two"),
    (["search", "--budget-params", "1M", "--proxy", "vote(az_nas+snip)"], 2, "list its parts instead"),
    (["search", "--budget-params", "1M", "--proxy", "snip", "--proxy", "az_nas"], 2, "give it as the first --proxy"),
    (["search", "--budget-params", "1M", "--initialisation", "zeros"], 2, "expected one of own, kaiming_fan_in"),
    (["correlate", "--table", "x.csv", "--initialisation", "zeros"], 2, "expected one of own, kaiming_fan_in"),
    (["search", "--budget-params", "1M", "--gamma", "nan"], 2, "gamma is nan, expected a number above 0"),
    (["search", "--budget-params", "1M", "--device", "cuda:7"], 2, "does not exist"),
    (["search", "--budget-params", "1M", "--gpu", "7"], 2, "leave out --gpu, or use --device cpu"),
    (["search", "--budget-params", "1M", "--proxy", "zen", "--proxy", "zan"], 2, "did you mean"),
    (["search", "--budget-params", "1M", "--resolution", "4096"], 2, "from 1 to 2048"),
    (["search", "--budget-params", "1M", "--save-dir", ""], 2, "the name is empty"),
    (["search", "--max-layers", "1.5"], 2, "is not a whole number"),
    (["search", "--max-layers", "nan"], 2, "out of range"),
    (["search", "--budget-params", "1M", "--precision", "fp8"], 2, "expected fp32 or bf16"),
    (["search", "--budget-params", "1M", "--initial", "Foo(3)"], 1, "unknown block 'Foo'"),
    (["search", "--resume", "nowhere"], 1, "contains no run"),
    (["search", "--resume", "nowhere", "--seed", "3"], 2, "leave out --seed"),
    (["analyze", "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(9,8,1,8,1)"], 1, "takes 9 channels"),
    (["analyze", "nowhere"], 2, "is not a network: "),
    (["analyze", SMALL, "--resolution", "0"], 2, ""),
    (["score", SMALL, "--proxy", "nothing"], 2, "unknown proxy"),
    (["score", "MaxPool(3,2,2)MaxPool(3,2,2)", "--resolution", "2"], 1, "does not fit"),
    (["score", SMALL, "--gamma", "7"], 2, ""),
    (["train", SMALL, "--dataset", "nowhere"], 2, "there is no data set 'nowhere'"),
    (["train", SMALL, "--dataset", "digits", "--lr", "-1"], 2, "lr is -1.0, expected from 0 to 1000000.0"),
    (["train", SMALL, "--dataset", "digits", "--lr", "inf"], 2, "lr is inf, expected a number from 0 to 1000000.0"),
    (["train", SMALL, "--dataset", "digits", "--lr", "fast"], 2, "'fast' is not a number"),
    (["latency", "measure", SMALL, "--seconds", "nan"], 2, "nan is out of range, expected a number from 0.01 to 3600"),
    (["eval", "zennet_digits_params100k_res16", "--dataset", "nowhere"], 2, "there is no data set 'nowhere'"),
    (["train", SMALL], 2, "which data set? expected digits, cifar10"),
    (["distill", SMALL, "--teacher", "zennet_digits_params100k_res16"], 2, "which data set? expected digits, cifar10"),
    (["runs", "nowhere"], 1, "nowhere does not exist, expected a folder"),
    (["runs", "--frobnicate"], 2, ""),
    (["frobnicate"], 2, ""),
]


@pytest.mark.parametrize(("arguments", "code", "message"), ERRORS, ids=[" ".join(a)[:60] for a, _, _ in ERRORS])
def test_errors(run: Run, arguments: list[str], code: int, message: str) -> None:
    found, out, err = run(*arguments)
    assert found == code
    assert message in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err
    if "Usage:" not in err:
        assert out == ""
        assert err.startswith("error: ")
        # One line; a parse error adds the place and the caret.
        assert len(err.strip().splitlines()) == (3 if "^" in err else 1)
    assert not list(Path.cwd().iterdir())


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (["--debug", "analyze", "nowhere"], ["analyze", "nowhere", "--debug"]):
        monkeypatch.setattr(sys, "argv", ["zennas", *place])
        with pytest.raises(ValueError, match="not a network: "):
            guarded(lambda argv: app(argv, prog_name="zennas"))


def test_an_interruption_says_how_to_go_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("zennas.searching.runner._search", interrupted)
    code, _, err = run("search", *QUICK, "--save-dir", "mine")
    assert code == 130
    assert "zennas search --resume mine" in err


def test_an_unexpected_error_is_one_line_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise KeyError("oh")

    monkeypatch.setattr("zennas.named.networks.network", broken)
    code, _, err = run("analyze", SMALL)
    assert code == 1
    assert err == "error: KeyError: 'oh' (run again with --debug to see where)\n"


COMMANDS = ("search", "analyze", "score", "train", "distill", "eval", "export", "zoo", "runs", "doctor")


def test_help_fits_eighty_columns(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    for command in COMMANDS:
        assert "…" not in run(command, "--help")[1]
    text = " ".join(run("--help")[1].split())
    assert "130 interrupted" in text
    assert "[default: (a new one in" in run("search", "--help")[1]


def test_the_version(run: Run) -> None:
    import zennas

    assert run("--version") == (0, f"zennas {zennas.__version__}\n", "")


def test_further_proxies_are_reported_for_the_winner(run: Run) -> None:
    code, out, _ = run(
        "search", *QUICK, *["--proxy", "params", "--proxy", "zen_expected", "--proxy", "Flops", "--json"]
    )
    assert code == 0
    result = json.loads(out)
    assert list(result["scores"]) == ["params", "zen_expected", "flops"]
    assert result["scores"]["flops"]["value"] == result["cost"]["flops"]


def test_counts_as_people_write_them(run: Run) -> None:
    options = "--max-layers 1e1 --population-size 1e2 --top 2e0 --resolution 1.6e1 --iterations 1e2 --proxy params"
    code, out, _ = run("search", "--budget-params", "60k", *options.split(), "--no-use-se", "--json")
    assert code == 0
    assert json.loads(out)["counts"]["tried"] == 100


def test_a_chatty_search_space_leaves_one_document(run: Run) -> None:
    source = "print('loaded')\ndef gen_search_space(blocks, i):\n    print('asked')\n    return [[str(blocks[i])]]\n"
    Path("mine.py").write_text(source)
    options = "--budget-params 10M --iterations 5 --proxy params --search-space mine.py --json"
    code, out, err = run("search", *options.split())
    assert code == 0
    assert json.loads(out)["status"] == "finished"
    assert err.startswith("loaded\nasked\n")


def test_runs_that_were_cut_short_and_damaged_ones_are_listed(run: Run) -> None:
    from zennas.runs.store import Store

    options = ("--budget-params", "60k", "--iterations", "20", "--proxy", "params")
    assert run("search", *options, "--save-dir", "all/good")[0] == 0
    assert run("search", *options, "--save-dir", "all/cut")[0] == 0
    Path("all/bad").mkdir()
    Path("all/bad/run.sqlite").write_text("no database")
    with Store.open(Path("all/cut")) as store:
        store.put({"status": "searching"})
        during = json.loads(run("runs", "all", "--json")[1])
    code, out, _ = run("runs", "all", "--json")
    assert code == 0
    assert {row["run"]: row["status"] for row in during}["all/cut"] == "searching"
    rows = {row["run"]: row for row in json.loads(out)}
    statuses = {name: row["status"] for name, row in rows.items()}
    assert statuses == {"all/good": "finished", "all/cut": "interrupted", "all/bad": "damaged"}
    assert "is damaged, or not a run" in rows["all/bad"]["error"]
    table = run("runs", "all")[1]
    assert "interrupted" in table
    assert "damaged" in table
    code, _, err = run("runs", "all/bad/run.sqlite")
    assert (code, "is a file" in err) == (1, True)


def test_sigterm_is_like_an_interruption(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "zennas", "search", "--budget-params", "1M", "--max-layers", "18"]
    command += ["--iterations", "1G", "--proxy", "zen_expected", "--save-dir", str(tmp_path / "run")]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "run" / "run.sqlite").exists() and process.poll() is None:
        time.sleep(0.02)
    process.terminate()
    _, err = process.communicate()
    assert process.returncode == 143
    assert err == f"error: ended by SIGTERM; continue with: zennas search --resume {tmp_path / 'run'}\n"


def test_fvcore_that_disagrees_is_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zennas.report.analysis.FvcoreCount.agrees", lambda self, cost: False)
    code, out, _ = run("analyze", SMALL, "--json")
    assert (code, json.loads(out)["fvcore"]["agrees"]) == (1, False)


def test_memory_that_runs_out_names_the_way_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("zennas.report.analysis.fvcore_count", full)
    code, _, err = run("analyze", SMALL)
    assert code == 1
    assert "--no-check" in err
    assert run("analyze", SMALL, "--no-check")[0] == 0


def test_score_names_the_device_that_was_used(run: Run) -> None:
    import torch

    used = "cuda" if torch.cuda.is_available() else "cpu"
    options = ("--resolution", "8", "--repeats", "1", "--batch-size", "2")
    out = run("score", SMALL, *options)[1].replace("\n", " ")
    assert f"fp32 on {used};" in out
    assert "1 repetition," in out
    assert " on " not in run("score", SMALL, "--proxy", "flops", *options)[1].splitlines()[-1]


def test_training_sees_to_its_folder_first(run: Run) -> None:
    Path("file").write_text("")
    code, _, err = run("train", SMALL, "--dataset", "digits", "--save-dir", "file/below")
    assert (code, err) == (1, "error: cannot create the folder file/below: Not a directory\n")
    code, _, err = run("train", SMALL, "--dataset", "nowhere", "--save-dir", "deep/down")
    assert code == 2
    assert [path.name for path in Path.cwd().iterdir()] == ["file"]
