"""Zen-NAS's flags for training, for argparse. `train_settings.py` translates them.

Zen-NAS ignores unknown flags; here they are errors, as are flags that would change the result but are not supported.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from zennas.common.errors import WrongSettingError
from zennas.legacy.arguments import add_network, count, folder, size
from zennas.legacy.derived import add_flags
from zennas.training.job import RunOptions, TrainingJob
from zennas.training.recipe import Recipe

ERASE, MIXUP, SMOOTHING = 0.5, 0.2, 0.1
"""Values that Zen-NAS's flags --random_erase, --mixup and --label_smoothing stand for."""
SCHEDULES = {"cosine": "cosine", "linear": "linear", "stagedecay": "step"}
INITS = {"custom": "custom", "MSRAPrelu": "msra", "xavier": "xavier", "None": "torch"}
CROP = 0.875

_BY_TORCHRUN = "torchrun sets the number of processes"
_NO_FOLDS = "put the folds into folders with train/ and val/, and name one of them with --dataset"
_REFUSED: dict[str, tuple[tuple[Any, ...], str]] = {
    "independent_training": ((False,), "start one training per GPU, each with its own --gpu and --save_dir"),
    "world-size": ((1,), _BY_TORCHRUN),
    "rank": ((-1, 0), _BY_TORCHRUN),
    "epoch_offset": ((0.0,), "set --lr and --warmup instead"),
    "start_epoch": ((0,), "an interrupted training resumes by itself, or from a checkpoint with --resume FILE"),
    "adadelta_rho": ((0.9,), "leave it out"),
    "adadelta_eps": ((1e-9,), "leave it out"),
    "input_image_crop": ((CROP,), f"test images are always cropped to {CROP} of their short side"),
    "num_cv_folds": ((None,), _NO_FOLDS),
    "cv_id": ((None,), _NO_FOLDS),
    "dataloader_testing": ((False,), "for a quick trial, use --dataset digits"),
    "no_reslink": ((False,), "networks are always trained with their residual links"),
    "no_BN": ((False,), "networks are always trained with batch-norm"),
}
"""Unsupported flags: their values without effect, which are accepted, and what to do instead."""


def parser(description: str | None) -> ArgumentParser:
    """Return a parser with all flags except the teacher's."""
    made = ArgumentParser(
        description=description,
        allow_abbrev=False,
        usage="%(prog)s --dataset NAME --save_dir FOLDER --plainnet_struct_txt FILE [flags; --help lists them]",
    )
    _add_learning(made)
    _add_images(made)
    _add_machine(made)
    add_network(made)
    made.add_argument("--pretrained", action="store_true", help="start from the weights of the published network")
    made.add_argument(
        "--load_parameters_from", type=Path, metavar="FILE", help="start from these weights; all must fit"
    )
    made.add_argument("--evaluate_only", action="store_true", help="only evaluate the weights, without training")
    _add_taken(made)
    _add_refused(made)
    return made


def refuse(options: Namespace) -> None:
    """Raises WrongSettingError if an unsupported flag is set or two flags contradict each other."""
    for flag, (harmless, way_out) in _REFUSED.items():
        value = getattr(options, flag.replace("-", "_"))
        if value not in harmless:
            said = f"--{flag}" if value is True else f"--{flag} {value}"
            raise WrongSettingError(f"{said} is not supported: {way_out}")
    if options.no_data_augment and (options.auto_augment or options.random_erase):
        other = "auto_augment" if options.auto_augment else "random_erase"
        raise WrongSettingError(f"--no_data_augment and --{other} contradict each other: leave one of them out")


LEARNING = {
    "--epochs": "epochs",
    "--optimizer": "optimizer",
    "--lr_stage_decay": "decay",
    "--warmup": "warmup",
    "--momentum": "momentum",
    "--nesterov": "nesterov",
    "--weight_decay --wd": "weight_decay",
    "--grad_clip": "clip_value",
    "--bn_momentum": "bn_momentum",
    "--bn_eps": "bn_eps",
    "--seed": "seed",
    "--auto_augment": "auto_augment",
    "--sync_bn": "sync_bn",
}
"""Flags that set a field of `Recipe`."""
RUNNING = {"--workers_per_gpu": "workers", "--skip_corrupt --skip-corrupt": "skip_corrupt"}
"""Flags that set a field of `RunOptions`."""
_THEIRS = {"epochs": 90, "warmup": 0.0, "nesterov": False, "weight_decay": 4e-5, "lr": 0.1, "workers": 6}
"""Zen-NAS's defaults that differ from ours."""


