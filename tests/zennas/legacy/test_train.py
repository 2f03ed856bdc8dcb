"""Zen-NAS's programs for training: what their flags stand for, what they refuse, and what they write."""

from __future__ import annotations

import json
from argparse import Namespace
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from PlainNet import build, parse
from PlainNet.checkpoint import load_checkpoint
from tests.conftest import Program
from zennas.common.errors import WrongSettingError
from zennas.legacy.teacher import teacher_name
from zennas.legacy.train import run
from zennas.named.models import trained_model
from zennas.training.recipe import Distillation, Recipe, TrainingError

TINY = "SuperConvK3BNRELU(3,8,2,1)SuperResK3K3(8,16,2,8,1)SuperConvK1BNRELU(16,16,1,1)"
# As Zen-NAS's scripts have them, for CIFAR and for ImageNet.
OF_SCRIPTS = (
    "--dist_mode cpu --workers_per_gpu 0 --epochs 1440 --warmup 5 --optimizer sgd --bn_momentum 0.01 --nesterov "
    "--weight_init custom --label_smoothing --random_erase --mixup --auto_augment --lr_per_256 0.1 "
    "--target_lr_per_256 0.0 --lr_mode cosine --arch Masternet.py:MasterNet --batch_size_per_gpu 64"
)
OF_TEACHER = (
    "--teacher_arch geffnet_tf_efficientnet_b3_ns --teacher_pretrained --teacher_input_image_size 320 "
    "--teacher_feature_weight 1.0 --teacher_logit_weight 1.0 --ts_proj_no_relu --ts_proj_no_bn "
    "--target_downsample_ratio 16"
)
SILENT = Recipe(
    epochs=90,
    batch_size=64,
    lr=0.1,
    warmup=0,
    nesterov=False,
    weight_decay=4e-5,
    decay_norms=False,
    momentum=0.9,
    precision="fp32",
)
"""What Zen-NAS takes where nothing is said."""
THEIRS = Recipe(
    precision="fp32",
    epochs=1440,
    batch_size=64,
    lr=0.1,
    warmup=5.0,
    weight_decay=5e-4,
    decay_norms=False,
    label_smoothing=0.1,
    auto_augment=True,
    erase=0.5,
    mixup=0.2,
    init="custom",
    bn_momentum=0.01,
)


