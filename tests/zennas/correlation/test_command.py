"""`zennas correlate`: its output, its file of settings, its errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.zennas.conftest import Run
from zennas.correlation.result import read_result


def test_the_command(table: Path, run: Run) -> None:
    options = ["--proxy", "naswot", "--sample", "6", "--resolution", "8", "--batch-size", "4", "--workers", "1"]
    code, out, err = run("correlate", "--table", str(table), *options, "--save-dir", "mine", "--resamples", "20")
    assert (code, err) == (0, "")
    for words in ("flops", "params", "layers", "naswot", "Spearman", "nDCG", "seed 0", "batch of 4 from noise"):
        assert words in out
    code, out, _ = run("correlate", "--resume", "mine", "--workers", "2", "--json")
    assert code == 0
    assert json.loads(out)["status"] == "finished"
    code, out, _ = run("runs", "mine", "--json")
    assert [row["proxy"] for row in json.loads(out)["proxies"]].count("naswot") == 1
    assert "naswot" in run("runs", "mine")[1]
    assert "best Spearman" in run("runs", ".")[1]
    assert json.loads(run("runs", ".", "--json")[1])[0]["kind"] == "correlate"
    for command in (["analyze", "mine"], ["search", "--resume", "mine"]):
        code, out, err = run(*command)
        assert (code, out) == (1, "")
        assert err == "error: mine contains a run of zennas correlate, expected a run of zennas search\n"


def test_the_file_of_settings_repeats_a_run(table: Path, run: Run) -> None:
    options = ["--proxy", "naswot", "--proxy", "params", "--sample", "6", "--resolution", "8", "--batch-size", "4"]
    code, _, err = run("correlate", "--table", str(table), *options, "--resamples", "20", "--save-dir", "mine")
    assert (code, err) == (0, "")
    code, _, err = run("correlate", "--config", "mine/settings.toml", "--save-dir", "again")
    assert (code, err) == (0, "")
    assert Path("mine/settings.toml").read_text() == Path("again/settings.toml").read_text()
    mine, again = (read_result(Path(name)) for name in ("mine", "again"))
    assert mine.settings == again.settings
    assert mine.statistics_json() == again.statistics_json()
    code, out, _ = run("correlate", "--config", "mine/settings.toml", "--seed", "3", "--save-dir", "other", "--json")
    assert code == 0
    assert json.loads(out)["settings"]["seed"] == 3
    code, _, err = run("correlate", "--resume", "mine", "--config", "mine/settings.toml")
    assert code == 2
    assert "--config" in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--table", "none.csv"], 1, "none.csv cannot be read: No such file or directory"),
        (["--dataset", "cifar100"], 1, "it has (data set, split, epochs): cifar10 test 200"),
        (["--proxy", "snap"], 2, "unknown proxy 'snap' (did you mean"),
        (["--proxy", "snap(a+b)"], 2, "unknown rank aggregation 'snap'"),
        (["--sample", "9"], 2, "sample is 9, expected from 2 to 6"),
        (["--data", "nowhere", "--sample", "6"], 1, "there is no data "),
        (["--space", "nasbench999"], 2, "unknown search space 'nasbench999'"),
        (["--split", "train"], 2, "split is 'train', expected val or test"),
        (["--initialisation", "ones"], 2, "initialisation is 'ones', expected one of own, kaiming_fan_in"),
        (["--device", "abacus", "--sample", "6"], 2, "unknown device 'abacus'"),
    ],
)
def test_errors_in_one_line(table: Path, run: Run, arguments: list[str], code: int, message: str) -> None:
    found, out, err = run("correlate", "--table", str(table), *arguments, "--save-dir", "mine")
    assert (found, out) == (code, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not Path("mine").exists()


def test_usage(table: Path, run: Run) -> None:
    code, _, err = run("correlate")
    assert code == 2
    assert "--table" in err
    code, _, err = run("correlate", "--resume", "mine", "--sample", "6")
    assert code == 2
    assert "--sample" in err