def _add_learning(made: ArgumentParser) -> None:
    add = made.add_argument_group("learning").add_argument
    add_flags(add, Recipe, LEARNING, _THEIRS)
    add("--batch_size_per_gpu", type=count(), help="images per step of one process; default: 64")
    add("--batch_size", type=count(), help="images per step over all processes")
    add("--batches_per_allreduce", type=count(), default=1, help="number of batches whose gradients make one step")
    add("--lr", type=float, help="peak learning rate; default: by --lr_per_256")
    add("--target_lr", type=float, help="learning rate at the end; default: by --target_lr_per_256")
    add_flags(add, Recipe, {"--lr_per_256": "lr", "--target_lr_per_256": "final_lr"}, _THEIRS)
    add("--lr_mode", choices=tuple(SCHEDULES), default="cosine", help="schedule of the learning rate; default: cosine")
    add("--lr_stage_list", help="epochs after which stagedecay lowers the learning rate, such as 30,60")
    add("--weight_init", choices=tuple(INITS), default="None", help="initial weights; default: None, PyTorch's own")
    add("--label_smoothing", action="store_true", help=f"smooth the labels by {SMOOTHING}")


def _add_images(made: ArgumentParser) -> None:
    add = made.add_argument_group("images").add_argument
    add("--dataset", required=True, help="cifar10, cifar100, imagenet, digits, a folder with train/ and val/, an .npz")
    add_flags(add, TrainingJob, {"--data_dir --data": "data_folder"})
    add("--num_classes", type=count(), help="number of classes, which must be that of the data set")
    add("--input_image_size", type=size, help="size of the input image in pixels, such as 96x160; default: 224")
    add("--mixup", action="store_true", help=f"use mixup with alpha {MIXUP}")
    add("--random_erase", action="store_true", help=f"erase a random rectangle with probability {ERASE}")
    add("--no_data_augment", action="store_true", help="do not shift, crop or mirror training images")


def _add_machine(made: ArgumentParser) -> None:
    add = made.add_argument_group("machine and files").add_argument
    add("--save_dir", "--save-dir", type=folder, help="folder for the results; a finished training in it is skipped")
    add("--resume", metavar="FILE", help="resume from this checkpoint; default: the folder's, if there is one")
    add(
        "--dist_mode",
        choices=("cpu", "single", "auto", "horovod", "mpi"),
        help="cpu (default), single (one GPU per process) or auto (CUDA if available)",
    )
    add("--gpu", type=count(0), help="number of the CUDA device")
    add("--apex", action="store_true", help="train in mixed precision (FP16) on CUDA")
    add(
        "--apex_opt_level",
        choices=("O0", "O1", "O2", "O3"),
        default="O1",
        help="O0 turns --apex off; the others have the same effect",
    )
    add("--fp16", action="store_true", help="synonym of --apex")
    add_flags(add, RunOptions, RUNNING, _THEIRS)


def _add_taken(made: ArgumentParser) -> None:
    add = made.add_argument_group("accepted for compatibility with Zen-NAS; no effect").add_argument
    for flag in ("auto_resume", "strict_load", "auto_batch_size", "fp16_allreduce"):
        add(f"--{flag}", action="store_true")
    for flag in ("print_freq", "save_freq", "apex_loss_scale", "num_job_splits", "job_id"):
        add(f"--{flag}")


def _add_refused(made: ArgumentParser) -> None:
    add = made.add_argument_group("not supported; accepted only with the default value").add_argument
    for flag, ((harmless, *_), way_out) in _REFUSED.items():
        if harmless is False:
            add(f"--{flag}", action="store_true", help=way_out)
        else:
            add(f"--{flag}", type=float if isinstance(harmless, float) else int, default=harmless, help=way_out)