class Captured(Exception):  # noqa: N818  # no error: it carries what would be trained
    def __init__(self, job: Any, folder: Path, where: Any) -> None:
        self.job, self.folder, self.where = job, folder, where


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Call a program, and get what it would train, how and where."""

    def capture(job: Any, folder: Path, where: Any, watcher: Any) -> None:
        raise Captured(job, folder, where)

    monkeypatch.setattr("zennas.training.runner.train_structure", capture)

    def call(
        *flags: str, with_teacher: bool = False, network: tuple[str, ...] = ("--plainnet_struct", TINY)
    ) -> Captured:
        needed = () if "--dataset" in flags else ("--dataset", "digits")
        with pytest.raises(Captured) as found:
            run([*needed, "--save_dir", str(tmp_path / "run"), *network, *flags], None, with_teacher)
        return found.value

    return call


def test_the_flags_of_the_cifar_scripts(asked: Any, tmp_path: Path) -> None:
    found = asked(
        "--dataset", "cifar10", "--num_classes", "10", "--input_image_size", "32", "--wd", "5e-4", *OF_SCRIPTS.split()
    )
    assert found.job.recipe == THEIRS
    assert (str(found.job.structure), found.job.dataset, found.job.resolution) == (TINY, "cifar10", 32)
    assert found.job.distillation is None
    assert found.folder == tmp_path / "run"
    assert found.where.keep_best == "best-params_rank0.pth"
    assert (found.where.device, found.where.workers, found.where.resume) == ("cpu", 0, "auto")


def test_the_flags_of_the_imagenet_scripts(asked: Any) -> None:
    found = asked("--dataset", "imagenet", *OF_SCRIPTS.split(), *OF_TEACHER.split(), with_teacher=True)
    assert found.job.recipe == Recipe(**{**vars(THEIRS), "weight_decay": 4e-5})
    assert found.job.resolution == 224
    assert found.job.distillation == Distillation(
        "timm:tf_efficientnet_b3.ns_jft_in1k", resolution=320, ratio=16, proj_bn=False, proj_relu=False
    )


def test_what_zen_nas_takes_where_nothing_is_said(asked: Any) -> None:
    found = asked()
    assert found.job.recipe == SILENT
    assert (found.job.resolution, found.job.use_se, found.where.device) == (224, False, "cpu")
    assert asked(network=("--arch", "zennet_imagenet1k_flops400M_SE_res224")).job.use_se is True


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("--lr 0.1 --batch_size 64", {"lr": 0.4, "batch_size": 64}),
        ("--lr 0.2 --target_lr 0.01 --batch_size 512", {"lr": 0.1, "final_lr": 0.005}),
        ("--batch_size_per_gpu 32 --batches_per_allreduce 4", {"batch_size": 128, "accumulate": 4, "lr": 0.1}),
        ("--lr 0.1 --batch_size 64 --batches_per_allreduce 2", {"batch_size": 128, "lr": 0.4}),
        ("--lr_mode linear --target_lr_per_256 0.01", {"schedule": "linear", "final_lr": 0.01}),
        (
            "--lr_mode stagedecay --lr_stage_list 30,60 --lr_stage_decay 0.2",
            {"schedule": "step", "milestones": (30, 60), "decay": 0.2},
        ),
        ("--weight_init MSRAPrelu", {"init": "msra"}),
        ("--weight_init xavier --optimizer rmsprop --momentum 0.8", {"init": "xavier", "momentum": 0.8}),
        ("--weight_decay 1e-3 --grad_clip 5", {"weight_decay": 1e-3, "clip_value": 5.0, "clip_norm": None}),
        ("--bn_eps 1e-5 --sync_bn", {"bn_eps": 1e-5, "sync_bn": True}),
        ("--no_data_augment --mixup", {"augment": False, "mixup": 0.2, "auto_augment": False}),
        ("--apex --apex_opt_level O0 --apex_loss_scale 128", {"precision": "fp32"}),
        ("--auto_resume --strict_load --print_freq 1 --save_freq 1 --fp16_allreduce --seed 3", {"seed": 3}),
        ("--world-size 1 --rank 0 --epoch_offset 0 --start_epoch 0 --input_image_crop 0.875", {"epochs": 90}),
    ],
)
def test_flags_and_recipes(asked: Any, flags: str, expected: dict[str, Any]) -> None:
    recipe = vars(asked(*flags.split()).job.recipe)
    assert {name: recipe[name] for name in expected} == expected


def test_processes_of_torchrun_share_batches(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert asked("--lr", "0.1").job.recipe == replace(SILENT, batch_size=256)
    assert asked("--batch_size", "256", "--batch_size_per_gpu", "64").job.recipe.batch_size == 256


def test_devices(asked: Any) -> None:
    assert asked("--dist_mode", "single").where.device == "cuda:0"
    assert asked("--dist_mode", "single", "--gpu", "2").where.device == "cuda:2"
    assert asked("--gpu", "1").where.device == "cuda:1"
    assert asked("--dist_mode", "auto").where.device == "auto"
    assert asked("--dist_mode", "single", "--apex").job.recipe.precision == "fp16"


def test_files_to_begin_with(asked: Any, tmp_path: Path) -> None:
    found = asked("--load_parameters_from", "some.pth", "--data_dir", "here", "--skip_corrupt")
    assert found.job.weights == Path("some.pth")
    assert found.job.data_folder == Path("here")
    assert found.where.skip_corrupt
    latest = tmp_path / "begun" / "latest-params_rank0.pth"
    assert asked("--resume", str(latest)).where.resume == str(latest)
    latest.parent.mkdir()
    latest.with_name("checkpoint.pt").touch()
    assert asked("--resume", str(latest)).where.resume == str(latest.with_name("checkpoint.pt"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--num_classes 100", "--num_classes is 100, but digits has 10 classes"),
        ("--dist_mode horovod", "--dist_mode horovod is not supported: start with torchrun"),
        ("--dist_mode mpi", "start with torchrun"),
        ("--dist_mode cpu --gpu 0", "--gpu 0 contradicts --dist_mode cpu: use --dist_mode single"),
        ("--apex", "--apex needs CUDA"),
        ("--fp16 --dist_mode cpu", "--fp16 needs CUDA"),
        ("--world-size 8", "--world-size 8 is not supported: torchrun"),
        ("--no_BN", "--no_BN is not supported"),
        ("--no_reslink", "--no_reslink is not supported"),
        ("--num_cv_folds 5", "--num_cv_folds 5 is not supported: put the folds into folders"),
        ("--epoch_offset 10", "--epoch_offset 10.0 is not supported"),
        ("--start_epoch 3", "resumes by itself"),
        ("--input_image_crop 0.9", "test images are always cropped to 0.875"),
        ("--dataloader_testing", "for a quick trial, use --dataset digits"),
        ("--independent_training", "start one training per GPU"),
        ("--adadelta_eps 1e-6", "leave it out"),
        ("--no_data_augment --random_erase", "contradict each other"),
        ("--batch_size 64 --batch_size_per_gpu 32", "--batch_size 64 is not --batch_size_per_gpu 32 times 1"),
        ("--lr_mode stagedecay", "--lr_stage_list is None, expected epochs for stagedecay such as 30,60"),
        ("--lr_mode stagedecay --lr_stage_list 30;60", "expected epochs for stagedecay such as 30,60"),
        ("--pretrained", "--pretrained needs a published network"),
        ("--evaluate_only", "there are no weights to evaluate: give --load_parameters_from FILE"),
    ],
)
def test_what_cannot_be_followed_is_told(asked: Any, tmp_path: Path, flags: str, message: str) -> None:
    given = ["--dataset", "digits", "--save_dir", str(tmp_path / "run"), "--plainnet_struct", TINY, *flags.split()]
    with pytest.raises(WrongSettingError) as told:
        run(given, None, with_teacher=False)
    assert message in str(told.value)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("", "no teacher is given: set --teacher_arch"),
        ("--teacher_arch Masternet.py:MasterNet --teacher_pretrained", "no teacher is given: set --teacher_arch"),
        ("--teacher_arch resnet18", "would have random weights: add --teacher_pretrained"),
        ("--teacher_arch resnet18 --teacher_pretrained --teacher_logit_weight -1", "logit-weight is -1.0"),
    ],
)
def test_teachers_that_cannot_be(asked: Any, tmp_path: Path, flags: str, message: str) -> None:
    given = ["--dataset", "digits", "--save_dir", str(tmp_path / "run"), "--plainnet_struct", TINY, *flags.split()]
    with pytest.raises((WrongSettingError, TrainingError), match=message):
        run(given, None, with_teacher=True)


def test_flags_of_a_teacher(asked: Any, tmp_path: Path) -> None:
    flags = ["--teacher_arch", str(tmp_path), "--ts_clip", "2", "--teacher_logit_weight", "0.5"]
    assert asked(*flags, with_teacher=True).job.distillation == Distillation(str(tmp_path), logit_weight=0.5, clip=2.0)
    flags = ["--teacher_arch", "resnet18", "--teacher_load_parameters_from", "r.pth", "--teacher_feature_weight", "2"]
    assert asked(*flags, with_teacher=True).job.distillation == Distillation(
        "torchvision:resnet18", checkpoint="r.pth", feature_weight=2.0
    )


@pytest.mark.parametrize(
    ("arch", "name"),
    [
        ("resnet50", "torchvision:resnet50"),
        ("torchvision:resnet50", "torchvision:resnet50"),
        ("timm:resnet50.a1_in1k", "timm:resnet50.a1_in1k"),
        ("zennet_cifar10_model_size1M_res32", "zennet_cifar10_model_size1M_res32"),
        ("geffnet_tf_efficientnet_b3_ns", "timm:tf_efficientnet_b3.ns_jft_in1k"),
        ("geffnet_tf_efficientnet_b8_ap", "timm:tf_efficientnet_b8.ap_in1k"),
        ("geffnet_tf_efficientnet_l2_ns_475", "timm:tf_efficientnet_l2.ns_jft_in1k_475"),
        ("geffnet_tf_efficientnet_b3", "timm:tf_efficientnet_b3.aa_in1k"),
        ("geffnet_tf_efficientnet_b5", "timm:tf_efficientnet_b5.ra_in1k"),
        ("geffnet_efficientnet_b0", "timm:efficientnet_b0"),
        ("geffnet_mnasnet_a1", "timm:semnasnet_100"),
        ("geffnet_tf_mobilenetv3_large_100", "timm:tf_mobilenetv3_large_100"),
    ],
)
def test_names_of_teachers(arch: str, name: str) -> None:
    assert teacher_name(arch) == name


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Namespace:
    """One real training by the program: its flags, its folder, what it said."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    flags = ["--dataset", "digits", "--num_classes", "10", "--plainnet_struct", TINY, "--input_image_size", "8"]
    flags += ["--workers_per_gpu", "0", "--epochs", "3", "--lr_per_256", "0.2", "--save_dir", str(folder)]
    with redirect_stdout(StringIO()) as out:
        run(flags, None, with_teacher=False)
    return Namespace(flags=flags, folder=folder, stdout=out.getvalue())


