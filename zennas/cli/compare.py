"""`zennas compare`: networks side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from zennas.cli import options as opt
from zennas.cli.latency import common
from zennas.common.shared_settings import MOST_STEPS, STEPS_HELP
from ZeroShotProxy.engine.mean_field import STEPS

if TYPE_CHECKING:
    from latency.base import MeasureSettings
    from zennas.report.comparison.result import Comparison

NONE = "none"
"""The value of --latency for no prediction."""


def compare(
    context: typer.Context,
    networks: Annotated[
        list[str],
        typer.Argument(
            metavar="NETWORK...",
            help="Structure strings or notations of cells, files that contain one, runs, points of a front (RUN@7), "
            "trainings, model names from the zoo, torchvision:NAME, timm:NAME, or ONNX files.",
            show_default=False,
        ),
    ],
    latency: Annotated[
        Optional[list[str]],
        typer.Option(
            metavar="NAME",
            help="A profile that predicts latencies, see zennas latency profiles; repeatable. 'none' predicts none.",
            show_default="a GPU, a board and a CPU",
        ),
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Also measure the latency on this machine, all networks in turns.")
    ] = False,
    proxy: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="A score to show, such as zen_expected, or a ranking of these networks, such as az_nas; repeatable.",
            show_default=False,
        ),
    ] = [],
    table: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FILE", parser=opt.file, help="A table of accuracies, as for correlate, that has the networks."
        ),
    ] = None,
    resolution: opt.Resolution = None,
    num_classes: opt.NumClasses = None,
    use_se: opt.UseSe = None,
    in_channels: opt.InChannels = None,
    baseline: Annotated[
        Optional[str],
        typer.Option(
            metavar="NETWORK",
            help="What the others are relative to: one of the networks as it is given, or its number.",
            show_default="the first",
        ),
    ] = None,
    sort: Annotated[
        Optional[str],
        typer.Option(
            metavar="COLUMN",
            help="Best first: params, flops, activations, memory, layers, resolution, measured, top1, or the name of a "
            "profile, data set or proxy.",
            show_default="as given",
        ),
    ] = None,
    csv: Annotated[
        Optional[Path],
        typer.Option(metavar="FILE", parser=opt.file, help="Also write a CSV file with a line for each network."),
    ] = None,
    out: Annotated[
        Optional[Path],
        typer.Option(metavar="FILE", parser=opt.file, help="Also write a page to show, one HTML file."),
    ] = None,
    repeats: Annotated[int, opt.number_option("Repetitions of a random score.")] = 8,
    training_steps: Annotated[int, opt.number_option(STEPS_HELP, most=MOST_STEPS)] = STEPS,
    seed: Annotated[int, opt.number_option("Seed of scores and of measured images.", least=0)] = 0,
    backend: common.Backend = "torch",
    precision: common.Precision = "fp32",
    device: common.Device = "cpu",
    threads: common.Threads = 1,
    batch_size: common.BatchSize = 1,
    option: common.Options = [],
    seconds: common.Seconds = 10.0,
    relative_error: common.RelativeError = 0.01,
    as_json: opt.Json = False,
) -> None:
    """Compare networks: parameters, FLOPs, memory, latency on several devices, known accuracies and scores.

    Each network keeps its own resolution and classes unless --resolution and --num-classes say otherwise. Accuracies
    are those of its trainings, of the zoo, of torchvision's weights, of an exported file, or of a table.

    Example: zennas compare zennet_imagenet1k_latency02ms_res224 torchvision:resnet50 --sort latency --out compare.html
    """
    from zennas.api import compare as compared
    from zennas.cli.console import OUT
    from zennas.cli.progress import counting_progress
    from zennas.cli.render import print_json
    from zennas.report.comparison.text import notes
    from zennas.report.comparison.text import table as table_of
    from ZeroShotProxy.base import ScoreSettings

    measuring: MeasureSettings | None = None
    if measure:
        how = (backend, precision, device, threads, batch_size, option, seconds, relative_error, seed)
        measuring = common.settings(*how)
    else:
        opt.refuse(context, _MEASURING, "--measure", "without it nothing is measured")
    if not proxy:
        opt.refuse(context, ("repeats", "training_steps"), "--proxy", "without it nothing is scored")
    if latency and NONE in latency and len(latency) > 1:
        raise typer.BadParameter(f"{NONE} stands beside other profiles, expected it alone", param_hint="--latency")
    _check_places(csv, out)
    with counting_progress("comparing", "; nothing was written") as progress:
        found = compared(
            networks,
            latency=[] if latency == [NONE] else latency or None,
            measure=measuring,
            proxies=proxy,
            scoring=ScoreSettings(repeats=repeats, seed=seed, training_steps=training_steps),
            table=table,
            resolution=resolution,
            num_classes=num_classes,
            use_se=use_se,
            in_channels=in_channels,
            baseline=baseline,
            sort=sort,
            progress=progress,
        )
    if as_json:
        print_json(found.to_json())
    else:
        OUT.print(table_of(found), *notes(found))
    _write(found, csv, out)  # at the end, as a place that cannot be written to must not lose what was measured


_MEASURING = ("backend", "precision", "device", "threads", "batch_size", "option", "seconds", "relative_error")


def _check_places(csv: Path | None, out: Path | None) -> None:
    """Raise BadParameter for places that cannot be written to, before there is work to lose."""
    for place, flag in ((csv, "--csv"), (out, "--out")):
        if place is not None and place.is_dir():
            raise typer.BadParameter(f"{place} is a folder, expected a file", param_hint=flag)
    if csv is not None and out is not None and csv.resolve() == out.resolve():
        raise typer.BadParameter(f"{out} is given for the CSV file and for the page, expected two", param_hint="--out")


def _write(found: Comparison, csv: Path | None, out: Path | None) -> None:
    """Write the files that are asked for, and say so on standard error."""
    from zennas.api import page
    from zennas.cli.console import tell
    from zennas.report.comparison.text import csv_rows
    from zennas.report.predictions import as_csv

    if csv is not None:
        from PlainNet.files import write_out

        write_out(csv, as_csv(csv_rows(found)).encode())
        tell(f"wrote {csv}")
    if out is not None:
        made = page(found, out=out)
        tell(f"wrote {made.path}: {made.bytes / 1000:.0f} kB; open it with a browser")
