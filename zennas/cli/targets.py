"""`zennas targets`: the chips and boards that networks can be designed for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from zennas.cli import options as opt

if TYPE_CHECKING:
    from zennas.budget.target import Target


def targets(
    name: Annotated[
        Optional[str],
        typer.Argument(metavar="NAME", help="A target, or a .toml file that describes one.", show_default=False),
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """List the chips and boards that --target can name, or show one with its facts and where they come from.

    Example: zennas targets stm32f746
    """
    from zennas.budget.target import TARGETS, find_target
    from zennas.cli.console import OUT
    from zennas.cli.render import print_json, table
    from zennas.report.targets import COLUMNS, RIGHT, cells, lines

    if name is not None:
        found = find_target(name)
        if as_json:
            print_json(found.to_json())
        else:
            _print(found, lines(found))
        return
    if as_json:
        print_json([target.to_json() for target in TARGETS])
        return
    rows = table(*COLUMNS, right=RIGHT, folded=("what it is", "rules"))
    for target in TARGETS:
        rows.add_row(*cells(target))
    OUT.print(rows)


def _print(target: Target, said: list[str]) -> None:
    from zennas.cli.console import OUT

    OUT.print(f"{target.name}: {target.title}")
    for line in said:
        OUT.print(f"  {line}")