def test_a_training_writes_zen_nas_s_files(trained: Namespace) -> None:
    done = json.loads((trained.folder / "train_image_classification.done").read_text())
    assert done["best_acc1"] >= done["top1_acc"] > 30
    assert f"top-1 {done['top1_acc']:.2f} %" in trained.stdout
    log = (trained.folder / "train_image_classification.log").read_text().splitlines()
    assert len(log) == 4
    assert "--input_image_size 8" in log[0]
    for name in ("best", "latest"):
        load_checkpoint(build(parse(TINY), num_classes=10), trained.folder / f"{name}-params_rank0.pth")
    latest = (trained.folder / "latest-params_rank0.pth").read_bytes()
    assert latest == (trained.folder / "weights.pt").read_bytes()
    assert trained_model(str(trained.folder)).facts["top1"] == done["top1_acc"]


def test_what_is_done_is_skipped(trained: Namespace, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.folder.iterdir()}
    run(trained.flags, None, with_teacher=False)
    assert capsys.readouterr().out == f"skip {trained.folder}/train_image_classification.done\n"
    assert {path: path.stat().st_mtime_ns for path in trained.folder.iterdir()} == before
    # Killed between the last epoch and the mark: the rest is done.
    for name in ("train_image_classification.done", "latest-params_rank0.pth"):
        (trained.folder / name).unlink()
    run(trained.flags, None, with_teacher=False)
    assert capsys.readouterr().out.splitlines() == trained.stdout.splitlines()
    assert {path.name for path in trained.folder.iterdir()} == {path.name for path in before}


