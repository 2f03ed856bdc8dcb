"""`zennas export`: write a trained network to a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from zennas.cli import options as opt
from zennas.cli.derived import Chosen, derived
from zennas.exporting.settings import ExportSettings

if TYPE_CHECKING:
    from zennas.exporting.runner import Exported


@derived(ExportSettings, config=False)
def export(
    context: typer.Context,
    network: Annotated[
        str,
        typer.Argument(
            metavar="RUN|NAME",
            help="The folder of a training or of a search that contains one training, or a model name from the zoo.",
            show_default=False,
        ),
    ],
    *,
    chosen: Chosen,
    out: Annotated[
        Optional[Path],
        typer.Option(
            help="The file to write; FILE.json is written to the same folder.",
            parser=opt.file,
            metavar="FILE",
            show_default="in RUN/export/; for the zoo, in this folder",
        ),
    ] = None,
    checkpoint: opt.Checkpoint = None,
    target: Annotated[
        Optional[str],
        typer.Option(
            help="For onnx-int8: x86 (unsigned activations, for CPUs, also for ARM boards) or tensorrt (everything "
            "symmetric and signed, for NVIDIA GPUs, also for Jetson boards).",
            metavar="NAME",
            show_default="x86",
        ),
    ] = None,
    precision: Annotated[
        Optional[str],
        typer.Option(help="For tensorrt: fp16, fp32 or int8.", metavar="NAME", show_default="fp16"),
    ] = None,
    max_batch: Annotated[Optional[int], opt.number_option("For tensorrt: largest batch size.", default="32")] = None,
    format_option: Annotated[
        list[str],
        typer.Option(metavar="NAME=VALUE", help="An option of a format of your own; repeatable.", show_default=False),
    ] = [],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
    as_json: opt.Json = False,
) -> None:
    """Write a trained network to a file for other programs: batch-norm is folded, and batches can have any size.

    Before the file is written, it is loaded again and compared with PyTorch. FILE.json explains how to use it.

    Example: zennas export --format onnx-int8 runs/mine --dataset digits
    """
    from zennas.api import export as run_export
    from zennas.cli.progress import counting_progress
    from zennas.cli.render import print_json

    with counting_progress("exporting", "; nothing was written") as progress:
        options = opt.named_values(
            format_option, "--format-option", target=target, precision=precision, max_batch=max_batch
        )
        made = run_export(
            network,
            **{**chosen.values, **options},
            out=out,
            checkpoint=checkpoint,
            overwrite=overwrite,
            progress=progress,
        )
    if as_json:
        print_json(made.to_json())
    else:
        _print(made)


def _print(made: Exported) -> None:
    from zennas.cli.console import OUT

    for line in lines(made.path, made.sidecar, made.usage):
        OUT.print(line)


def lines(path: Path, sidecar: Any, usage: str) -> list[str]:
    """The file, the check, the accuracy if it was measured, and how to load the file."""
    check, accuracy, calibration = sidecar["check"], sidecar["accuracy"], sidecar["calibration"]
    found = [
        f"{path}: {sidecar['format']} in {sidecar['precision']}, {sidecar['bytes'] / 1e6:.2f} MB; "
        f"how to use it: {path.name}.json",
        f"checked against PyTorch: logits differ by {check['rms']:.1e} of their size (root mean square; at most "
        f"{check['largest']:.1e}), {check['images']} images of {check['source']} in batches of "
        f"{', '.join(map(str, check['batches']))}",
    ]
    if calibration is not None:
        found.append(f"calibrated with {calibration['images']} images of {calibration['dataset']}")
    if "in_float32" in sidecar:
        found.append(f"by ONNX Runtime on this machine: {sidecar['in_float32']['text']}")
    if accuracy is not None:
        before, after = accuracy["pytorch"]["top1"], accuracy["file"]["top1"]
        found.append(
            f"top-1 {after:.2f} % ({after - before:+.2f} points; PyTorch {before:.2f} %) on {accuracy['images']} "
            f"images of {accuracy['dataset']}; the same class as PyTorch for {accuracy['same_class']:.2f} %"
        )
    return [*found, f"load it: {usage}"]
