"""`zennas train` and `zennas distill`: train a network, from its labels alone or from a teacher as well."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from zennas.cli import options as opt

if TYPE_CHECKING:
    from zennas.training.recipe import Distillation

_LEARNING, _IMAGES, _TEACHER, _MACHINE = "Learning", "Images", "Teacher", "Machine and files"


def _option(help: str, panel: str, *flags: str, **settings: Any) -> Any:
    return typer.Option(*flags, help=help, rich_help_panel=panel, **settings)


def _count(help: str, panel: str, least: int = 1, default: str | bool = True) -> Any:
    parser = opt.count(least)
    return typer.Option(help=help, parser=parser, metavar="NUMBER", show_default=default, rich_help_panel=panel)


def train(
    context: typer.Context,
    network: opt.Target,
    dataset: Annotated[
        str,
        _option(
            "digits (bundled), cifar10, cifar100, imagenet, a folder with train/ and val/, or an .npz of JPEG files.",
            _IMAGES,
        ),
    ] = "digits",
    data: Annotated[
        Optional[Path],
        _option("Where CIFAR or ImageNet is.", _IMAGES, parser=opt.folder, metavar="FOLDER", show_default="in ~/data"),
    ] = None,
    epochs: Annotated[int, _count("Passes over the training images.", _LEARNING)] = 10,
    batch_size: Annotated[int, _count("Images in a step, over all processes.", _LEARNING, least=2)] = 64,
    optimizer: Annotated[str, _option("sgd, adamw, adam, rmsprop or adadelta.", _LEARNING)] = "sgd",
    lr: Annotated[
        float, _option("Peak learning rate for 256 images; scaled with the batch size.", _LEARNING, min=0)
    ] = 0.2,
    final_lr: Annotated[float, _option("The same at the end.", _LEARNING, min=0)] = 0.0,
    schedule: Annotated[str, _option("cosine, linear or step.", _LEARNING)] = "cosine",
    milestones: Annotated[
        Optional[str], _option("Of step: epochs after which the rate falls, such as 30,60.", _LEARNING)
    ] = None,
    decay: Annotated[float, _option("Of step: what the rate is multiplied by.", _LEARNING, min=0, max=1)] = 0.1,
    warmup: Annotated[float, _option("Epochs of rising learning rate.", _LEARNING, min=0)] = 1.0,
    momentum: Annotated[float, _option("Of sgd and rmsprop.", _LEARNING, min=0, max=1)] = 0.9,
    nesterov: Annotated[
        bool, _option("Without Nesterov's momentum.", _LEARNING, " /--no-nesterov", show_default=False)
    ] = True,
    weight_decay: Annotated[float, _option("L2 penalty; decoupled in adamw.", _LEARNING, min=0)] = 5e-4,
    decay_norms: Annotated[
        bool, _option("Without decay of norms and biases.", _LEARNING, " /--no-decay-norms", show_default=False)
    ] = True,
    label_smoothing: Annotated[
        float, _option("Share of the target spread over all classes.", _LEARNING, min=0, max=1)
    ] = 0.0,
    init: Annotated[str, _option("Initial weights: torch, custom (Zen-NAS's), msra or xavier.", _LEARNING)] = "torch",
    bn_momentum: Annotated[
        Optional[float], _option("Of batch-norm's statistics.", _LEARNING, min=0, max=1, show_default="0.1")
    ] = None,
    bn_eps: Annotated[
        Optional[float], _option("Of batch-norm.", _LEARNING, min=0, max=1, show_default="Zen-NAS's")
    ] = None,
    ema: Annotated[
        float, _option("Decay of the moving average of the weights, 0 for none.", _LEARNING, min=0, max=1)
    ] = 0.0,
    clip_norm: Annotated[
        Optional[float], _option("Largest norm of the gradient.", _LEARNING, min=0, show_default="no limit")
    ] = None,
    clip_value: Annotated[
        Optional[float], _option("Largest value in the gradient.", _LEARNING, min=0, show_default="no limit")
    ] = None,
    weights: Annotated[
        Optional[Path], _option("Begin with the weights in this file.", _LEARNING, exists=True, dir_okay=False)
    ] = None,
    augment: Annotated[
        bool,
        _option("Shift or crop, and mirror where that keeps the class.", _IMAGES),
    ] = True,
    auto_augment: Annotated[bool, _option("AutoAugment.", _IMAGES, "--auto-augment")] = False,
    erase: Annotated[float, _option("Probability of erasing a rectangle.", _IMAGES, min=0, max=1)] = 0.0,
    mixup: Annotated[float, _option("Parameter of mixup, 0 for none.", _IMAGES, min=0)] = 0.0,
    cutmix: Annotated[float, _option("Parameter of cutmix, 0 for none.", _IMAGES, min=0)] = 0.0,
    skip_corrupt: Annotated[
        bool, _option("Go on without images that cannot be read.", _IMAGES, "--skip-corrupt")
    ] = False,
    resolution: opt.Resolution = None,
    use_se: opt.UseSe = None,
    teacher: Annotated[
        Optional[str],
        _option("timm:NAME, torchvision:NAME, a training's folder, or a model of the zoo.", _TEACHER, metavar="MODEL"),
    ] = None,
    teacher_weights: Annotated[
        Optional[Path], _option("A file with the teacher's weights.", _TEACHER, exists=True, dir_okay=False)
    ] = None,
    teacher_size: Annotated[
        Optional[int], _count("Side of the images it is shown.", _TEACHER, default="its own")
    ] = None,
    logit_weight: Annotated[float, _option("Weight of the loss between logits.", _TEACHER, min=0)] = 1.0,
    feature_weight: Annotated[float, _option("Weight of the loss between features.", _TEACHER, min=0)] = 1.0,
    temperature: Annotated[float, _option("Of the logits.", _TEACHER, min=1e-3)] = 1.0,
    downsample_ratio: Annotated[
        Optional[int],
        _count("First stage whose features are compared, by its down-sampling.", _TEACHER, default="logits only"),
    ] = None,
    proj_bn: Annotated[
        bool,
        _option("Without batch-norm in the projections of features.", _TEACHER, " /--no-proj-bn", show_default=False),
    ] = True,
    proj_relu: Annotated[
        bool, _option("Without ReLU in them.", _TEACHER, " /--no-proj-relu", show_default=False)
    ] = True,
    feature_clip: Annotated[
        Optional[float], _option("Clip the teacher's features to ± this.", _TEACHER, show_default="no limit")
    ] = None,
    accumulate: Annotated[int, _count("Parts that a batch is run in, to save memory.", _MACHINE)] = 1,
    precision: Annotated[str, _option("Of automatic mixed precision: fp32, bf16 or fp16.", _MACHINE)] = "fp32",
    compile: Annotated[bool, _option("Use torch.compile.", _MACHINE, "--compile")] = False,
    sync_bn: Annotated[bool, _option("Batch-norm over all processes of torchrun.", _MACHINE, "--sync-bn")] = False,
    seed: opt.Seed = 0,
    device: opt.Device = "auto",
    gpu: opt.Gpu = None,
    workers: Annotated[int, _count("Processes that load images.", _MACHINE, least=0)] = 0,
    save_dir: Annotated[
        Optional[Path],
        _option(
            "Folder for the weights.",
            _MACHINE,
            parser=opt.folder,
            metavar="FOLDER",
            show_default="in the run's folder, or a new one in runs/",
        ),
    ] = None,
    resume: Annotated[
        str, _option("never; auto, from the folder's checkpoint if there is one; or a checkpoint's file.", _MACHINE)
    ] = "never",
    checkpoint_minutes: Annotated[
        float, _option("Between checkpoints within an epoch; there is one after each too.", _MACHINE, min=0)
    ] = 10.0,
    keep_best: Annotated[
        bool,
        _option(
            "Also keep best.pt, of the epoch with the best test accuracy, which flatters it.", _MACHINE, "--keep-best"
        ),
    ] = False,
    tensorboard: Annotated[bool, _option("Write events for TensorBoard.", _MACHINE, "--tensorboard")] = False,
    as_json: opt.Json = False,
) -> None:
    """Train a network, and measure its accuracy on images that it has not seen.

    Example: zennas train runs/mine --dataset digits --epochs 10
    """
    from zennas.api import train as run_training
    from zennas.api import training_folder
    from zennas.cli.progress import training_progress
    from zennas.cli.render import print_json, print_training
    from zennas.training.distributed import ranks

    distillation = _distillation(
        context,
        teacher,
        checkpoint=None if teacher_weights is None else str(teacher_weights),
        resolution=teacher_size,
        logit_weight=logit_weight,
        feature_weight=feature_weight,
        temperature=temperature,
        ratio=downsample_ratio,
        proj_bn=proj_bn,
        proj_relu=proj_relu,
        clip=feature_clip,
    )
    leads = ranks()[0] == 0
    folder = training_folder(network, dataset, save_dir)
    progress = training_progress(epochs, batch_size, folder, quiet=as_json) if leads else nullcontext(None)
    device_named = opt.chosen_device(gpu, device, "leave out --gpu, or use --device cpu")
    with progress as watcher, device_named as device_name:
        result = run_training(
            network,
            dataset=dataset,
            data_folder=data,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            lr=lr,
            final_lr=final_lr,
            schedule=schedule,
            milestones=_milestones(milestones),
            decay=decay,
            warmup=warmup,
            momentum=momentum,
            nesterov=nesterov,
            weight_decay=weight_decay,
            decay_norms=decay_norms,
            label_smoothing=label_smoothing,
            init=init,
            bn_momentum=bn_momentum,
            bn_eps=bn_eps,
            ema=ema,
            clip_norm=clip_norm,
            clip_value=clip_value,
            weights=weights,
            augment=augment,
            auto_augment=auto_augment,
            erase=erase,
            mixup=mixup,
            cutmix=cutmix,
            skip_corrupt=skip_corrupt,
            resolution=resolution,
            use_se=use_se,
            distillation=distillation,
            accumulate=accumulate,
            precision=precision,
            compile=compile,
            sync_bn=sync_bn,
            seed=seed,
            device=device_name,
            workers=workers,
            save_dir=folder,
            resume=resume,
            checkpoint_minutes=checkpoint_minutes,
            keep_best="best.pt" if keep_best else None,
            tensorboard=tensorboard,
            watcher=watcher,
        )
    if not leads:
        return
    if as_json:
        print_json(result.to_json())
    else:
        print_training(result)


def _distillation(context: typer.Context, teacher: str | None, **settings: Any) -> Distillation | None:
    from zennas.training.recipe import Distillation

    if teacher is not None:
        return Distillation(teacher, **settings)
    if context.info_name == "distill":
        raise typer.BadParameter(
            "which teacher? timm:NAME, torchvision:NAME, a folder or a name", param_hint="--teacher"
        )
    names = [name for name in _OF_TEACHERS if opt.given(context, name)]
    opt.refuse(context, names, "--teacher", "without a teacher it decides nothing")
    return None


_OF_TEACHERS = (
    "teacher_weights",
    "teacher_size",
    "logit_weight",
    "feature_weight",
    "temperature",
    "downsample_ratio",
    "proj_bn",
    "proj_relu",
    "feature_clip",
)


def _milestones(text: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise typer.BadParameter(f"{text!r}, expected epochs such as 30,60", param_hint="--milestones") from None
