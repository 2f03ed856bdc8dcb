"""Zen-NAS's command names and per-budget scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROXIES = ["Flops", "GradNorm", "NASWOT", "Params", "Random", "Syncflow", "TE_NAS", "Zen"]
NAMES = {
    *(f"{'TE' if p == 'TE_NAS' else p}_NAS_cifar_params1M" for p in PROXIES),
    "Zen_NAS_cifar_params2M",
    *(f"Zen_NAS_ImageNet_flops{f}M" for f in (400, 600, 800)),
    *(f"Zen_NAS_ImageNet_latency{ms}ms" for ms in (0.1, 0.2, 0.3, 0.5, 0.8, 1.2)),
}


def execute(command: list[str], cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": sys.executable, **variables}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_all_of_zen_nas_s_scripts_are_there() -> None:
    found = {path.stem for path in (ROOT / "scripts").glob("*_NAS_*.sh")}
    assert found == NAMES
    assert all(os.access(ROOT / "scripts" / f"{name}.sh", os.X_OK) for name in NAMES)


@pytest.mark.parametrize(
    ("ms", "seconds", "layers"),
    [(0.1, 1e-4, 10), (0.2, 2e-4, 13), (0.3, 3e-4, 16), (0.5, 5e-4, 20), (0.8, 8e-4, 25), (1.2, 1.2e-3, 30)],
)
def test_the_latency_scripts_have_zen_nas_s_settings(tmp_path: Path, ms: float, seconds: float, layers: int) -> None:
    """They are called with a program for Python that says what it is asked."""
    echo = tmp_path / "python"
    echo.write_text('#!/bin/sh\necho "$@"\n')
    echo.chmod(0o755)
    script = [f"scripts/Zen_NAS_ImageNet_latency{ms}ms.sh"]
    result = execute(script, PYTHON=str(echo), SAVE_DIR=str(tmp_path / "run"))
    assert result.returncode == 0, result.stderr
    search, analysis = result.stdout.splitlines()
    flags = dict(zip(search.split()[1::2], search.split()[2::2], strict=True))
    assert float(flags["--budget_latency"]) == seconds
    assert flags["--latency_backend"] == "predictor:v100-pytorch-fp16"
    assert flags["--max_layers"] == str(layers)
    assert (flags["--input_image_size"], flags["--num_classes"]) == ("224", "1000")
    assert "--batch_size" not in flags  # the profile's own is Zen-NAS's
    assert analysis.startswith("analyze_model.py")
    assert "not trained; set DATASET" in result.stderr
    result = execute(
        script,
        PYTHON=str(echo),
        SAVE_DIR=str(tmp_path / "run"),
        DATASET=str(tmp_path),
        LATENCY_BACKEND="onnxruntime:int8",
    )
    assert "--latency_backend onnxruntime:int8" in result.stdout
    assert f"zennas train {tmp_path}/run --dataset {tmp_path}" in result.stdout


def test_a_search_under_latency_by_zen_nas_s_flags(tmp_path: Path) -> None:
    from zennas.search.result import read_result

    command = [sys.executable, "evolution_search.py", "--zero_shot_score", "Flops", "--max_layers", "9"]
    command += ["--budget_latency", "1.2e-4", "--input_image_size", "64", "--evolution_max_iter", "200"]
    command += ["--population_size", "10", "--save_dir", str(tmp_path / "run")]
    result = execute(command)
    assert result.returncode == 0, result.stderr
    (latency,) = read_result(tmp_path / "run").latency
    assert (latency.limit.ms, latency.limit.label, latency.limit.batch_size) == (0.12, "v100-pytorch-fp16", 64)
    assert latency.within
    assert "predicted only: NVIDIA V100 is not here" in result.stdout


@pytest.mark.slow
def test_a_latency_script_designs_and_analyses(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    script = ["scripts/Zen_NAS_ImageNet_latency0.1ms.sh"]
    result = execute(script, ITERATIONS="200", POPULATION="2", SAVE_DIR=str(folder))
    assert result.returncode == 0, result.stderr
    assert "Flops:" in result.stdout
    assert (folder / "best_structure.txt").is_file()


def test_a_script_designs_and_analyses(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    result = execute(
        ["scripts/Params_NAS_cifar_params1M.sh"], ITERATIONS="300", POPULATION="20", EPOCHS="0", SAVE_DIR=str(folder)
    )
    assert result.returncode == 0, result.stderr
    assert (folder / "best_structure.txt").is_file()
    params = float(next(line for line in result.stdout.splitlines() if line.startswith("Params:")).split()[1])
    assert 0 < params <= 1e6
    again = execute(
        ["scripts/Params_NAS_cifar_params1M.sh"], ITERATIONS="300", POPULATION="20", EPOCHS="0", SAVE_DIR=str(folder)
    )
    assert again.stdout.startswith(f"skip {folder}/best_structure.txt")
    other = execute(["scripts/Params_NAS_cifar_params1M.sh"], ITERATIONS="400", EPOCHS="0", SAVE_DIR=str(folder))
    assert other.returncode == 1
    assert "was begun with iterations 300, not 400" in other.stderr


@pytest.mark.parametrize(
    "name", ["TE", *(pytest.param(name, marks=pytest.mark.slow) for name in ("GradNorm", "NASWOT", "Syncflow"))]
)
def test_scripts_of_measures_run_networks(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "run"
    script = f"scripts/{name}_NAS_cifar_params1M.sh"
    result = execute([script], ITERATIONS="3", POPULATION="2", EPOCHS="0", SAVE_DIR=str(folder))
    assert result.returncode == 0, result.stderr
    assert (folder / "best_structure.txt").is_file()


def test_folders_are_relative_to_the_caller(tmp_path: Path) -> None:
    script = str(ROOT / "scripts" / "Params_NAS_cifar_params1M.sh")
    result = execute([script], cwd=tmp_path, ITERATIONS="100", POPULATION="10", EPOCHS="0", SAVE_DIR="mine")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "mine" / "best_structure.txt").is_file()


@pytest.mark.parametrize("script", ["Params_NAS_cifar_params1M", "demo"])
@pytest.mark.parametrize("variable", ["EPOCHS", "ITERATIONS"])
def test_numbers_are_checked_before_anything_is_made(tmp_path: Path, script: str, variable: str) -> None:
    folder = tmp_path / "run"
    result = execute([f"scripts/{script}.sh"], **{variable: "1.5", "SAVE_DIR": str(folder)})
    assert result.returncode == 2
    assert result.stderr.startswith(f"{variable} is '1.5', expected a whole number")
    assert len(result.stderr.splitlines()) == 1
    assert not folder.exists()


@pytest.mark.slow
def test_the_imagenet_script_stops_before_distillation(tmp_path: Path) -> None:
    result = execute(
        ["scripts/Zen_NAS_ImageNet_flops400M.sh"], ITERATIONS="60", POPULATION="10", SAVE_DIR=str(tmp_path / "run")
    )
    assert result.returncode == 1
    assert "Flops:" in result.stdout
    assert "training by distillation comes with a later version" in result.stderr


def test_evolution_search_resumes_what_was_cut_short(tmp_path: Path) -> None:
    from zennas.search.result import read_result

    command = [sys.executable, "evolution_search.py", "--zero_shot_score", "Params", "--budget_model_size", "1e5"]
    command += [
        "--max_layers",
        "9",
        "--evolution_max_iter",
        "3e2",
        "--population_size",
        "20",
        "--save_dir",
        str(tmp_path / "run"),
    ]
    assert execute(command).returncode == 0
    first = read_result(tmp_path / "run")
    (tmp_path / "run" / "best_structure.txt").unlink()
    assert execute(command).returncode == 0
    assert read_result(tmp_path / "run").best == first.best
    assert (tmp_path / "run" / "best_structure.txt").is_file()


def test_a_network_is_timed_with_zen_nas_s_flags(tmp_path: Path) -> None:
    flags = [
        "--batch_size",
        "2",
        "--input_image_size",
        "16",
        "--repeat_times",
        "3",
        "--save_dir",
        str(tmp_path / "run"),
    ]
    program = [sys.executable, "benchmark_network_latency.py", "--plainnet_struct", "ConvKX(3,8,3,1)RELU(8)", *flags]
    result = execute(program)
    assert "second(s) per image, or " in result.stdout
    stored = json.loads((tmp_path / "run" / "latency.json").read_text())
    assert f"{stored['latency_ms'] / 1000:.4g} second" in result.stdout
    assert f"95 % interval: {stored['interval_batch_ms'][0] / 2000:.4g} to " in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evolution_search.py", "--save_dir", "X", "--budget_latency", "fast"], "'fast' is no number"),
        (
            ["evolution_search.py", "--save_dir", "X", "--budget_latency", "1e-4", "--budget_latency", "1e-3"],
            "2 budgets of latency and 0 latency back ends",
        ),
        (
            ["evolution_search.py", "--save_dir", "X", "--budget_latency", "1", "--latency_backend", "toch"],
            "did you mean torch",
        ),
        (["evolution_search.py", "--save_dir", "X"], "needs a budget"),
        (
            ["evolution_search.py", "--save_dir", "X", "--budget_model_size", "1e6", "--zero_shot_score", "Nonsense"],
            "unknown proxy",
        ),
        (["evolution_search.py", "--save_dir", "X", "--max_layers", "5", "--gpu", "7"], "7 is not there"),
        (["analyze_model.py"], "nothing to analyze"),
        (["analyze_model.py", "--gpu", "0", "--batch_size", "64"], "nothing to analyze"),
        (["analyze_model.py", "--plainnet_struct", "ConvKX(3,8,4,1)"], "kernel_size of ConvKX is 4"),
        (["benchmark_network_latency.py"], "nothing to time"),
        (["benchmark_network_latency.py", "--arch", "zennet_cifar10_model_size1M"], "did you mean"),
        (["benchmark_network_latency.py", "--plainnet_struct", "ConvKX(3,8,3,1)", "--fp16"], "take bf16 on the cpu"),
        (["benchmark_network_latency.py", "--plainnet_struct", "ConvKX(3,8,3,1)", "--batch_size", "0"], "--batch_size"),
    ],
)
def test_wrong_use_is_told_in_a_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    arguments = [str(tmp_path / "run") if a == "X" else a for a in arguments]
    result = execute([sys.executable, *arguments])
    assert result.returncode in ((1,) if arguments[0] == "analyze_model.py" else (1, 2))
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()
