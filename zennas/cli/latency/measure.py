"""`zennas latency measure`: time networks on this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from PlainNet.sizes import Size
from zennas.cli import options as opt
from zennas.cli.latency import common

if TYPE_CHECKING:
    from latency.base import LatencyStats
    from latency.measuring.measure import Breakdown
    from zennas.named.networks import Network


_BY_BLOCK = "Show the time of each block. Several networks are then measured one after another, not in turns."


def measure(
    networks: common.Networks,
    backend: common.Backend = "torch",
    precision: common.Precision = "fp32",
    device: common.Device = "cpu",
    threads: common.Threads = 1,
    batch_size: common.BatchSize = 1,
    resolution: common.Resolution = None,
    num_classes: opt.NumClasses = None,
    use_se: opt.UseSe = None,
    in_channels: opt.InChannels = None,
    by_block: Annotated[bool, typer.Option("--by-block", help=_BY_BLOCK)] = False,
    option: common.Options = [],
    seconds: common.Seconds = 10.0,
    relative_error: common.RelativeError = 0.01,
    seed: opt.Seed = 0,
    out: common.Out = None,
    as_json: opt.Json = False,
) -> None:
    """Measure the latency of networks on this machine, with spread and conditions; several networks take turns.

    Example: zennas latency measure torchvision:resnet18 --backend onnxruntime --precision int8 --resolution 224
    """
    from latency.measuring.measure import MOST_WAITING, compare, measure_blocks
    from zennas.cli.console import OUT
    from zennas.cli.errors import interruptible
    from zennas.cli.render import print_json
    from zennas.named.networks import network

    chosen = common.settings(backend, precision, device, threads, batch_size, option, seconds, relative_error, seed)
    named = [network(text, resolution, num_classes, use_se, in_channels) for text in networks]
    subjects = [one.subject() for one in named]
    parts: list[Breakdown] = []
    with interruptible(lambda: "; nothing was written"):
        if by_block:
            parts = [measure_blocks(subject, chosen) for subject in subjects]
            stats = [part.whole for part in parts]
            rows = [_with_blocks(of, part) for of, part in zip(named, parts, strict=True)]
        else:
            stats = compare(subjects, chosen)
            rows = [each.to_json() for each in stats]
    if out is not None:
        common.write_rows(out, rows if out.suffix == ".json" else [_flat(each) for each in stats])
    if as_json:
        print_json(rows[0] if len(rows) == 1 else rows)
        return
    _print(stats)
    for of, part in zip(named, parts, strict=False):
        _print_blocks(of, part)
    OUT.print(_conditions(stats))
    for each in stats:
        if "in_float32" in each.conditions:
            OUT.print(f"{each.network}: {each.conditions['in_float32']['text']}")
        calm = each.conditions.get("difference_with_calm_weights")
        if calm is not None:
            OUT.print(
                f"{each.network}: INT8 noise is large with these weights: logits differ by {each.difference:.2g} of "
                f"their size, with calmer weights by {calm:.2g}; the time is valid, the accuracy would not be",
            )
        waiting = each.conditions.get("waiting_share")
        if not each.settled and waiting is not None and waiting > MOST_WAITING:
            OUT.print(
                f"{each.network}: not settled; other programs had the processor for {100 * waiting:.0f} % of the time: "
                "stop them, and measure again"
            )
        elif not each.settled:
            OUT.print(f"{each.network}: not stable yet; allow more time with --seconds, or stop other programs")


def _with_blocks(of: Network, part: Breakdown) -> dict[str, Any]:
    """The breakdown for JSON, with the name of each block and its time per image as well as per batch."""
    found = part.to_json()
    for row, block in zip(found["blocks"], part.blocks, strict=True):
        row.update(name=of.block_name(block.block), latency_ms=block.ms / part.whole.settings.batch_size)
    return found


def _flat(stats: LatencyStats) -> dict[str, object]:
    """A measurement as a row of a CSV file."""
    batch = stats.settings.batch_size
    low, high = stats.interval or (None, None)
    return {
        "network": stats.network,
        "resolution": stats.resolution,
        "backend": stats.settings.backend,
        "precision": stats.settings.precision,
        "device": stats.settings.device,
        "threads": stats.settings.threads,
        "batch_size": batch,
        "latency_ms": stats.latency_ms,
        "low_ms": None if low is None else low / batch,
        "high_ms": None if high is None else high / batch,
        "p90_ms": stats.p90 / batch,
        "p99_ms": stats.p99 / batch,
        "mean_ms": stats.mean / batch,
        "samples": len(stats.samples),
        "settled": stats.settled,
    }


def _interval(stats: LatencyStats) -> str:
    if stats.interval is None:
        return "–"
    low, high = (ms / stats.settings.batch_size for ms in stats.interval)
    return f"{low:.4g} to {high:.4g}"


def _print(stats: list[LatencyStats]) -> None:
    from zennas.cli.console import OUT
    from zennas.cli.render import table

    numbers = ("pixels", "ms/image", "95 % interval", "p90", "p99", "images/s", "relative", "samples")
    rows = table("network", *numbers, right=numbers)
    for each, share in zip(stats, relative(stats), strict=True):
        batch = each.settings.batch_size
        rows.add_row(
            each.network,
            str(each.resolution),
            f"{each.latency_ms:.4g}",
            _interval(each),
            f"{each.p90 / batch:.4g}",
            f"{each.p99 / batch:.4g}",
            f"{1000 / each.latency_ms:.4g}",
            "–" if share is None else f"{share:.2f}",
            str(len(each.samples)),
        )
    OUT.print(rows)
    sizes = {each.resolution for each in stats}
    if len(sizes) > 1:
        OUT.print(
            f"relative: to the first network with the same resolution; here are {len(sizes)} resolutions, "
            "--resolution measures all at one"
        )


def relative(stats: Sequence[LatencyStats]) -> list[float | None]:
    """The latency of each network as a multiple of that of the first network with the same resolution.

    None for a network that is the only one with its resolution, as there is nothing to compare it with.
    """
    first: dict[Size, float] = {}
    count = Counter(each.resolution for each in stats)
    for each in stats:
        first.setdefault(each.resolution, each.latency_ms)
    return [
        None if len(stats) > 1 and count[each.resolution] == 1 else each.latency_ms / first[each.resolution]
        for each in stats
    ]


def _print_blocks(of: Network, part: Breakdown) -> None:
    from zennas.cli.console import OUT
    from zennas.cli.render import table

    batch = part.whole.settings.batch_size
    rows = table("block", "ms/image", "share", "kernels", right=("ms/image", "share", "kernels"))
    for block in part.blocks:
        rows.add_row(
            of.block_name(block.block),
            f"{block.ms / batch:.4g}",
            f"{100 * part.share(block):.1f} %",
            str(block.kernels),
        )
    if part.rest_ms:
        share = 100 * part.rest_ms / part.sum_ms if part.sum_ms else 0
        rows.add_row("changes of layout and similar", f"{part.rest_ms / batch:.4g}", f"{share:.1f} %", "")
    OUT.print(f"{part.whole.network}, kernels timed one by one, including the profiler's overhead:")
    OUT.print(rows)


def _conditions(stats: Sequence[LatencyStats]) -> str:
    found = stats[0].conditions
    versions = ", ".join(f"{name} {version}" for name, version in found.get("versions", {}).items())
    load = found.get("load") or {}
    loads = ", ".join(f"{load[when]:.1f} {when}" for when in ("before", "after") if load.get(when) is not None)
    off = max(each.difference for each in stats)
    return (
        f"{stats[0].settings}; medians; {found.get('processor')}; {versions}"
        + (f"; load {loads}" if loads else "")
        + (f"; computed in {found['arithmetic']}" if "arithmetic" in found else "")
        + f"; logits within {off:.1e} of PyTorch's"
    )
