"""`zennas train`: a short training of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from zennas.cli import options as opt


def train(
    network: opt.Target,
    dataset: Annotated[
        str, typer.Option(help="digits (bundled, no download), cifar10, cifar100, or a folder with train/ and val/.")
    ] = "digits",
    data: Annotated[
        Optional[Path],
        typer.Option(
            help="Where CIFAR is.",
            parser=opt.folder,
            metavar="FOLDER",
            show_default="in ~/data",
        ),
    ] = None,
    epochs: Annotated[int, opt.number_option("Passes over the training images.")] = 10,
    batch_size: Annotated[int, opt.number_option("Images in a step.", least=2)] = 64,
    lr: Annotated[
        float, typer.Option(help="Peak learning rate for 256 images; scaled with the batch size.", min=0)
    ] = 0.2,
    weight_decay: Annotated[float, typer.Option(min=0)] = 5e-4,
    warmup: Annotated[float, typer.Option(help="Epochs of rising learning rate.", min=0)] = 1.0,
    label_smoothing: Annotated[float, typer.Option(min=0, max=1)] = 0.0,
    augment: Annotated[
        bool, typer.Option("--augment/--no-augment", help="Shift, and mirror where that keeps the class.")
    ] = True,
    resolution: opt.Resolution = None,
    use_se: opt.UseSe = None,
    seed: opt.Seed = 0,
    device: opt.Device = "auto",
    gpu: opt.Gpu = None,
    workers: Annotated[int, opt.number_option("Processes that load images from a folder.", least=0)] = 0,
    save_dir: Annotated[
        Optional[Path],
        typer.Option(
            help="Folder for the weights.",
            parser=opt.folder,
            metavar="FOLDER",
            show_default="in the run's folder, or a new one in runs/",
        ),
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Train a network with SGD and a cosine schedule, and measure its top-1 accuracy.

    Example: zennas train runs/mine --dataset digits --epochs 10
    """
    from zennas.api import train as run_training
    from zennas.cli.progress import training_progress
    from zennas.cli.render import print_json, print_training

    device_named = opt.chosen_device(gpu, device, "leave out --gpu, or use --device cpu")
    with training_progress(epochs, quiet=as_json) as watcher, device_named as device_name:
        result = run_training(
            network,
            dataset=dataset,
            data_folder=data,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            weight_decay=weight_decay,
            warmup=warmup,
            label_smoothing=label_smoothing,
            augment=augment,
            resolution=resolution,
            use_se=use_se,
            seed=seed,
            device=device_name,
            workers=workers,
            save_dir=save_dir,
            watcher=watcher,
        )
    if as_json:
        print_json(result.to_json())
    else:
        print_training(result)
