"""TEG-NAS's launchers: what their flags stand for, what they print, and what they refuse."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from SearchSpace.nasbench201 import all_cells
from tests.conftest import Program
from zennas.legacy import teg
from zennas.searching.result import read_result

TINY = ["--dataset", "noise", "--batch_size", "4", "--repeat", "1", "--crops", "10"]


def parsed(*flags: str, evolution: bool = False) -> Namespace:
    made = teg.parser(None, teg.EVOLUTION_STEPS if evolution else teg.REINFORCE_STEPS)
    (teg.add_evolution if evolution else teg.add_reinforce)(made)
    return made.parse_args(flags)


def table(folder: Path) -> Path:
    lines = [f"{cell},{i % 100}.5" for i, cell in enumerate(all_cells())]
    path = folder / "accuracies.csv"
    path.write_text("\n".join(["arch,noise_test", *lines]) + "\n")
    return path


def test_the_defaults_are_those_of_teg_nas() -> None:
    assert teg.reinforce(parsed()) == {
        "strategy": "reinforce",
        "strategy_options": {"reward": "difference", "learning_rate": 0.04},
        "iterations": 500,
    }
    assert teg.reinforce(parsed("--space", "darts"))["strategy_options"]["learning_rate"] == 0.07
    assert teg.evolution(parsed(evolution=True)) == {
        "strategy": "aging",
        "strategy_options": {"pool": 256, "tournament": 64},
        "iterations": 1256,
    }
    found = parsed()
    assert (found.batch_size, found.repeat, found.crops) == (64, 3, 1000)


def test_reinforce_prints_the_accuracy_of_what_it_found(tmp_path: Path, program: Program) -> None:
    flags = [*TINY, "--steps", "3", "--save_dir", str(tmp_path / "run"), "--table", str(table(tmp_path))]
    result = program("reinforce_launch.py", *flags)
    assert result.returncode == 0, result.stderr
    found = read_result(tmp_path / "run")
    assert found.settings.objective == "teg:noise,images=4,networks=1,crops=10"
    assert (found.settings.duplicates, found.settings.iterations) == ("charged", 3)
    assert "found: |" in result.stdout and "most probable of the policy: |" in result.stdout
    assert result.stdout.count("noise_test") == 2 and ".50 %" in result.stdout
    again = program("reinforce_launch.py", *flags)
    assert again.returncode == 0 and "found: |" in again.stdout


def test_evolution_prints_a_genotype(tmp_path: Path, program: Program) -> None:
    sizes = ["--pool", "3", "--tournament", "2", "--steps", "2", "--save_dir", str(tmp_path / "run")]
    result = program("evolution_launch.py", "--space", "darts", *TINY, *sizes)
    assert result.returncode == 0, result.stderr
    assert "found: Genotype(normal=[(" in result.stdout


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--gpu", "7"], "--gpu 7"),
        (["--space", "darts", "--table", "x.csv"], "--table is for nas-bench-201, but --space is darts"),
        (["--table", "no-such-table.csv"], "no-such-table.csv"),
        (["--space", "nas-bench-101"], "invalid choice"),
        (["--data_path", "no-such-folder"], "there is no data set"),
    ],
)
def test_wrong_use_is_told_in_a_line(tmp_path: Path, program: Program, flags: list[str], message: str) -> None:
    result = program("reinforce_launch.py", *TINY, "--steps", "2", "--save_dir", str(tmp_path / "run"), *flags)
    assert result.returncode in (1, 2)
    assert message in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()
