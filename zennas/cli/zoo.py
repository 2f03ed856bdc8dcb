"""`zennas zoo`: the models of the zoo, including your own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from zennas.cli import options as opt

if TYPE_CHECKING:
    from zennas.named.zoo import Zoo

app = typer.Typer(no_args_is_help=True, help="Models by name: published, shipped, and your own.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="A model's name.", show_default=False)]


@app.command("list")
def list_models(
    pattern: Annotated[str, typer.Argument(help="Pattern of names, with the wildcards *, ? and [abc].")] = "*",
    as_json: opt.Json = False,
) -> None:
    """List the models of the zoo, and where their weights are.

    Example: zennas zoo list '*imagenet*'
    """
    from zennas.cli.console import OUT
    from zennas.cli.render import print_json
    from zennas.named.zoo import read_zoo

    zoo = read_zoo(pattern)
    if as_json:
        print_json(zoo.to_json())
    elif zoo.models or zoo.damaged:
        _print_zoo(zoo)
    else:
        OUT.print(f"no model's name matches {pattern}; see: zennas zoo list")


@app.command()
def show(name: Name, as_json: opt.Json = False) -> None:
    """Show everything known about a model.

    Example: zennas zoo show zennet_imagenet1k_flops400M_SE_res224
    """
    import ZenNet
    from zennas.cli.render import print_json

    info = ZenNet.model_info(name)
    if as_json:
        print_json(info)
    else:
        _print_model(info)


@app.command()
def add(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="The folder of a training, or of a search that contains one training.",
            parser=opt.folder,
            show_default=False,
        ),
    ],
    name: Annotated[
        Optional[str], typer.Option(help="Name of the model.", metavar="NAME", show_default="the folder's name")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a model of yours that has the same name.")
    ] = False,
    as_json: opt.Json = False,
) -> None:
    """Add a network that you trained to your zoo under a name; its weights are copied.

    Example: zennas zoo add runs/mine --name mine
    """
    from zennas.cli.console import OUT
    from zennas.cli.render import print_json
    from zennas.named.zoo import add_training

    info = add_training(run, name, replace)
    if as_json:
        print_json(info)
    else:
        OUT.print(f"{info['name']}: {Path(info['weights']['file']).parent}")


@app.command()
def remove(name: Name) -> None:
    """Remove a model from your zoo, and delete its weights.

    Example: zennas zoo remove mine
    """
    import ZenNet
    from zennas.cli.console import OUT

    ZenNet.remove_model(name)
    OUT.print(f"removed {name}")


def _print_zoo(zoo: Zoo) -> None:
    from zennas.cli.console import OUT
    from zennas.cli.render import table
    from zennas.common.numbers import format_count
    from zennas.named.zoo import accuracy

    numbers = ("params", "FLOPs", "pixels", "classes", "top-1")
    rows = table("name", *numbers, "weights", right=numbers)
    for info in zoo.models:
        counts = (format_count(info["params"]), format_count(info["flops"]))
        shapes = (str(info["resolution"]), str(info["num_classes"]))
        rows.add_row(info["name"], *counts, *shapes, _per_cent(accuracy(info)), info["weights"]["state"])
    for name in zoo.damaged:
        rows.add_row(name, *["–"] * len(numbers), "damaged")
    OUT.print(rows)
    OUT.print("FLOPs are multiply–accumulates; top-1 in per cent, measured here or published")
    for why in zoo.damaged.values():
        OUT.print(why)


_MEASURED = (("top1", "top-1"), ("top5", "top-5"))
_UNITS = {
    "params": "parameters",
    "flops": "FLOPs",
    "top1": "% top-1",
    "v100_ms": "ms per image on a V100 (batch 64, FP16)",
    "t4_ms": "ms on a T4 (batch 64, TensorRT INT8)",
    "pixel2_ms": "ms on a Pixel 2 (one image)",
}
"""Names and units of published numbers."""


def _print_model(info: dict[str, Any]) -> None:
    from rich.text import Text

    from zennas.cli.console import OUT
    from zennas.common.numbers import format_count

    weights, classes = info["weights"], info["classes"] or []
    names = f" ({', '.join(classes[:12])}{', …' if len(classes) > 12 else ''})" if classes else ""
    shown = _MEASURED[: 2 if info["num_classes"] > 5 else 1]  # of five classes, top-5 is always 100 %
    measured = [f"{info[key]:.2f} % {label}" for key, label in shown if info[key] is not None]
    where = "not downloaded yet, goes to" if weights["state"] == "address" else f"{weights['state']},"
    kept = f"{where} {weights['file']}" if weights["file"] else ""
    published = [
        f"{format_count(value) if key in ('params', 'flops') else f'{value:g}'} {_UNITS.get(key, key)}"
        for key, value in info["published"].items()
    ]
    normalised = (f"{name} {' '.join(f'{v:g}' for v in values)}" for name, values in info["normalisation"].items())
    lines = {
        "structure": info["structure"],
        "cost": f"{info['params']:,} parameters, {format_count(info['flops'])} FLOPs (multiply–accumulates)",
        "squeeze and excitation": "yes" if info["use_se"] else "no",
        "images": f"{info['resolution']} pixels, normalised by {', '.join(normalised)}",
        "classes": f"{info['num_classes']}{names}",
        "data set": info["dataset"],
        "measured": ", ".join(measured),
        "published": ", ".join(published),
        "note": info["note"],
        "card": info["card"],
        "source": info["source"],
        "weights": kept,
        "address": weights["url"],
    }
    OUT.print(Text(f"{info['name']} ({info['origin']})", style="bold"))
    for what, text in lines.items():
        if text:
            OUT.print(f"  {what}: {text}")


def _per_cent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
