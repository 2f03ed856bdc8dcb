"""`zennas analyze`: the structure and the cost of a network, block by block."""

from __future__ import annotations

from typing import Annotated

import typer

from zennas.cli import options as opt


def analyze(
    network: opt.Target,
    resolution: opt.Resolution = None,
    num_classes: opt.NumClasses = None,
    use_se: opt.UseSe = None,
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
    from zennas.named.structures import resolve
    from zennas.report.analysis import analysis_table, analyze_network

    if network.endswith(".onnx"):
        raise typer.BadParameter(
            f"{network} is an ONNX file, which has no structure to analyse; a file that zennas export wrote has it in "
            f"{network}.json: give that structure, or the run that was exported",
            param_hint="NETWORK",
        )
    target = resolve(network)
    analysis = analyze_network(
        target.structure,
        resolution=resolution or target.resolution or 32,
        num_classes=num_classes or target.num_classes or 10,
        use_se=bool(target.use_se) if use_se is None else use_se,
        check=check,
    )
    if as_json:
        print_json(analysis.to_json())
    else:
        OUT.print(*analysis_table(analysis))
    if analysis.disagrees:
        raise typer.Exit(1)
