"""`zennas search`: design a network for a budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from zennas.cli import options as opt


def search(
    context: typer.Context,
    search_space: Annotated[str, typer.Option(help="XXBL, IDW_fixfc, or a .py file with gen_search_space.")] = "XXBL",
    initial: Annotated[
        Optional[str],
        typer.Option(metavar="NETWORK", help="Structure (or file) to start from.  [default: the space's]"),
    ] = None,
    budget_params: Annotated[
        Optional[int],
        typer.Option(parser=opt.count, metavar="NUMBER", help="At most so many parameters, like 1M or 1e6."),
    ] = None,
    budget_flops: Annotated[
        Optional[int],
        typer.Option(
            parser=opt.count, metavar="NUMBER", help="At most so many multiply–accumulates an image, like 400M."
        ),
    ] = None,
    max_layers: Annotated[
        Optional[int], typer.Option(help="At most so many layers (sum of sub_layers).", min=1)
    ] = None,
    resolution: Annotated[int, typer.Option(help="Side of the square input image.", min=1)] = 32,
    num_classes: Annotated[int, typer.Option(help="Classes that the network tells apart.", min=1)] = 10,
    use_se: Annotated[bool, typer.Option("--use-se", help="Squeeze-and-excitation in the super-blocks.")] = False,
    proxy: Annotated[
        str,
        typer.Option(
            help="What to maximise: zen (expected Zen-score, the best confirmed by Monte Carlo), zenmc (Monte Carlo "
            "for every candidate), zen_expected, flops, params, random."
        ),
    ] = "zen",
    iterations: Annotated[
        int, typer.Option(parser=opt.count, metavar="NUMBER", help="Mutations to try, like 480k.")
    ] = 480_000,
    population_size: Annotated[int, typer.Option(help="Networks kept.", min=2)] = 512,
    seed: opt.Seed = 0,
    batch_size: opt.BatchSize = 16,
    repeats: Annotated[int, typer.Option(help="Repetitions with which the best are confirmed.", min=1)] = 8,
    top: Annotated[int, typer.Option(help="How many of the best are confirmed.", min=1)] = 8,
    device: opt.Device = "auto",
    gpu: opt.Gpu = None,
    precision: opt.Precision = "fp32",
    save_dir: opt.SaveDir = None,
    resume: Annotated[
        Optional[Path], typer.Option(metavar="RUN", help="Continue the run in that folder, with its own settings.")
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Design a network for a budget: evolve structures, confirm the best, write best_structure.txt.

    Example: zennas search --budget-params 1M --max-layers 18 --save-dir runs/mine
    """
    from zennas.api import continue_search
    from zennas.api import search as run_search
    from zennas.cli.progress import search_progress
    from zennas.cli.render import print_json, print_search
    from zennas.targets import resolve

    with search_progress(resume or save_dir) as watcher:
        if resume is not None:
            _refuse_settings(context)
            result = continue_search(resume, watcher)
        else:
            result = run_search(
                search_space=search_space,
                initial=None if initial is None else str(resolve(initial).structure),
                budget_params=budget_params,
                budget_flops=budget_flops,
                max_layers=max_layers,
                resolution=resolution,
                num_classes=num_classes,
                use_se=use_se,
                proxy=proxy,
                iterations=iterations,
                population_size=population_size,
                seed=seed,
                batch_size=batch_size,
                repeats=repeats,
                top=top,
                device=opt.device_name(device, gpu),
                precision=precision,
                save_dir=save_dir,
                watcher=watcher,
            )
    if as_json:
        print_json(result.to_json())
    else:
        print_search(result)


def _refuse_settings(context: typer.Context) -> None:
    """With --resume the settings are the run's; any other on the command line is a misunderstanding."""
    given = [
        parameter
        for parameter in context.params
        if parameter not in ("resume", "as_json")
        and getattr(context.get_parameter_source(parameter), "name", "") == "COMMANDLINE"
    ]
    if given:
        names = ", ".join("--" + name.replace("_", "-") for name in given)
        raise typer.BadParameter(f"the run keeps its own settings; leave out {names}", param_hint="--resume")
