"""`zennas latency estimate`: what a compiler says of a network on a device that is not here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zennas.cli import options as opt
from zennas.common.numbers import counted

if TYPE_CHECKING:
    from latency.base import Estimate


def estimate(
    network: opt.Target,
    backend: Annotated[
        str, typer.Option(help="Compiler and device, like vela:ethos-u55-128 or vela:ethos-u65-256.", metavar="NAME")
    ] = "vela:ethos-u55-128",
    resolution: opt.Resolution = None,
    num_classes: opt.NumClasses = None,
    use_se: opt.UseSe = None,
    in_channels: opt.InChannels = None,
    as_json: opt.Json = False,
) -> None:
    """Let a compiler estimate cycles and SRAM of a network in INT8, and name the operators that its accelerator does
    not take. No device is timed. Weights are random.

    Example: zennas latency estimate runs/mine --backend vela:ethos-u55-128
    """
    from zennas.budget.sources import estimator_source
    from zennas.cli.console import OUT
    from zennas.cli.render import print_json
    from zennas.named.networks import network as found

    named = estimator_source(backend)
    if named is None:
        raise typer.BadParameter(f"{backend!r} is no compiler, expected one like vela:ethos-u55-128")
    estimator, configuration = named
    subject = found(network, resolution, num_classes, use_se, in_channels).subject()
    made = estimator.estimate(subject.graph, subject.build, configuration)
    if as_json:
        print_json({"network": network, "device": configuration, **made.to_json()})
        return
    for line in lines(made, configuration):
        OUT.print(line)


def lines(made: Estimate, device: str) -> list[str]:
    """Return an estimate as sentences."""
    missing = len(made.elsewhere)
    found = [
        f"{device}: {made.ms:.4g} ms, {made.cycles:,} cycles at {made.clock_hz / 1e6:g} MHz, "
        f"{made.sram_bytes:,} bytes of SRAM",
        f"estimated by {made.compiler} for {made.system}; no device was timed",
    ]
    if missing:
        found.append(
            f"{counted(missing, 'operator')} of {made.operators} not on the NPU, and not in that time: "
            f"{', '.join(made.elsewhere)}"
        )
    else:
        found.append(f"all {made.operators} operators are on the NPU")
    return found
