"""`zennas analyze`: the structure and the cost of a network, block by block."""

from __future__ import annotations

from typing import Annotated

import typer

from zennas.cli import options as opt


def analyze(
    network: opt.AnyTarget,
    resolution: opt.Resolution = None,
    num_classes: opt.NumClasses = None,
    use_se: opt.UseSe = None,
    in_channels: opt.InChannels = None,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Also build the network, and check the numbers with fvcore.")
    ] = True,
    as_json: opt.Json = False,
) -> None:
    """Show the parameters, FLOPs and activations of a network, block by block, and check them with fvcore.

    Exits with 1 if fvcore gets different numbers.

    Example: zennas analyze zennet_imagenet1k_flops400M_SE_res224
    """
    from zennas.cli.console import OUT
    from zennas.cli.render import print_json
    from zennas.named.networks import network as found
    from zennas.report import analysis as report

    analysis = report.analyze(found(network, resolution, num_classes, use_se, in_channels), check)
    if as_json:
        print_json(analysis.to_json())
    else:
        OUT.print(*report.analysis_table(analysis))
    if analysis.disagrees:
        raise typer.Exit(1)
