"""`zennas discover`: evolve programs that rank networks by their accuracies, as EZNAS does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from zennas.cli import options as opt
from zennas.cli.console import OUT, tell
from zennas.cli.derived import Chosen, derived
from zennas.discovering.choices import EvolutionSettings
from zennas.discovering.source_settings import SourceSettings

if TYPE_CHECKING:
    from zennas.discovering.finals import Final
    from zennas.discovering.record import Ranked

Export = Annotated[
    Optional[Path],
    typer.Option(
        help="Also write the best program to this file, for --proxy program:FILE.", parser=opt.file, metavar="FILE"
    ),
]

Point = Annotated[
    Optional[int],
    typer.Option(
        help="With --export: write this point of the front instead, after a search with --select nsga2.",
        metavar="NUMBER",
        min=1,
    ),
]


@derived(SourceSettings, EvolutionSettings)
def discover(
    context: typer.Context,
    *,
    chosen: Chosen,
    save_dir: opt.SaveDir = None,
    resume: opt.Resume = None,
    export: Export = None,
    trust: opt.Trust = False,
    point: Point = None,
    workers: opt.Workers = None,
    executor: opt.Executor = None,
    address: opt.Address = None,
    as_json: opt.Json = False,
) -> None:
    """Evolve programs that rank networks by their accuracies, and compare the best ones on held-out networks.

    Statistics of all networks are stored in the folder of the run first; it says how much they take. The folder
    contains settings.toml, which repeats the run with --config.

    Example: zennas discover --table nb201.csv.gz --dataset cifar10 --dataset cifar100 --save-dir programs
    """
    from PlainNet.files import write_out
    from zennas.cli.progress import discover_progress
    from zennas.cli.render import print_json
    from zennas.common.folders import new_folder
    from zennas.discovering.files import RESULT
    from zennas.discovering.from_tables import carry_out, opened, prepare
    from zennas.discovering.running import front_file
    from zennas.searching.executors.base import ExecutorSettings, check_executor

    place = ExecutorSettings(executor, workers, address)
    check_executor(place)
    folder = resume or save_dir or new_folder("discover")
    with discover_progress(folder) as (collected, evolved):
        if resume is not None:
            opt.refuse_settings(context, also=("export", "trust", "point", "workers", "executor", "address"))
            prepared = opened(folder)
        elif "tables" not in chosen.values:
            raise typer.BadParameter("which table? expected a file of accuracies", param_hint="--table")
        else:
            _check_code(chosen, trust)
            evolution = chosen.make(EvolutionSettings)
            _check_point(point, evolution)
            prepared = prepare(chosen.make(SourceSettings), evolution, folder)
        _check_point(point, prepared.evolution)
        count = sum(len(source.structures) for source in prepared.sources)
        tell(f"statistics of {count:,} networks take up to {_bytes(prepared.size)} in {folder}")
        found = carry_out(prepared, folder, collected, evolved, place)
    chosen_file = found.best if point is None else front_file(folder, found, point)
    if export is not None and chosen_file is not None:
        write_out(export, chosen_file.read_bytes())
    if as_json:
        from zennas.discovering.files import read_json

        print_json({**read_json(folder / RESULT), "folder": str(folder)})
        return
    print_programs(found.programs, found.references)
    if found.best is None:
        tell("no program has scores for all held-out networks, so none is written")
    else:
        what = "best program" if point is None else f"point {point} of the front"
        tell(f"{what}: {export or chosen_file}; use it as --proxy program:{export or chosen_file}")


def _check_point(point: int | None, evolution: EvolutionSettings) -> None:
    if point is not None and evolution.select != "nsga2":
        raise typer.BadParameter("only searches with --select nsga2 have a front", param_hint="--point")


def _check_code(chosen: Chosen, trust: bool) -> None:
    """Print which code of a file of settings runs. Raises UntrustedError if its user has not named it."""
    from SearchSpace import SPACES, lasting_space
    from zennas.searching.trust import check_named

    if "--space" in chosen.flags.values():
        return
    for space in map(lasting_space, chosen.values.get("spaces", ())):
        if space not in SPACES:
            check_named({"--space": Path(space)}, (), trust)
            tell(f"executing the search space {space}")


def print_programs(programs: Sequence[Final | Ranked], references: Sequence[Final | Ranked]) -> None:
    """Print how well programs and what they are compared with rank the held-out networks, as a table."""
    from zennas.cli.render import table

    costed = any(one.microseconds is not None for one in programs)
    more = ("µs", "point") if costed else ()
    columns = ("program", "smallest tau", "tau and interval of each task", "nodes", *more)
    rows = table(*columns, right=("smallest tau", "nodes", *more))
    for one in (*programs, *references):
        name = _short(one.name)
        if one.value is None:
            rows.add_row(name, "none", _short(str(one.reason)), str(one.nodes or ""), *_cost(one, costed))
            continue
        taus = "; ".join(f"{tau.value:.3f} ({tau.low:.3f} to {tau.high:.3f})" for tau in one.taus)
        rows.add_row(name, f"{one.value:.3f}", taus, str(one.nodes or ""), *_cost(one, costed))
    OUT.print(rows)


def _cost(one: Final | Ranked, costed: bool) -> tuple[str, ...]:
    if not costed:
        return ()
    return ("" if one.microseconds is None else f"{one.microseconds:,.0f}", str(one.point or ""))


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"


def _bytes(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.2f} MB"
