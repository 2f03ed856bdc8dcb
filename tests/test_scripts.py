"""Zen-NAS's command names and per-budget scripts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from PlainNet import parse
from tests.conftest import ROOT, Program
from zennas.budget.budgets import Budget, LatencyLimit
from zennas.common.config import read_config
from zennas.common.settings import from_values
from zennas.legacy.teacher import add_teacher
from zennas.legacy.train_flags import parser
from zennas.legacy.train_settings import settings as train_settings
from zennas.searching.preparing import completed
from zennas.searching.settings import SearchSettings
from zennas.training.job import RunOptions, TrainingJob
from zennas.training.recipe import Distillation, Recipe

PROXIES = ["Flops", "GradNorm", "NASWOT", "Params", "Random", "Syncflow", "TE_NAS", "Zen"]
NAMES = {
    *(f"{'TE' if p == 'TE_NAS' else p}_NAS_cifar_params1M" for p in PROXIES),
    "Zen_NAS_cifar_params2M",
    *(f"Zen_NAS_ImageNet_flops{f}M" for f in (400, 600, 800)),
    *(f"Zen_NAS_ImageNet_latency{ms}ms" for ms in (0.1, 0.2, 0.3, 0.5, 0.8, 1.2)),
}


SMALL = {"DATASET": "digits", "EPOCHS": "1", "POPULATION": "20"}
ECHO = """#!/bin/sh
echo "$@"
[ "$3" != export ] || exit ${EXPORT_CODE:-0}
while [ $# -gt 1 ]; do [ "$1" != --save-dir ] || mkdir -p "$2"; shift; done
"""
"""Called in place of Python, says what it is asked."""


def execute(command: list[str], cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    # Several threads would wait for each other on a busy machine.
    environment = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1", **variables}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def asked(tmp_path: Path, script: str, **variables: str) -> tuple[list[str], str]:
    """What a script asks of Python, and what it says; it ends well. HOME is empty but for what the caller put there."""
    echo = tmp_path / "python"
    echo.write_text(ECHO)
    echo.chmod(0o755)
    given = {"PYTHON": str(echo), "SAVE_DIR": str(tmp_path / "run"), "HOME": str(tmp_path), **variables}
    result = execute([f"scripts/{script}.sh"], **given)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines(), result.stderr


def without_analysis(tmp_path: Path) -> str:
    """A Python that leaves out the analysis, which takes seconds and is the same each time."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n[ "$1" = analyze_model.py ] || exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return str(python)


def recipe(name: str) -> SearchSettings:
    return from_values(SearchSettings, read_config(ROOT / "recipes" / f"{name}.toml", SearchSettings))


TRAININGS = {
    "train_cifar": "train_image_classification.py --dataset cifar10 --wd 5e-4",
    "train_imagenet": "train_image_classification.py --dataset imagenet --wd 4e-5",
    "distill_imagenet": "ts_train_image_classification.py --dataset imagenet --wd 4e-5 --teacher_pretrained "
    "--teacher_arch timm:tf_efficientnet_b3.ns_jft_in1k --teacher_feature_weight 1 --teacher_logit_weight 1 "
    "--ts_proj_no_bn --ts_proj_no_relu --teacher_input_image_size 320 --target_downsample_ratio 16",
}
ZEN_NAS = (
    "--dist_mode auto --batch_size_per_gpu 64 --optimizer sgd --nesterov --lr_per_256 0.1 --target_lr_per_256 0 "
    "--lr_mode cosine --warmup 5 --bn_momentum 0.01 --weight_init custom --label_smoothing --random_erase --mixup "
    "--auto_augment --epochs 10 --seed 0 --save_dir x"
)
"""The flags of Zen-NAS's scripts."""


@pytest.mark.parametrize("name", TRAININGS)
def test_recipes_of_trainings_are_zen_nas_s_flags(name: str) -> None:
    program, *flags = TRAININGS[name].split()
    made = parser(None)
    add_teacher(made)
    wanted = train_settings(made.parse_args([*flags, *ZEN_NAS.split()]), program.startswith("ts_"))
    values = read_config(ROOT / "recipes" / f"{name}.toml", TrainingJob, RunOptions)
    learning = {one.name: wanted[one.name] for one in fields(Recipe) if one.name in wanted}
    assert from_values(Recipe, values["recipe"]) == Recipe(**learning)
    assert values.get("workers") == wanted["workers"]
    taught = values.get("distillation")
    assert (None if taught is None else from_values(Distillation, taught)) == wanted["distillation"]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_script_has_a_recipe(name: str) -> None:
    settings = recipe(name)
    assert settings.budget.layers
    assert (settings.iterations, settings.strategy_options) == (480_000, {"population_size": 512})
    assert parse(settings.initial or "")
    assert completed(settings).proxy == settings.proxy


def test_all_of_zen_nas_s_scripts_are_there() -> None:
    found = {path.stem for path in (ROOT / "scripts").glob("*_NAS_*.sh")}
    assert found == NAMES
    assert all(os.access(ROOT / "scripts" / f"{name}.sh", os.X_OK) for name in NAMES)


@pytest.mark.parametrize(
    ("ms", "seconds", "layers"),
    [(0.1, 1e-4, 10), (0.2, 2e-4, 13), (0.3, 3e-4, 16), (0.5, 5e-4, 20), (0.8, 8e-4, 25), (1.2, 1.2e-3, 30)],
)
def test_the_latency_scripts_have_zen_nas_s_settings(tmp_path: Path, ms: float, seconds: float, layers: int) -> None:
    script = f"Zen_NAS_ImageNet_latency{ms}ms"
    (search, analysis), said = asked(tmp_path, script)
    assert f"-m zennas search --config recipes/{script}.toml --go-on " in search
    settings = recipe(script)
    assert settings.budget == Budget(
        layers=layers, latency=(LatencyLimit(seconds * 1000, "predictor:v100-pytorch-fp16"),)
    )
    assert (settings.resolution, settings.num_classes) == (224, 1000)
    assert "batch-size" not in search  # the profile's own is Zen-NAS's
    assert analysis.startswith("analyze_model.py")
    assert "but not trained, evaluated or exported, because ~/data/imagenet is missing: unpack" in said
    lines, _ = asked(tmp_path, script, DATASET=str(tmp_path), LATENCY_BACKEND="onnxruntime:int8", SEED="3")
    assert "--latency-backend onnxruntime:int8 --latency-batch-size 64" in lines[0]
    structure = tmp_path / "run/best_structure.txt"
    assert lines[2].startswith(
        f"-m zennas train {structure} --config recipes/distill_imagenet.toml --dataset {tmp_path} --resolution 224 "
    )
    assert lines[2].count("--seed 3 ") == 1


def test_imagenet_scripts_distil_by_zen_nas_s_recipe(tmp_path: Path) -> None:
    (tmp_path / "data/imagenet").mkdir(parents=True)
    lines, _ = asked(tmp_path, "Zen_NAS_ImageNet_flops400M", EPOCHS="480")
    folder = tmp_path / "run/ts_imagenet_480epochs"
    assert lines[2] == (
        f"-m zennas train {tmp_path}/run/best_structure.txt --config recipes/distill_imagenet.toml --dataset imagenet "
        f"--resolution 224 --epochs 480 --seed 0 --save-dir {folder} --resume auto --keep-best"
    )
    assert lines[3] == f"-m zennas eval {folder} --dataset imagenet"
    assert lines[4] == f"-m zennas export {folder} --format onnx --out {folder}/export/Zen_NAS_ImageNet_flops400M.onnx"
    assert (folder / "eval.txt").read_text() == f"{lines[3]}\n"


def test_cifar_scripts_train_by_zen_nas_s_recipe(tmp_path: Path) -> None:
    lines, _ = asked(tmp_path, "Zen_NAS_cifar_params2M", DATA=str(tmp_path))
    folder = tmp_path / "run/cifar10_10epochs"
    assert "--config recipes/train_cifar.toml --dataset cifar10 " in lines[2]
    assert f"--data {tmp_path} --resolution 32 --epochs 10 --seed 0 --save-dir {folder} " in lines[2]
    assert lines[3] == f"-m zennas eval {folder} --dataset cifar10 --data {tmp_path}"


@pytest.mark.parametrize("script", ["Zen_NAS_cifar_params1M", "Zen_NAS_ImageNet_flops800M"])
def test_teachers_and_resolutions_of_small_images(tmp_path: Path, script: str) -> None:
    lines, _ = asked(tmp_path, script, DATASET="digits")
    assert "--dataset digits --resolution 32 " in lines[2]
    assert "distill" not in lines[2]
    teacher = tmp_path / "teacher"
    teacher.mkdir()
    lines, _ = asked(tmp_path, script, DATASET="digits", TEACHER=str(teacher), RESOLUTION="16")
    assert "--dataset digits --resolution 16 " in lines[2]
    assert f"--teacher {teacher} --no-proj-bn --no-proj-relu " in lines[2]
    assert "--downsample-ratio" not in lines[2]  # nobody knows which stages it has
    lines, _ = asked(tmp_path, script, DATASET="digits", TEACHER=str(teacher), RATIO="4")
    assert "--downsample-ratio 4 " in lines[2]
    lines, _ = asked(tmp_path, script, DATASET=str(tmp_path), TEACHER="none")
    assert re.search(rf"--config recipes/train_\w+.toml --dataset {tmp_path} ", lines[2])
    assert "--teacher" not in lines[2]
    assert len(asked(tmp_path, script, DATASET="digits", EPOCHS="0")[0]) == 2


def test_an_export_that_cannot_be_is_told(tmp_path: Path) -> None:
    _, said = asked(tmp_path, "Zen_NAS_cifar_params1M", EXPORT_CODE="2")
    assert said.startswith("Zen_NAS_cifar_params1M: not exported because of the error above")
    with pytest.raises(AssertionError):
        asked(tmp_path, "Zen_NAS_cifar_params1M", EXPORT_CODE="1")


def test_a_search_under_latency_by_zen_nas_s_flags(tmp_path: Path, program: Program) -> None:
    from zennas.searching.result import read_result

    flags = ["--zero_shot_score", "Flops", "--max_layers", "9"]
    flags += ["--budget_latency", "1.2e-4", "--input_image_size", "64", "--evolution_max_iter", "200"]
    flags += ["--population_size", "10", "--save_dir", str(tmp_path / "run")]
    result = program("evolution_search.py", *flags)
    assert result.returncode == 0, result.stderr
    (latency,) = read_result(tmp_path / "run").latency
    assert (latency.limit.ms, latency.limit.label, latency.limit.batch_size) == (0.12, "v100-pytorch-fp16", 64)
    assert latency.within
    assert "predicted only: NVIDIA V100 is not here" in result.stdout


@pytest.mark.long
def test_a_script_does_it_all(tmp_path: Path) -> None:
    """Called in another folder, which its own are relative to."""
    folder, script = tmp_path / "run", [str(ROOT / "scripts/Params_NAS_cifar_params1M.sh")]
    given = {**SMALL, "ITERATIONS": "30", "RESOLUTION": "8", "SAVE_DIR": "run"}
    result = execute(script, tmp_path, **given)
    assert result.returncode == 0, result.stderr
    params = float(next(line for line in result.stdout.splitlines() if line.startswith("Params:")).split()[1])
    assert 0 < params <= 1e6
    trained = folder / "digits_1epochs"
    card = json.loads((trained / "train.json").read_text())
    assert card["structure"] == (folder / "best_structure.txt").read_text().strip()
    assert (card["resolution"], card["num_classes"]) == (8, 10)
    assert f"{card['top1']:.2f} %" in (trained / "eval.txt").read_text()
    assert (trained / "export/Params_NAS_cifar_params1M.onnx").is_file()
    again = execute(script, tmp_path, **given, PYTHON=without_analysis(tmp_path))
    assert again.returncode == 0, again.stderr
    assert [line for line in again.stdout.splitlines() if line.startswith("skip")] == [
        f"skip {folder}/best_structure.txt",
        f"skip {trained}/eval.txt",
        f"skip {trained}/export/Params_NAS_cifar_params1M.onnx",
    ]
    other = execute(script, tmp_path, **{**given, "ITERATIONS": "400", "EPOCHS": "0"})
    assert other.returncode == 1
    assert "was started with iterations 30, not 400" in other.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_script_finishes_on_a_laptop(tmp_path: Path, name: str) -> None:
    result = execute([f"scripts/{name}.sh"], **SMALL, ITERATIONS="100", RESOLUTION="16", SAVE_DIR=str(tmp_path / "run"))
    assert result.returncode == 0, result.stderr
    trained = tmp_path / "run/digits_1epochs"
    assert {"eval.txt", "weights.pt", "export"} <= {path.name for path in trained.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Zen_NAS_ImageNet_latency0.1ms", "Zen_NAS_ImageNet_flops400M"])
def test_a_script_distils_from_a_training(tmp_path: Path, name: str) -> None:
    import zennas
    from tests.conftest import SMALL as TEACHER

    zennas.train(TEACHER, dataset="digits", epochs=1, resolution=16, save_dir=tmp_path / "teacher", device="cpu")
    given = {**SMALL, "ITERATIONS": "100", "TEACHER": "teacher", "SAVE_DIR": "run"}
    result = execute([str(ROOT / f"scripts/{name}.sh")], cwd=tmp_path, **given)
    assert result.returncode == 0, result.stderr
    card = json.loads((tmp_path / "run/ts_digits_1epochs/train.json").read_text())
    assert card["distillation"]["teacher"] == str(tmp_path / "teacher")


@pytest.mark.parametrize(
    "name", ["TE", *(pytest.param(name, marks=pytest.mark.slow) for name in ("GradNorm", "NASWOT", "Syncflow"))]
)
def test_scripts_of_measures_run_networks(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "run"
    given = {"ITERATIONS": "3", "POPULATION": "2", "EPOCHS": "0", "SAVE_DIR": str(folder)}
    result = execute([f"scripts/{name}_NAS_cifar_params1M.sh"], **given, PYTHON=without_analysis(tmp_path))
    assert result.returncode == 0, result.stderr
    assert (folder / "best_structure.txt").is_file()


@pytest.mark.parametrize("script", ["Params_NAS_cifar_params1M", "demo"])
@pytest.mark.parametrize("variable", ["EPOCHS", "ITERATIONS"])
def test_numbers_are_checked_before_anything_is_made(tmp_path: Path, script: str, variable: str) -> None:
    folder = tmp_path / "run"
    result = execute([f"scripts/{script}.sh"], **{variable: "1.5", "SAVE_DIR": str(folder)})
    assert result.returncode == 2
    assert result.stderr.startswith(f"{variable} is '1.5', expected a whole number")
    assert len(result.stderr.splitlines()) == 1
    assert not folder.exists()


def test_evolution_search_resumes_what_was_cut_short(tmp_path: Path, program: Program) -> None:
    from zennas.searching.result import read_result

    command = ["evolution_search.py", "--zero_shot_score", "Params", "--budget_model_size", "1e5", "--max_layers", "9"]
    command += ["--evolution_max_iter", "3e2", "--population_size", "20", "--save_dir", str(tmp_path / "run")]
    assert program(*command).returncode == 0
    first = read_result(tmp_path / "run")
    (tmp_path / "run" / "best_structure.txt").unlink()
    assert program(*command).returncode == 0
    assert read_result(tmp_path / "run").best == first.best
    assert (tmp_path / "run" / "best_structure.txt").is_file()


def test_a_network_is_timed_with_zen_nas_s_flags(tmp_path: Path, program: Program) -> None:
    flags = ["--plainnet_struct", "ConvKX(3,8,3,1)RELU(8)", "--batch_size", "2", "--input_image_size", "16"]
    flags += ["--repeat_times", "3", "--save_dir", str(tmp_path / "run")]
    result = program("benchmark_network_latency.py", *flags)
    assert "second(s) per image, or " in result.stdout
    stored = json.loads((tmp_path / "run" / "latency.json").read_text())
    assert f"{stored['latency_ms'] / 1000:.4g} second" in result.stdout
    assert f"95 % interval: {stored['interval_batch_ms'][0] / 2000:.4g} to " in result.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["evolution_search.py"], "required: --save_dir"),
        (["analyze_model.py"], "nothing to analyze"),
        (["benchmark_network_latency.py"], "nothing to time"),
        (
            ["train_image_classification.py", "--dataset", "digits"],
            "no folder for the results is given: add --save_dir FOLDER",
        ),
        (["ts_train_image_classification.py"], "required: --dataset"),
        (["val.py"], "required: --arch"),
        (["val_cifar.py"], "required: --arch"),
    ],
)
def test_files_are_programs(arguments: list[str], says: str) -> None:
    """Each in a process of its own; other tests call its main function in theirs, as importing torch takes seconds."""
    result = execute([sys.executable, *arguments])
    assert (result.returncode in (1, 2), result.stdout) == (True, "")
    assert says in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evolution_search.py", "--save_dir", "X", "--budget_latency", "fast"], "'fast' is not a number"),
        (
            ["evolution_search.py", "--save_dir", "X", "--budget_latency", "1e-4", "--budget_latency", "1e-3"],
            "2 latency budgets and 0 latency back ends",
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
        (["evolution_search.py", "--save_dir", "X", "--max_layers", "5", "--gpu", "7"], "7 does not exist"),
        (["analyze_model.py", "--gpu", "0", "--batch_size", "64"], "nothing to analyze"),
        (["analyze_model.py", "--plainnet_struct", "ConvKX(3,8,4,1)"], "kernel_size of ConvKX is 4"),
        (["benchmark_network_latency.py", "--arch", "zennet_cifar10_model_size1M"], "did you mean"),
        (["benchmark_network_latency.py", "--plainnet_struct", "ConvKX(3,8,3,1)", "--fp16"], "use bf16 on the CPU"),
        (["benchmark_network_latency.py", "--plainnet_struct", "ConvKX(3,8,3,1)", "--batch_size", "0"], "--batch_size"),
    ],
)
def test_wrong_use_is_told_in_a_line(tmp_path: Path, program: Program, arguments: list[str], message: str) -> None:
    arguments = [str(tmp_path / "run") if a == "X" else a for a in arguments]
    result = program(*arguments)
    assert result.returncode in ((1,) if arguments[0] == "analyze_model.py" else (1, 2))
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()
