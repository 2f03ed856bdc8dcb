"""`zennas eval`: how accurate a trained model is. The programs with Zen-NAS's flags also print with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from PlainNet.sizes import Sides, size_text
from zennas.accuracy.settings import EvaluationSettings
from zennas.cli import options as opt
from zennas.cli.derived import Chosen, derived
from zennas.common.text import printable

if TYPE_CHECKING:
    from zennas.accuracy.evaluation import EvaluationResult
    from zennas.common.progress import AccuracyProgress

NAMED = 3
"""How many of the skipped images are named."""


@derived(EvaluationSettings, config=False)
def evaluate(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="The folder of a training or of a search that contains one training, or a model name from the zoo.",
            show_default=False,
        ),
    ],
    *,
    chosen: Chosen,
    checkpoint: opt.Checkpoint = None,
    gpu: opt.Gpu = None,
    as_json: opt.Json = False,
) -> None:
    """Measure the top-1 and top-5 accuracy of a trained model.

    Photographs are prepared as in Zen-NAS: the short side is resized to crop / 0.875 (bicubic), and the central square
    is cut out and resized to the network's resolution (bilinear). A
    model that was trained on small squares of one size sees whole images, which are only resized.

    Example: zennas eval runs/mine --precision bf16
    """
    from zennas.api import evaluate as run_evaluation
    from zennas.cli.render import print_json

    values = dict(chosen.values)
    if "precision" in values:
        values["precision"] = values["precision"].casefold()
    device_asked = values.pop("device", EvaluationSettings.device)
    device_named = opt.chosen_device(gpu, device_asked, "leave out --gpu, or use --device cpu")
    with evaluation_progress() as progress, device_named as device:
        result = run_evaluation(model, checkpoint=checkpoint, progress=progress, device=device, **values)
    if as_json:
        print_json(result.to_json())
    else:
        print_evaluation(result)


@contextmanager
def evaluation_progress() -> Iterator[AccuracyProgress]:
    """A progress bar that shows the images done, and top-1 so far."""
    from zennas.cli.progress import counting_progress

    with counting_progress("evaluating", "; the next evaluation starts from the beginning") as tell:
        yield lambda done, total, top1: tell(done, total, f"top-1 {top1:.2f} %")


def print_evaluation(result: EvaluationResult) -> None:
    from zennas.cli.console import OUT
    from zennas.cli.render import table
    from zennas.data.preparation import resized_before_crop

    size = result.resolution
    shown = f"resized to {size_text(size)}"
    if result.crop is not None:
        cut = resized_before_crop(result.crop)
        square = f"short side resized to {cut}, the central square {shown}"
        shown = f"resized to cover {cut}, its centre {shown}" if isinstance(cut, Sides) else square
    rows = table("model", result.model, folded=(result.model,))
    for name, text in (
        ("data set", f"{result.dataset}: {result.images:,} images"),
        ("shown", shown),
        ("computed", f"in {result.precision} on {result.device}, {result.batch_size} images at a time"),
        ("top-1", f"{result.top1:.2f} %"),
        *([("top-5", f"{result.top5:.2f} %")] if result.classes > 5 else []),
        ("speed", f"{result.images_per_second:,.0f} images/s, {result.seconds:.1f} s"),
    ):
        rows.add_row(name, text)
    OUT.print(rows)
    for line in remarks(result):
        OUT.print(line)


def remarks(result: EvaluationResult) -> list[str]:
    """Doubts about the result, and the images that were left out."""
    from zennas.common.numbers import counted

    lines = [] if result.note is None else [f"note: {printable(result.note)}"]
    if result.skipped:
        lines.append(f"left out {counted(len(result.skipped), 'image')}:")
        lines += [f"  {printable(one)}" for one in result.skipped[:NAMED]]
        more = len(result.skipped) - NAMED
        lines += [f"  and {more:,} more"] if more > 0 else []
    return lines
