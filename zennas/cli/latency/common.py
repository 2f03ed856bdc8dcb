"""The options that the latency commands share, and how they print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from zennas.cli import options as opt
from zennas.common.limits import MAX_RESOLUTION

if TYPE_CHECKING:
    from latency.base import MeasureSettings

NETWORK = (
    "Each a structure string, a file with one, the folder of a run, the name of a published network, or "
    "torchvision:NAME."
)
"""How a network is named, for the help."""
Networks = Annotated[list[str], typer.Argument(metavar="NETWORK...", help=NETWORK, show_default=False)]
Backend = Annotated[str, typer.Option(help="torch, onnxruntime, openvino, tensorrt or executorch.")]
Precision = Annotated[str, typer.Option(help="fp32, fp16, bf16 or int8, as the back end has them.")]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")]
Threads = Annotated[int, opt.number_option("Threads of the CPU inside one operation.", most=1024)]
BatchSize = Annotated[int, opt.number_option("Images in a batch.")]
Resolution = Annotated[
    Optional[int],
    opt.number_option("Side of the square input image.", most=MAX_RESOLUTION, default="the network's own"),
]
Options = Annotated[
    list[str],
    typer.Option("--option", help="What else the back end can be told, such as compile, cuda-graphs or no-fold."),
]
Seconds = Annotated[float, typer.Option(help="At most so long for one network.", min=0.01, max=3600)]
RelativeError = Annotated[
    float, typer.Option(help="Measure until the median is known so well (half its 95 % interval).", min=1e-4, max=0.5)
]
MOST_NOTES = 6
Out = Annotated[
    Optional[Path], typer.Option(help="Write to that file: JSON where it ends in .json, else CSV.", metavar="FILE")
]


def settings(
    backend: str,
    precision: str,
    device: str,
    threads: int,
    batch_size: int,
    options: Sequence[str] = (),
    seconds: float = 10.0,
    relative_error: float = 0.01,
    seed: int = 0,
) -> MeasureSettings:
    """Raises UnknownNameError, LatencyError."""
    from latency.base import BACKENDS, MeasureSettings

    return MeasureSettings(
        backend=BACKENDS.spelling(backend),
        precision=precision.casefold(),
        device=device,
        batch_size=batch_size,
        threads=threads,
        relative_error=relative_error,
        seconds=seconds,
        seed=seed,
        options=tuple(options),
    )


def print_notes(notes: Sequence[str]) -> None:
    """What of predictions is extrapolated, on standard error, each note once and in a few lines."""
    import sys

    lines = [f"extrapolated: {note}" for note in dict.fromkeys(notes)]
    if len(lines) > MOST_NOTES:
        lines[MOST_NOTES - 1 :] = [f"extrapolated: {len(lines) - MOST_NOTES + 1} things more"]
    for line in lines:
        print(line, file=sys.stderr)


def protocol(chosen: MeasureSettings) -> str:
    """How was measured, in a line."""
    where = f"{chosen.threads} thread{'s' if chosen.threads > 1 else ''}" if chosen.device == "cpu" else chosen.device
    extra = f", {', '.join(chosen.options)}" if chosen.options else ""
    return f"{chosen.backend} {chosen.precision}, {where}, batch {chosen.batch_size}{extra}"


def write_rows(path: Path | None, rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows where a file was asked for, and say so on standard error."""
    if path is None:
        return
    import sys

    from zennas.report.predictions import write_rows as write

    write(path, rows)
    print(f"wrote {path}", file=sys.stderr)
