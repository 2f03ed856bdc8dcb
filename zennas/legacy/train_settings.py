"""Translation of Zen-NAS's training flags (`train_flags.py`) to arguments of `zennas.api.train`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from PlainNet.device import device_of
from zennas.common.errors import WrongSettingError
from zennas.legacy.arguments import ARCH
from zennas.legacy.derived import taken
from zennas.legacy.teacher import distillation
from zennas.legacy.train_flags import ERASE, INITS, LEARNING, MIXUP, RUNNING, SCHEDULES, SMOOTHING

BEST, LATEST = "best-params_rank0.pth", "latest-params_rank0.pth"
BATCH, SIZE = 64, 224
"""Defaults: images per step of one process, as in Zen-NAS's scripts; size of the input image in pixels."""


def settings(options: Namespace, with_teacher: bool) -> dict[str, Any]:
    """Return the arguments of `zennas.api.train` that the flags stand for.

    Raises WrongSettingError if flags are invalid or contradict each other, TrainingError if torchrun's variables do.
    """
    batch_size = _batch_size(options)
    steps = options.batches_per_allreduce
    return {
        **taken(options, LEARNING),
        **taken(options, RUNNING),
        "dataset": options.dataset,
        "data_folder": options.data_dir,
        "distillation": distillation(options) if with_teacher else None,
        "batch_size": batch_size * steps,
        "accumulate": steps,
        "lr": _for_256(options.lr, options.lr_per_256, batch_size),
        "final_lr": _for_256(options.target_lr, options.target_lr_per_256, batch_size),
        "schedule": SCHEDULES[options.lr_mode],
        "milestones": _milestones(options),
        "decay_norms": False,
        "label_smoothing": SMOOTHING if options.label_smoothing else 0.0,
        "augment": not options.no_data_augment,
        "erase": ERASE if options.random_erase else 0.0,
        "mixup": MIXUP if options.mixup else 0.0,
        "init": INITS[options.weight_init],
        "precision": precision(options),
        "weights": weights(options),
        "resolution": options.input_image_size or SIZE,
        "use_se": options.use_se or None,
        "device": device(options),
        "save_dir": options.save_dir,
        "resume": _checkpoint(options.resume),
        "keep_best": BEST,
    }


def _batch_size(options: Namespace) -> int:
    from zennas.training.distributed import ranks

    processes = ranks()[1]
    if options.batch_size is None:
        return int((options.batch_size_per_gpu or BATCH) * processes)
    if options.batch_size_per_gpu is not None and options.batch_size != options.batch_size_per_gpu * processes:
        raise WrongSettingError(
            f"--batch_size {options.batch_size} is not --batch_size_per_gpu {options.batch_size_per_gpu} times "
            f"{processes}, the number of processes: leave one of them out"
        )
    return int(options.batch_size)


def _for_256(rate: float | None, rate_for_256: float, batch_size: int) -> float:
    """The learning rate per 256 images. rate: learning rate for `batch_size`, None for `rate_for_256`."""
    return rate_for_256 if rate is None else rate * 256 / batch_size


def _milestones(options: Namespace) -> tuple[int, ...]:
    if options.lr_mode != "stagedecay":
        return ()
    text = options.lr_stage_list
    try:
        return tuple(int(part) for part in text.split(","))
    except (AttributeError, ValueError):
        raise WrongSettingError(f"--lr_stage_list is {text!r}, expected epochs for stagedecay such as 30,60") from None


def _checkpoint(given: str | None) -> str:
    """The checkpoint to resume from. Without --resume, an interrupted training resumes; Zen-NAS would start again."""
    from zennas.named.card import CHECKPOINT_FILE

    if given is None:
        return "auto"
    beside = Path(given).with_name(CHECKPOINT_FILE)  # Zen-NAS's would have been `LATEST`
    return str(beside) if Path(given).name == LATEST and beside.is_file() else given


def device(options: Namespace) -> str:
    mode, gpu = options.dist_mode, options.gpu
    if mode in ("horovod", "mpi"):
        raise WrongSettingError(
            f"--dist_mode {mode} is not supported: start with torchrun --nproc_per_node=N and --dist_mode single"
        )
    if mode == "cpu" and gpu is not None:
        raise WrongSettingError(f"--gpu {gpu} contradicts --dist_mode cpu: use --dist_mode single, or leave out --gpu")
    if mode in (None, "cpu") and gpu is None:
        return "cpu"
    return "auto" if mode == "auto" and gpu is None else f"cuda:{gpu or 0}"


def precision(options: Namespace) -> str:
    if not (options.fp16 or (options.apex and options.apex_opt_level != "O0")):
        return "fp32"
    where = device(options)
    if where == "cpu" or (where == "auto" and device_of(where).type == "cpu"):
        flag = "--fp16" if options.fp16 else "--apex"
        raise WrongSettingError(f"{flag} needs CUDA: leave it out on the CPU, or use --dist_mode single")
    return "fp16"


def weights(options: Namespace) -> Path | None:
    """The file with initial weights, or None; that of a published network is downloaded if it is missing."""
    given: Path | None = options.load_parameters_from
    if given is not None or not options.pretrained:
        return given
    if options.arch == ARCH or options.plainnet_struct or options.plainnet_struct_txt:
        raise WrongSettingError("--pretrained needs a published network: name one with --arch, and give no structure")
    import ZenNet

    ZenNet.get_ZenNet(options.arch, pretrained=True)
    return Path(ZenNet.model_info(options.arch)["weights"]["file"])