def test_evaluating_only(trained: Namespace, capsys: pytest.CaptureFixture[str]) -> None:
    weights = str(trained.folder / "latest-params_rank0.pth")
    run([*trained.flags, "--evaluate_only", "--load_parameters_from", weights], None, with_teacher=False)
    done = json.loads((trained.folder / "train_image_classification.done").read_text())
    assert capsys.readouterr().out.startswith(f"Acc@1 {done['top1_acc']:.3f} Acc@5 {done['top5_acc']:.3f}, 360 images")


def test_a_student_learns_from_a_training(
    trained: Namespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--dataset", "digits", "--plainnet_struct", TINY.replace("16,16", "16,8"), "--input_image_size", "8"]
    flags += ["--workers_per_gpu", "0", "--epochs", "1", "--save_dir", str(tmp_path), "--teacher_arch"]
    flags += [str(trained.folder), "--target_downsample_ratio", "2", "--ts_proj_no_bn", "--ts_proj_no_relu"]
    run(flags, None, with_teacher=True)
    assert "after 1 epoch" in capsys.readouterr().out
    student = tmp_path / "student_best-params_rank0.pth"
    assert student.read_bytes() == (tmp_path / "best-params_rank0.pth").read_bytes()
    load_checkpoint(build(parse(TINY.replace("16,16", "16,8")), num_classes=10), student)
    assert json.loads((tmp_path / "train.json").read_text())["distillation"]["teacher"] == str(trained.folder)


@pytest.mark.parametrize(
    ("name", "flags", "message"),
    [
        ("train", "--plainnet_struct X(1) --save_dir RUN", "the following arguments are required: --dataset"),
        ("train", "--dataset digits --save_dir RUN", "nothing to train"),
        ("train", "--dataset digits --save_dir RUN --weight_init zero", "(choose from"),
        ("train", "--dataset digits --save_dir RUN --teacher_arch resnet18", "unrecognized arguments: --teacher_arch"),
        ("train", "--dataset nowhere --num_classes 3 --plainnet_struct NET --save_dir RUN", "there is no data set"),
        ("train", "--dataset digits --plainnet_struct NET --save_dir RUN --epochs 0", "argument --epochs"),
        ("train", "--dataset digits --plainnet_struct NET --save_dir RUN --lr -1", "lr is -4.0"),
        (
            "ts_train",
            "--dataset digits --plainnet_struct NET --save_dir RUN",
            "no teacher is given: set --teacher_arch",
        ),
    ],
)
def test_wrong_use_is_told_in_a_line(tmp_path: Path, program: Program, name: str, flags: str, message: str) -> None:
    words = {"RUN": str(tmp_path / "run"), "NET": TINY}
    result = program(f"{name}_image_classification.py", *(words.get(word, word) for word in flags.split()))
    assert result.returncode in (1, 2)
    assert message in result.stderr.splitlines()[-1]
    assert len(result.stderr.splitlines()) <= 2  # the way to call it before, from argparse
    assert not (tmp_path / "run").exists()


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("CUDA is here")
    flags = ["--dataset", "digits", "--plainnet_struct", TINY, "--input_image_size", "8", "--dist_mode", "single"]
    with pytest.raises(ValueError, match="use --dist_mode auto or cpu"):
        run([*flags, "--save_dir", str(tmp_path / "run")], None, with_teacher=False)
