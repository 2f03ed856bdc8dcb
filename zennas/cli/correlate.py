"""`zennas correlate`: how well proxies rank networks whose accuracies are known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from zennas.cli import options as opt
from zennas.common.limits import MAX_RESOLUTION


def correlate(
    context: typer.Context,
    table: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FILE",
            help="Accuracies: a CSV file, gzip or plain, with a column arch and columns like cifar10_test; "
            "or NATS-Bench's folder.",
            show_default=False,
        ),
    ] = None,
    space: Annotated[str, typer.Option(help="The search space that the table's architectures are of.")] = "nasbench201",
    dataset: Annotated[str, typer.Option(help="Accuracy on which data set of the table.")] = "cifar10",
    split: Annotated[str, typer.Option(help="val or test.")] = "test",
    epochs: Annotated[int, opt.number_option("After how many epochs of training.")] = 200,
    proxy: Annotated[
        list[str],
        typer.Option(
            help="Name of a proxy, or vote(a+b+c), mean_rank(…), log_rank(…) of several; may be given several times. "
            "'all' for every one."
        ),
    ] = [
        "zen_expected",
        "naswot",
        "synflow",
    ],
    sample: Annotated[int, opt.number_option("Architectures, drawn at random.", least=2)] = 1000,
    seed: opt.Seed = 0,
    seeds: Annotated[int, opt.number_option("Score every network so often, with other weights and images.")] = 1,
    data: Annotated[
        str,
        typer.Option(
            help="Images to score on: noise, cifar10, cifar100, a folder with a folder for each class, or an .npz file "
            "of JPEGs (jpeg, offsets, labels)."
        ),
    ] = "noise",
    resolution: Annotated[int, opt.number_option("Side of the square input image.", most=MAX_RESOLUTION)] = 32,
    num_classes: Annotated[
        Optional[int], opt.number_option("Classes that the networks tell apart.", default="as many as --dataset has")
    ] = None,
    batch_size: opt.BatchSize = 64,
    resamples: Annotated[int, opt.number_option("Resamples of the intervals' bootstrap.", least=2)] = 1000,
    workers: opt.Workers = None,
    executor: opt.Executor = None,
    address: opt.Address = None,
    device: opt.Device = "auto",
    gpu: opt.Gpu = None,
    precision: opt.Precision = "fp32",
    initialisation: Annotated[
        str,
        typer.Option(
            help="Weights, for proxies that have no rule of their own: own (PyTorch's default), kaiming_fan_in, "
            "kaiming_fan_out, gaussian."
        ),
    ] = "own",
    save_dir: opt.SaveDir = None,
    resume: opt.Resume = None,
    as_json: opt.Json = False,
) -> None:
    """Score a random sample of a benchmark's architectures, and correlate the scores with their accuracies.

    Example: zennas correlate --table nb201.csv.gz --proxy naswot --proxy synflow --sample 100 --data cifar10
    """
    from zennas.api import continue_correlate
    from zennas.api import correlate as run_correlate
    from zennas.cli.progress import correlate_progress
    from zennas.cli.render import print_correlation, print_json

    device_named = opt.chosen_device(gpu, device, "leave out --gpu, or use --device cpu")
    with correlate_progress(resume or save_dir) as watcher, device_named as device_name:
        if resume is not None:
            opt.refuse_settings(context, also=("workers", "executor", "address"))
            result = continue_correlate(resume, watcher, executor=executor, workers=workers, address=address)
        elif table is None:
            raise typer.BadParameter("say which: a CSV file, or NATS-Bench's folder", param_hint="--table")
        else:
            result = run_correlate(
                table=table,
                space=space,
                dataset=dataset,
                split=split,
                epochs=epochs,
                proxies=tuple(proxy),
                sample=sample,
                seed=seed,
                seeds=seeds,
                data=data,
                resolution=resolution,
                num_classes=num_classes,
                batch_size=batch_size,
                resamples=resamples,
                device=device_name,
                precision=precision,
                initialisation=initialisation,
                save_dir=save_dir,
                executor=executor,
                workers=workers,
                address=address,
                watcher=watcher,
            )
    if as_json:
        print_json(result.to_json())
    else:
        print_correlation(result)
