"""`zennas runs`: list the runs in a folder, or show one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zennas.cli import options as opt


def runs(
    folder: Annotated[
        Path, typer.Argument(help="The folder of a run, or a folder that contains runs.", show_default=True)
    ] = Path("runs"),
    as_json: opt.Json = False,
) -> None:
    """List the runs in a folder, with trainings and exported files, or show one run.

    Example: zennas runs runs/mine
    """
    from zennas.cli.console import OUT
    from zennas.cli.render import print_json, print_run_list
    from zennas.common.folders import RUNS
    from zennas.discovering.record import is_discovery
    from zennas.report.kind import kind_name
    from zennas.report.listing import list_runs
    from zennas.runs.store import FILE
    from zennas.searching.simulations.courses import is_simulation

    if (folder / FILE).is_file():
        _show(folder, as_json)
        return
    if is_simulation(folder):
        _show_simulation(folder, as_json)
        return
    if is_discovery(folder):
        _show_discovery(folder, as_json)
        return
    # The default folder need not exist yet; any other folder has to.
    found = [] if folder == RUNS and not folder.exists() else list_runs(folder)
    if as_json:
        print_json([{"kind": kind_name(result), **result.to_json()} for result in found])
    elif found:
        print_run_list(found)
    else:
        OUT.print(f"no runs in {folder}; start one with: zennas search --budget-params 1M --max-layers 18")


def _show_simulation(folder: Path, as_json: bool) -> None:
    from zennas.cli.console import OUT
    from zennas.cli.curves import print_simulation
    from zennas.cli.render import print_json
    from zennas.searching.simulations.running import read_simulation

    found = read_simulation(folder)
    if as_json:
        print_json(found.to_json())
        return
    settings = found.settings
    OUT.print(f"{folder}: {found.status}, search space {settings.search_space}, strategy {settings.strategy}")
    print_simulation(found)


def _show_discovery(folder: Path, as_json: bool) -> None:
    from zennas.cli.console import OUT
    from zennas.cli.discover import print_programs
    from zennas.cli.render import print_json
    from zennas.discovering.record import read_record

    found = read_record(folder)
    if as_json:
        print_json(found.to_json())
        return
    OUT.print(f"{folder}: {found.status}, {found.asked}: {found.found}")
    if found.outcome is not None:
        print_programs(found.outcome.programs, found.outcome.references)


def _show(folder: Path, as_json: bool) -> None:
    from zennas.cli.console import OUT
    from zennas.cli.render import print_correlation, print_json, print_search
    from zennas.report.listing import read_run
    from zennas.searching.result import SearchResult

    result = read_run(folder)
    if as_json:
        print_json(result.to_json())
    elif isinstance(result, SearchResult):
        settings = result.settings
        aim = f"proxy {settings.proxy}" if settings.objective == "proxy" else f"objective {settings.objective}"
        OUT.print(f"{folder}: {result.status}, search space {settings.search_space}, {aim}")
        if result.error is not None:
            OUT.print(f"it failed: {result.error}")
        print_search(result)
    else:
        OUT.print(f"{folder}: {result.status}, proxies on search space {result.settings.space}")
        print_correlation(result)
