"""`zennas latency adapt` and `suggest`: a profile from the latencies of a few networks, measured with any tool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from zennas.cli import options as opt
from zennas.cli.latency import common

if TYPE_CHECKING:
    from zennas.report.adapting import LeftOut

_TEXT: Any = {"metavar": "TEXT", "parser": opt.one_line}
MOST_ROWS = 20
Space = Annotated[
    Optional[str],
    typer.Option(help="Search space in whose notation the networks are written.", show_default="any notation"),
]


def adapt(
    measured: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="A CSV file with the columns arch and latency_ms, in milliseconds per image, of at least 10 networks.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="File of the profile, NAME.json; its card is NAME.md.", metavar="FILE")],
    sources: Annotated[
        list[str],
        typer.Option(
            "--from", metavar="PROFILE", help="A profile of a similar device, by name or file; can be repeated."
        ),
    ] = [],
    space: Space = None,
    name: Annotated[
        Optional[str],
        typer.Option(help="Name of the profile.", metavar="NAME", parser=opt.label, show_default="that of the file"),
    ] = None,
    device: Annotated[str, typer.Option(help="The device that was measured.", **_TEXT)] = "unknown device",
    backend: Annotated[str, typer.Option(help="The library that was used.", **_TEXT)] = "unknown",
    precision: Annotated[str, typer.Option(help="The precision that was used.", **_TEXT)] = "fp32",
    batch_size: Annotated[int, opt.number_option("Images in a batch when the networks were measured.")] = 1,
    resolution: common.Resolution = None,
    num_classes: opt.NumClasses = None,
    use_se: opt.UseSe = None,
    source_text: Annotated[
        str, typer.Option("--source", help="For the card: how the latencies were measured.", **_TEXT)
    ] = "",
    as_json: opt.Json = False,
) -> None:
    """Make a profile from the latencies of ten or more networks, measured with any tool on any device.

    Each prediction has an interval that follows from what the measured networks leave open.

    Example: zennas latency adapt --measured ten.csv --space nasbench201 --device "my board" --out board.json
    """
    if out.suffix != ".json":
        raise typer.BadParameter(f"{out} does not end in .json", param_hint="--out")
    from latency.fitting.making import write_profile
    from latency.kernels import Fusion
    from latency.predicting.hardware import processor
    from latency.predicting.profile import Profile, load_profile
    from zennas.report.adapting import Inputs, adapted_profile, read_measured

    known = [load_profile(source) for source in sources]
    found = read_measured(measured, Inputs(space, resolution, num_classes, use_se))
    precision = precision.casefold()
    blank = Profile(
        name or opt.label(out.stem), device, backend, precision, batch_size, processor(precision), Fusion(), models=()
    )
    made, left_out = adapted_profile(blank, found, known, source_text)
    written = write_profile(out, made)
    if not as_json:
        _print_errors(left_out)
    common.print_profile(made, written, as_json, {"left_out": [asdict(one) for one in left_out]})


def _print_errors(left_out: Sequence[LeftOut]) -> None:
    from zennas.cli.console import OUT
    from zennas.cli.render import table

    columns = ("measured ms", "predicted ms", "error")
    rows = table("each left out once", *columns, right=columns)
    for one in left_out[:MOST_ROWS]:
        error = 100 * (one.predicted / one.measured - 1)
        rows.add_row(one.arch, f"{one.measured:.4g}", f"{one.predicted:.4g}", f"{error:+,.1f} %")
    OUT.print(rows)
    if len(left_out) > MOST_ROWS:
        OUT.print(f"and {len(left_out) - MOST_ROWS} more, with smaller errors")


def suggest(
    space: Annotated[str, typer.Option(help="Search space of the networks.")] = "nasbench201",
    n: Annotated[int, opt.number_option("How many networks to measure.", most=100)] = 10,
    resolution: common.Resolution = None,
    num_classes: opt.NumClasses = None,
    use_se: opt.UseSe = None,
    seed: opt.Seed = 0,
    out: Annotated[
        Optional[Path], typer.Option(help="Write the CSV file there instead of printing it.", metavar="FILE")
    ] = None,
) -> None:
    """Choose the networks of a space whose latencies tell most about all others, as CSV with an empty latency column.

    Measure them with any tool, type in the latencies in milliseconds per image, and run zennas latency adapt.

    Example: zennas latency suggest --space nasbench201 --n 10 > ten.csv
    """
    from latency.predicting.table import LATENCY
    from PlainNet.files import write_out
    from zennas.cli.console import tell
    from zennas.cli.progress import counting_progress
    from zennas.report.adapting import Inputs, suggested
    from zennas.report.predictions import as_csv

    with counting_progress("lowering", "; nothing was written") as progress:
        found = suggested(space, Inputs(space, resolution, num_classes, use_se), n, seed, progress=progress)
    text = as_csv([{"arch": arch, LATENCY: ""} for arch in found])
    if out is None:
        common.print_csv(text)
        return
    write_out(out, text.encode())
    tell(f"wrote {out}")
