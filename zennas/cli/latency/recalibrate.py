"""`zennas latency recalibrate`: how much slower or faster the machine is than when its profile was made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from zennas.cli import options as opt
from zennas.cli.latency import common


def recalibrate(
    profile: Annotated[
        str,
        typer.Argument(
            metavar="PROFILE", help="Name of a shipped profile of this machine, or a file.", show_default=False
        ),
    ],
    out: Annotated[
        Optional[Path],
        typer.Option(help="Write the profile as of now to this file; it may be PROFILE itself.", metavar="FILE"),
    ] = None,
    device: Annotated[
        Optional[str],
        typer.Option(help="cpu or cuda: measure even if the device has another name.", show_default="the profile's"),
    ] = None,
    seconds: common.Seconds = 1.0,
    as_json: opt.Json = False,
) -> None:
    """Time a profile's references again, which takes some ten seconds, and estimate by which factors computing, memory
    and launches are slower or faster than when it was made. Predictions by the written profile are as of now.

    Example: zennas latency recalibrate mine.json --out mine-now.json
    """
    if out is not None and out.suffix != ".json":
        raise typer.BadParameter(f"{out} does not end in .json", param_hint="--out")
    from dataclasses import asdict

    from latency.fitting.making import write_profile
    from latency.predicting.profile import load_profile
    from zennas.budget.recalibrating import as_of_now
    from zennas.cli.console import OUT
    from zennas.cli.progress import counting_progress
    from zennas.cli.render import print_json
    from zennas.report import profile_errors

    chosen = load_profile(profile)
    settings = profile_errors.measured_as(chosen, None, seconds, device)
    with counting_progress("measuring", "; nothing was written") as progress:
        made = as_of_now(chosen, settings, seconds, progress)
    if out is not None:
        write_profile(out, made.profile)
    if as_json:
        counts = {"references": made.references, "unsettled": made.unsettled}
        file = None if out is None else str(out)
        print_json({"profile": made.profile.name, "drift": asdict(made.drift), **counts, "file": file})
        return
    for line in made.text():
        OUT.print(line)
    if out is None:
        OUT.print("nothing was written: --out FILE writes the profile as of now")
    else:
        OUT.print(f"files: {out}, {out.with_suffix('.md')}")
