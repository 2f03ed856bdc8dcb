"""`zennas latency fit`: make a profile from measured kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from zennas.cli import options as opt
from zennas.cli.latency import common

_OF_A_TABLE = ("hardware", "device", "backend", "precision", "batch_size", "memory")
"""Parameters that apply to a CSV file only."""
_TEXT: Any = {"metavar": "TEXT", "parser": opt.one_line}


def fit(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="The folder of zennas latency profile, or a CSV file of kernels with latency_ms for the whole batch.",
            show_default=False,
        ),
    ],
    name: Annotated[
        str, typer.Option(help="Name of the profile.", metavar="NAME", parser=opt.label, show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="File of the profile, NAME.json; its card is NAME.md.", metavar="FILE")],
    hardware: Annotated[
        str, typer.Option(help="For a CSV file: the data sheet to start from, cpu, v100 or h200.")
    ] = "cpu",
    device: Annotated[
        Optional[str],
        typer.Option(help="For a CSV file: the device that was measured.", **_TEXT),
    ] = None,
    backend: Annotated[str, typer.Option(help="For a CSV file: the library that was used.", **_TEXT)] = "unknown",
    precision: Annotated[str, typer.Option(help="For a CSV file: the precision that was used.")] = "fp32",
    batch_size: Annotated[int, opt.number_option("For a CSV file: the batch size that predictions assume.")] = 1,
    source_text: Annotated[
        str,
        typer.Option("--source", help="For the card: where the measurements come from.", **_TEXT),
    ] = "",
    memory: Annotated[
        bool,
        typer.Option(
            "--memory/--no-memory",
            help="For a CSV file: estimate kinds of kernels that it lacks from the bytes that they move.",
        ),
    ] = True,
    steps: Annotated[
        Optional[int], opt.number_option("Training steps.", least=100, default="depends on the number of kernels")
    ] = None,
    seed: opt.Seed = 0,
    as_json: opt.Json = False,
) -> None:
    """Fit a profile, and report its errors on a tenth of all shapes, which are left out of the fit.

    Example: zennas latency fit runs/my-machine --name mine --out mine.json
    """
    if out.suffix != ".json":
        raise typer.BadParameter(f"{out} does not end in .json", param_hint="--out")
    from latency.fitting.making import fit_folder, fit_table, write_profile
    from latency.kernels import Fusion
    from latency.predicting.hardware import named
    from latency.predicting.profile import Profile
    from zennas.cli.progress import counting_progress

    if source.is_dir():
        opt.refuse(context, _OF_A_TABLE, "SOURCE", "the folder already says what was measured, and how")
    with counting_progress("fitting", "; nothing was written") as progress:
        if source.is_dir():
            made = fit_folder(source, name, source_text, steps, seed, progress)
        else:
            precision = precision.casefold()
            sheet = named(hardware, precision, threads=1)
            blank = Profile(
                name, device or "unknown device", backend, precision, batch_size, sheet, Fusion(), models=()
            )
            made = fit_table(source, blank, source_text, steps, seed, progress, memory=memory)
        written = write_profile(out, made)
    common.print_profile(made, written, as_json)
