"""`zennas analyze`: the structure and the cost of a network, block by block."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from zennas.cli import options as opt


def analyze(
    network: opt.AnyTarget,
    resolution: opt.Resolution = None,
    num_classes: opt.NumClasses = None,
    use_se: opt.UseSe = None,
    in_channels: opt.InChannels = None,
    target: Annotated[
        Optional[str],
        typer.Option(
            help="Chip or board, or a .toml file that describes one: also say whether the network fits, and why not.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Also build the network, and check the numbers with fvcore.")
    ] = True,
    as_json: opt.Json = False,
) -> None:
    """Show the parameters, FLOPs and activations of a network, block by block, and check them with fvcore.

    Exits with 1 if fvcore gets different numbers.

    Example: zennas analyze zennet_imagenet1k_flops400M_SE_res224

    Example: zennas analyze runs/mine --target stm32f746
    """
    from zennas.budget.target import find_target
    from zennas.cli.console import OUT
    from zennas.cli.render import print_json
    from zennas.named.networks import network as found
    from zennas.report import analysis as report

    chip = None if target is None else find_target(target)
    analysis = report.analyze(found(network, resolution, num_classes, use_se, in_channels), check, chip)
    if as_json:
        print_json(analysis.to_json())
    else:
        OUT.print(*report.analysis_table(analysis))
    if analysis.disagrees:
        raise typer.Exit(1)
