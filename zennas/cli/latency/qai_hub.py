"""`zennas latency qai-hub`: published latencies of Qualcomm devices, as a list for `zennas latency adapt`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from zennas.cli import options as opt
from zennas.cli.latency import common
from zennas.common.numbers import counted

_TEXT: Any = {"metavar": "NAME", "parser": opt.one_line}


def qai_hub(
    package: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="The wheel of qai-hub-models (pip download --no-deps qai-hub-models), or its folder.",
            show_default=False,
        ),
    ],
    device: Annotated[
        Optional[str], typer.Option(help="A device, as the package names it.", show_default="list all", **_TEXT)
    ] = None,
    runtime: Annotated[str, typer.Option(help="tflite, onnx, qnn_dlc or another runtime there.", **_TEXT)] = "tflite",
    precision: Annotated[str, typer.Option(help="float, w8a8 or another precision there.", **_TEXT)] = "float",
    out: Annotated[
        Optional[Path], typer.Option(help="Write the CSV file there instead of printing it.", metavar="FILE")
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Read the latencies of Qualcomm devices that the package qai-hub-models publishes, for zennas latency adapt.

    Without --device, it lists devices, runtimes and precisions, and how many networks there are of each.

    Example: zennas latency qai-hub qai_hub_models-0.65.0-py3-none-any.whl --device "Samsung Galaxy S24" --out s24.csv
    """
    from latency.predicting.table import LATENCY
    from PlainNet.files import write_out
    from zennas.cli.console import OUT, tell
    from zennas.cli.render import print_json, table
    from zennas.report import qai_hub as source
    from zennas.report.predictions import as_csv

    found = source.latencies(package)
    twins = source.twins(found)
    if device is None:
        listed = [(kind, count, twins.get(kind.device)) for kind, count in source.kinds(found).items()]
        if as_json:
            print_json([{**kind._asdict(), "networks": count, "same_as": twin} for kind, count, twin in listed])
            return
        rows = table(*source.Kind._fields, "networks", "the same numbers as", right=("networks",))
        for kind, count, twin in listed:
            rows.add_row(*kind, str(count), twin or "")
        OUT.print(rows)
        return
    chosen = source.of_kind(found, source.Kind(device, runtime, precision))
    if as_json:
        print_json([{"arch": one.network, LATENCY: one.ms, "mixed": one.mixed} for one in chosen])
        return
    mixed = sum(one.mixed for one in chosen)
    if mixed:
        tell(f"{counted(mixed, 'network')} of {len(chosen)} ran on several units, such as the CPU beside the NPU")
    if device in twins:
        tell(f"the package gives {device} the numbers of {twins[device]}: one device was measured for both")
    text = as_csv([{"arch": one.network, LATENCY: one.ms} for one in chosen])
    if out is None:
        common.print_csv(text)
        return
    write_out(out, text.encode())
    tell(f"wrote {out}, {counted(len(chosen), 'network')}; zennas latency adapt --measured {out} makes a profile of it")
