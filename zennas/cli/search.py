"""`zennas search`: design a network for a budget."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from zennas.cli import options as opt
from zennas.common.limits import MAX_RESOLUTION


def search(
    context: typer.Context,
    search_space: Annotated[str, typer.Option(help="XXBL, IDW_fixfc, or a .py file with gen_search_space.")] = "XXBL",
    initial: Annotated[
        Optional[str],
        typer.Option(metavar="NETWORK", help="Structure (or file) to start from.", show_default="the space's"),
    ] = None,
    budget_params: Annotated[Optional[int], opt.number_option("At most so many parameters, like 1M or 1e6.")] = None,
    budget_flops: Annotated[
        Optional[int], opt.number_option("At most so many multiply-accumulates an image, like 400M.")
    ] = None,
    max_layers: Annotated[
        Optional[int],
        opt.number_option(
            "At most so many layers (sum of sub_layers). Set it: depth raises the score, and without a limit "
            "networks become too deep to train.",
            default="no limit",
        ),
    ] = None,
    budget_latency_ms: Annotated[
        list[float],
        opt.latency_option("At most so many milliseconds an image, like 0.3. Give it again for another device."),
    ] = [],
    budget_latency: Annotated[list[float], opt.latency_option("The same in seconds, like 3e-4: Zen-NAS's flag.")] = [],
    latency_backend: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="Whose latency that is, once for each budget: predictor:PROFILE (a name or a file), or a back end "
            "that measures every candidate here, which is slow: torch, onnxruntime:int8, torch:fp16:cuda.",
            show_default="Zen-NAS's V100: v100-pytorch-fp16",
        ),
    ] = [],
    latency_batch_size: Annotated[
        Optional[int], opt.number_option("Images at a time, for the latency.", default="the profile's, else 1")
    ] = None,
    resolution: Annotated[int, opt.number_option("Side of the square input image.", most=MAX_RESOLUTION)] = 32,
    num_classes: Annotated[int, opt.number_option("Classes that the network tells apart.")] = 10,
    use_se: Annotated[
        bool, typer.Option("--use-se/--no-use-se", help="Squeeze and excitation (SE) in the super-blocks.")
    ] = False,
    proxy: Annotated[
        list[str],
        typer.Option(
            help="What to maximise: zen (expected Zen-score, the best confirmed by Monte Carlo), zenmc (Monte Carlo "
            "for every candidate), az_nas (ranks among the networks kept) or any other proxy. Given again: reported "
            "for the winner."
        ),
    ] = ["zen"],
    iterations: Annotated[int, opt.number_option("Structures to try, like 480k.")] = 480_000,
    strategy: Annotated[
        str, typer.Option(metavar="NAME", help="How to search: evolution, random, or a .py file that registers one.")
    ] = "evolution",
    strategy_option: Annotated[
        list[str],
        typer.Option(metavar="NAME=VALUE", help="An option of the strategy; repeatable.", show_default=False),
    ] = [],
    population_size: Annotated[
        Optional[int], opt.number_option("Of evolution: networks kept.", least=2, default="512")
    ] = None,
    ahead: Annotated[
        Optional[int],
        opt.number_option(
            "Candidates proposed before the first of them is scored.", default="1; 16 where networks are run"
        ),
    ] = None,
    seed: opt.Seed = 0,
    batch_size: opt.BatchSize = 16,
    repeats: Annotated[int, opt.number_option("Repetitions with which the best are confirmed.")] = 8,
    top: Annotated[
        int,
        opt.number_option("How many of the best are confirmed, and measured where the budget's devices are here."),
    ] = 8,
    device: opt.Device = "auto",
    gpu: opt.Gpu = None,
    precision: opt.Precision = "fp32",
    workers: opt.Workers = None,
    executor: opt.Executor = None,
    address: opt.Address = None,
    save_dir: opt.SaveDir = None,
    resume: opt.Resume = None,
    as_json: opt.Json = False,
) -> None:
    """Design a network for a budget: evolve structures, confirm the best, write best_structure.txt.

    Example: zennas search --budget-params 1M --max-layers 18 --save-dir runs/mine

    Example: zennas search --budget-latency-ms 0.3 --latency-backend predictor:v100-pytorch-fp16 --resolution 224
    """
    from zennas.api import continue_search
    from zennas.api import search as run_search
    from zennas.cli.progress import search_progress
    from zennas.cli.render import print_json, print_search
    from zennas.named.structures import resolve

    device_named = opt.chosen_device(gpu, device, "leave out --gpu, or use --device cpu")
    with search_progress(resume or save_dir) as watcher, device_named as device_name:
        if resume is not None:
            opt.refuse_settings(context, also=("workers", "executor", "address"))
            _tell_if_finished(resume)
            result = continue_search(resume, watcher, executor=executor, workers=workers, address=address)
        else:
            result = run_search(
                search_space=search_space,
                initial=None if initial is None else str(resolve(initial).structure),
                budget_params=budget_params,
                budget_flops=budget_flops,
                max_layers=max_layers,
                budget_latency_ms=opt.one_unit(budget_latency_ms, budget_latency),
                latency_backend=latency_backend,
                latency_batch_size=latency_batch_size,
                resolution=resolution,
                num_classes=num_classes,
                use_se=use_se,
                proxy=proxy[0],
                report=tuple(proxy[1:]),
                iterations=iterations,
                strategy=strategy,
                strategy_options=opt.named_values(strategy_option, population_size=population_size),
                ahead=ahead,
                seed=seed,
                batch_size=batch_size,
                repeats=repeats,
                top=top,
                device=device_name,
                precision=precision,
                save_dir=save_dir,
                executor=executor,
                workers=workers,
                address=address,
                watcher=watcher,
            )
    if as_json:
        print_json(result.to_json())
    else:
        print_search(result)


def _tell_if_finished(run: Path) -> None:
    from zennas.searching.result import FINISHED, read_result

    if read_result(run).status == FINISHED:
        print(f"the run in {run} was finished already: nothing is searched", file=sys.stderr)
