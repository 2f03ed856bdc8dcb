"""The options that commands share, so that a flag means the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from zennas.numbers import parse_count


def count(text: str | int) -> int:
    """A number of things, for typer, which also hands over defaults: what does not parse is wrong usage."""
    try:
        return parse_count(str(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Target = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK",
        help="A structure string, a file with one, the folder of a run, or the name of a published network.",
        show_default=False,
    ),
]
Resolution = Annotated[
    Optional[int], typer.Option(help="Side of the square input image.  [default: the network's own, else 32]", min=1)
]
NumClasses = Annotated[
    Optional[int],
    typer.Option(help="Classes that the network tells apart.  [default: the network's own, else 10]", min=1),
]
UseSe = Annotated[
    Optional[bool],
    typer.Option(
        "--use-se/--no-use-se", help="Squeeze-and-excitation in the super-blocks.  [default: the network's own]"
    ),
]
BatchSize = Annotated[int, typer.Option(help="Images in a batch, for proxies that run networks.", min=2)]
Repeats = Annotated[int, typer.Option(help="Repetitions of a random score.", min=1)]
Seed = Annotated[int, typer.Option(help="Seed of all randomness.", min=0)]
Device = Annotated[str, typer.Option(help="Where networks run: auto (CUDA where there is one), cpu, cuda, cuda:1.")]
Gpu = Annotated[Optional[int], typer.Option(help="Short for --device cuda:N.", min=0)]
Precision = Annotated[str, typer.Option(help="fp32, or bf16 where scores may be a little coarser and are faster.")]
SaveDir = Annotated[
    Optional[Path], typer.Option(help="Folder of the run.  [default: a new one in runs/]", file_okay=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output and nothing else.")]


def device_name(device: str, gpu: int | None) -> str:
    return device if gpu is None else f"cuda:{gpu}"
