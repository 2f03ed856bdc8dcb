"""`zennas export`: write a trained network to a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from zennas.cli import options as opt
from zennas.cli.derived import Chosen, derived
from zennas.common.numbers import counted
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
            help="The folder of a training or of a search that contains one training, or a model name from the zoo; "
            "with --untrained, also a structure or a file that contains one.",
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
            help="Chip or board, or a .toml file that describes one, whose format and options are used, see zennas "
            "targets. For onnx-int8 also: x86 (unsigned activations, for CPUs, also for ARM boards) or tensorrt "
            "(everything symmetric and signed, for NVIDIA GPUs, also for Jetson boards).",
            metavar="NAME",
            show_default="that of the search; for onnx-int8 x86",
        ),
    ] = None,
    precision: Annotated[
        Optional[str],
        typer.Option(help="For tensorrt: fp16, fp32 or int8.", metavar="NAME", show_default="fp16"),
    ] = None,
    max_batch: Annotated[Optional[int], opt.number_option("For tensorrt: largest batch size.", default="32")] = None,
    weights: Annotated[
        Optional[str],
        typer.Option(
            help="For litert-int8 and c-array: per-channel, or per-tensor, for compilers that take nothing else.",
            metavar="NAME",
            show_default="per-channel",
        ),
    ] = None,
    memory_plan: Annotated[
        Optional[str],
        typer.Option(
            help="For litert-int8 and c-array: offline (the file says where activations lie, which takes less RAM) or "
            "runtime (the interpreter plans it).",
            metavar="NAME",
            show_default="offline",
        ),
    ] = None,
    opset: Annotated[
        Optional[int], opt.number_option("For onnx and onnx-int8: opset, from 11 to 23.", default="18")
    ] = None,
    batch_size: Annotated[
        Optional[int], opt.number_option("For onnx and onnx-int8: the only batch size.", default="any size")
    ] = None,
    format_option: Annotated[
        list[str],
        typer.Option(metavar="NAME=VALUE", help="An option of a format of your own; repeatable.", show_default=False),
    ] = [],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
    as_json: opt.Json = False,
) -> None:
    """Write a trained network to a file for other programs: batch-norm is folded, and batches can have any size, except
    in files for microcontrollers and engines.

    Before the file is written, it is loaded again and compared with PyTorch. FILE.json explains how to use it.

    Example: zennas export --format onnx-int8 runs/mine --dataset digits

    Example: zennas export --target stm32f746 runs/mine --dataset digits
    """
    from zennas.api import export as run_export
    from zennas.cli.progress import counting_progress
    from zennas.cli.render import print_json

    with counting_progress("exporting", "; nothing was written") as progress:
        options = opt.named_values(
            format_option,
            "--format-option",
            target=target,
            precision=precision,
            max_batch=max_batch,
            weights=weights,
            memory_plan=memory_plan,
            opset=opset,
            batch_size=batch_size,
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
        f"{path}: {sidecar['format']} in {sidecar['precision']}, {_size(sidecar['bytes'])}; "
        f"how to use it: {path.name}.json",
        f"checked against PyTorch: logits differ by {check['rms']:.1e} of their size (root mean square; at most "
        f"{check['largest']:.1e}), {counted(check['images'], 'image')} of {check['source']} in batches of "
        f"{', '.join(map(str, dict.fromkeys(check['batches'])))}",
    ]
    if calibration is not None:
        found.append(f"calibrated with {counted(calibration['images'], 'image')} of {calibration['dataset']}")
    if "in_float32" in sidecar:
        found.append(f"by ONNX Runtime on this machine: {sidecar['in_float32']['text']}")
    if accuracy is not None:
        before, after = accuracy["pytorch"]["top1"], accuracy["file"]["top1"]
        found.append(
            f"top-1 {after:.2f} % ({after - before:+.2f} points; PyTorch {before:.2f} %) on {accuracy['images']} "
            f"images of {accuracy['dataset']}; the same class as PyTorch for {accuracy['same_class']:.2f} %"
        )
    if memory := sidecar.get("memory"):
        found.append(
            f"activations take {_size(memory['ram_bytes'])} of RAM, with the interpreter's tables at most "
            f"{_size(memory['arena_bytes'])}"
        )
    if micro := sidecar.get("microcontroller"):
        found.append(
            f"run in {micro['interpreter']}: logits differ from LiteRT's by at most "
            f"{counted(micro['largest_difference_in_steps'], 'step')} of INT8, the same class for "
            f"{micro['same_class']} of {counted(micro['images'], 'image')} of noise"
        )
    return [*found, f"load it: {usage}"]


def _size(count: int) -> str:
    if count >= 1e6:
        return f"{count / 1e6:.2f} MB"
    return f"{count / 1e3:.1f} kB" if count >= 1e3 else counted(count, "byte")
