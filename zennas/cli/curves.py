"""Printing the curves of simulated searches."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from zennas.cli.console import OUT
from zennas.cli.render import table
from zennas.common.environment import can_draw
from zennas.common.numbers import counted
from zennas.searching.simulations.curves import BAND, band, standard_error

if TYPE_CHECKING:
    from zennas.searching.simulations.running import Simulation

MARKS = (1, 2, 5, 10, 20, 50, 64, 100, 150, 200, 300, 500, 1000, 2000, 5000, 10_000)
"""The numbers of trained networks that have a line, and the last one."""


def print_simulation(found: Simulation) -> None:
    """Print the curves at some numbers of trained networks, and the files."""
    from zennas.searching.simulations.running import CURVE_FILE, PICTURE_FILE

    curves, (maximised, reported) = found.curves, found.columns
    last = curves.evaluations[-1]
    OUT.print(
        f"{reported} in percent, mean over {counted(len(curves.oracle), 'seed')} ± 1.96 standard errors, and the "
        f"{BAND[0]}th to {BAND[1]}th percentile of the seeds"
    )
    OUT.print(f"incumbent: of the network that is best by {maximised}; oracle: the best of all that were trained")
    columns = ("trained", "incumbent", "of seeds", "oracle", "of the seeds", "seconds")
    rows = table(*columns, right=columns)
    bands = band(curves.incumbent), band(curves.oracle)
    for mark in [*(one for one in MARKS if one < last), last]:
        cells = []
        for values, ends in zip((curves.incumbent, curves.oracle), bands, strict=True):
            here = values[:, mark - 1]
            cells.append(f"{here.mean():.2f} ± {1.96 * standard_error(here):.2f}")
            cells.append(f"{ends[0, mark - 1]:.2f} to {ends[1, mark - 1]:.2f}")
        rows.add_row(f"{mark:,}", *cells, f"{curves.seconds[:, mark - 1].mean():.3g}")
    OUT.print(rows)
    OUT.print(f"seconds: mean, of {found.timed}")
    searched = len(curves.oracle)
    if curves.complete < searched:
        OUT.print(
            f"note: {searched - curves.complete:,} of {searched:,} searches ended before {last:,} networks: give more "
            "--iterations, unless the strategy ends by itself"
        )
    if searched < found.seeds:
        OUT.print(
            f"note: interrupted after {searched:,} of {found.seeds:,} seeds; continue with: zennas search --resume "
            f"{shlex.quote(str(found.folder))}"
        )
    if curves.ranked:
        OUT.print(f"each search ranked {curves.ranked:,.0f} structures by {found.settings.warm_up_proxy}")
    names = [name for name in (CURVE_FILE, PICTURE_FILE) if (found.folder / name).is_file()]
    if not names:
        return
    OUT.print(f"files: {', '.join(str(found.folder / name) for name in names)}")
    if not can_draw():
        OUT.print("no picture: matplotlib is not installed; pip install 'zennas[plot]'")
