"""`zennas report`: a run as one page for a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from zennas.cli import options as opt


def report(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="The folder of a run or of a training.", show_default=False)
    ],
    out: Annotated[
        Optional[Path],
        typer.Option(help="The file to write.", parser=opt.file, metavar="FILE", show_default="RUN/report.html"),
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Write a run as a page to show: one HTML file that needs no network, with charts to explore.

    Works for runs of every kind, also for those that were interrupted.

    Example: zennas report runs/mine
    """
    from zennas.api import page
    from zennas.cli.console import OUT
    from zennas.cli.render import print_json

    made = page(run, out=out)
    if as_json:
        print_json(made.to_json())
    else:
        OUT.print(f"{made.path}: {made.bytes / 1000:.0f} kB; open it with a browser")
