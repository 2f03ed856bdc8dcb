"""Options and output that the latency commands share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from zennas.cli import options as opt
from zennas.cli.console import OUT, tell
from zennas.common.text import printable_lines

if TYPE_CHECKING:
    from latency.base import MeasureSettings
    from latency.predicting.profile import Profile

NETWORK = (
    "Each is a structure string, a file that contains one, the folder of a run, the name of a published network, "
    "torchvision:NAME, timm:NAME, or an ONNX file."
)
"""How to name a network, for the help."""
Networks = Annotated[list[str], typer.Argument(metavar="NETWORK...", help=NETWORK, show_default=False)]
Backend = Annotated[str, typer.Option(help="torch, onnxruntime, openvino, tensorrt or executorch.")]
Precision = Annotated[str, typer.Option(help="fp32, fp16, bf16 or int8, if the back end supports it.")]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")]
Threads = Annotated[int, opt.number_option("CPU threads within one operation.", most=1024)]
BatchSize = Annotated[int, opt.number_option("Images in a batch.")]
Resolution = Annotated[Optional[str], opt.resolution_option("the network's own")]
Options = Annotated[
    list[str],
    typer.Option("--option", help="Further options of the back end, such as compile, cuda-graphs or no-fold."),
]
Seconds = Annotated[
    float, typer.Option(help="Time limit for each network.", parser=opt.real(0.01, 3600), metavar="NUMBER")
]
RelativeError = Annotated[
    float,
    typer.Option(
        help="Measure until half the median's 95 % interval is at most this.",
        parser=opt.real(1e-4, 0.5),
        metavar="NUMBER",
    ),
]
MOST_NOTES = 6
Out = Annotated[
    Optional[Path], typer.Option(help="Write to this file: JSON if it ends in .json, otherwise CSV.", metavar="FILE")
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
    """Make settings from the options. Raises UnknownNameError for an unknown back end, LatencyError for bad values."""
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


def print_profile(made: Profile, written: Path, as_json: bool, more: Mapping[str, Any] = {}) -> None:
    """Print the errors of a new profile on held-out values, how it predicts, and its files. more: only for JSON."""
    from latency.fitting.errors import Errors
    from zennas.cli.render import print_json

    if as_json:
        print_json({"name": made.name, "file": str(written), **made.about, **more})
        return
    for what, values in made.about["held_out"].items():
        OUT.print(f"{what}: {Errors(**values)}")
    if made.posterior is not None:
        OUT.print(made.about["method"])
    OUT.print(f"files: {written}, {written.with_suffix('.md')}")


def print_notes(notes: Sequence[str]) -> None:
    """Print what is extrapolated in predictions to standard error, each note once and at most `MOST_NOTES` lines."""
    lines = [f"extrapolated: {note}" for note in dict.fromkeys(notes)]
    if len(lines) > MOST_NOTES:
        lines[MOST_NOTES - 1 :] = [f"extrapolated: {len(lines) - MOST_NOTES + 1} more"]
    for line in lines:
        tell(line)


def print_csv(text: str) -> None:
    """Print a CSV file as it is, and to a terminal without characters that control it."""
    print(printable_lines(text) if OUT.is_terminal else text, end="")


def write_rows(path: Path | None, rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows if a file was requested, and say so on standard error."""
    if path is None:
        return
    from zennas.report.predictions import write_rows as write

    write(path, rows)
    tell(f"wrote {path}")
