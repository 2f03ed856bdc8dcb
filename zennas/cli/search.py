"""`zennas search`: design a network for a budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from zennas.budget.budgets import BUDGET, Budget
from zennas.cli import options as opt
from zennas.cli.console import tell
from zennas.cli.derived import Chosen, derived
from zennas.common.settings import from_values
from zennas.searching.fronts.goals import with_goals
from zennas.searching.settings import SCORES, SEARCH, SearchSettings
from zennas.training.job import which_dataset
from zennas.training.short import PANEL as TRAINING

if TYPE_CHECKING:
    from collections.abc import Callable

    from zennas.common.progress import WorkProgress
    from zennas.searching.executors.base import ExecutorSettings
    from zennas.searching.result import SearchResult
    from zennas.searching.simulations.running import Simulation
    from zennas.searching.trust import Trust


ON_RESUME = ("search_space", "strategy", "iterations", "trust", "workers", "executor", "address")
"""The parameters that can be given together with --resume."""


@derived(SearchSettings)
def search(
    context: typer.Context,
    *,
    chosen: Chosen,
    proxy: Annotated[
        list[str],
        typer.Option(
            help="What to maximise: zen (expected Zen-score, the best confirmed by Monte Carlo), zenmc (Monte Carlo "
            "for every candidate), az_nas (ranks among the networks kept) or any other proxy. Further proxies are only "
            "reported for the winner.",
            rich_help_panel=SEARCH,
            metavar="NAME",
            show_default="zen",
        ),
    ] = [],
    budget_latency_ms: Annotated[
        list[float],
        opt.latency_option(
            "Upper limit of the latency in milliseconds per image, like 0.3. Repeat it for several devices.", BUDGET
        ),
    ] = [],
    budget_latency: Annotated[
        list[float],
        opt.latency_option("Upper limit of the latency in seconds per image, like 3e-4, as in Zen-NAS.", BUDGET),
    ] = [],
    latency_backend: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="Source of the latency, one per limit: predictor:PROFILE (a name or a file); a compiler that "
            "estimates it without the device, about one network a second: vela:ethos-u55-128; or a back end "
            "that measures every candidate on this machine, which is slow: torch, onnxruntime:int8, torch:fp16:cuda.",
            show_default="the target's, else Zen-NAS's V100: v100-pytorch-fp16",
            rich_help_panel=BUDGET,
        ),
    ] = [],
    latency_batch_size: Annotated[
        Optional[int],
        opt.number_option("Batch size of the latency.", default="that of the profile, else 1", panel=BUDGET),
    ] = None,
    strategy_option: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=VALUE",
            help="An option of the strategy; repeatable.",
            show_default=False,
            rich_help_panel=SEARCH,
        ),
    ] = [],
    recipe: Annotated[
        Optional[Path],
        typer.Option(
            help="With the objective train: TOML file that says how networks are trained, as zennas train --config "
            "reads it, like recipes/train_cifar.toml.",
            parser=opt.file,
            metavar="FILE",
            show_default="that of zennas train",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    population_size: Annotated[
        Optional[int],
        opt.number_option("Number of networks that evolution keeps.", least=2, default="512", panel=SEARCH),
    ] = None,
    gpu: Annotated[
        Optional[int],
        typer.Option(help="Short for --device cuda:N.", min=0, metavar="N", rich_help_panel=SCORES),
    ] = None,
    workers: opt.Workers = None,
    executor: opt.Executor = None,
    address: opt.Address = None,
    save_dir: opt.SaveDir = None,
    resume: opt.Resume = None,
    trust: opt.Trust = False,
    go_on: Annotated[
        bool,
        typer.Option("--go-on", help="If --save-dir already contains a run with these settings, continue it."),
    ] = False,
    seeds: Annotated[
        Optional[int],
        opt.number_option(
            "With a table: search once for each of so many seeds, and show the curve of the best network over trained "
            "networks, with bands.",
            default="one search",
            panel=SEARCH,
        ),
    ] = None,
    as_json: opt.Json = False,
) -> None:
    """Design a network for a budget: evolve structures, confirm the best, and write best_structure.txt.

    The folder of the run contains settings.toml, which repeats the run with --config. A search space or strategy that
    is a .py file is code, which is executed: use only files that you trust. --resume and --config ask for it to be
    named again. With --resume, more --iterations extend a search.

    Example: zennas search --budget-params 1M --max-layers 18 --save-dir runs/mine

    Example: zennas search --budget-latency-ms 0.3 --latency-backend predictor:v100-pytorch-fp16 --resolution 224
    --num-classes 1000 --max-layers 16

    Example: zennas search --search-space nasbench201 --maximise naswot --minimise flops --iterations 1000

    Example: zennas search --search-space units --budget-params 80k --objective train --dataset cifar10 --epochs 9
    --train-images 10000 --strategy successive_halving --budget-evaluations 39

    Example: zennas search --search-space nasbench201 --objective table:accuracy.csv:cifar10_val --report-column
    cifar10_test --strategy aging --budget-evaluations 300 --seeds 50
    """
    from zennas.api import continue_search, search_with, simulate_with
    from zennas.budget.sources import latency_limits
    from zennas.budget.target import latency_source
    from zennas.cli.console import OUT
    from zennas.cli.progress import search_progress
    from zennas.cli.render import print_json, print_search
    from zennas.runs.designed import BEST_FILE
    from zennas.searching.executors.base import ExecutorSettings
    from zennas.searching.result import read_result
    from zennas.searching.simulations.courses import is_simulation
    from zennas.searching.trust import Trust

    values, done, running = chosen.values, None, ExecutorSettings(executor, workers, address)
    asked = str(values.pop("device", SearchSettings.device))
    device_named = opt.chosen_device(gpu, asked, "leave out --gpu, or use --device cpu")
    with search_progress(resume or save_dir) as watcher, device_named as device_name:
        if resume is not None:
            opt.refuse_settings(context, also=ON_RESUME)
            files = {name: values.get(name) for name in ("search_space", "strategy")}
            iterations = values.get("iterations")
            if is_simulation(resume):
                _continue_simulation(resume, Trust(**files, everything=trust), iterations, running, as_json)
                return
            tell_what_resumes(resume, Trust(**files, everything=trust), iterations)
            result = continue_search(
                resume,
                watcher,
                **files,
                trust=trust,
                iterations=iterations,
                note=tell,
                executor=executor,
                workers=workers,
                address=address,
            )
        else:
            milliseconds = opt.one_unit(budget_latency_ms, budget_latency)
            for doubt in opt.unit_doubts(budget_latency_ms, budget_latency):
                tell(f"warning: {doubt}")
            if latency_backend and not milliseconds:  # other devices for the budgets in the file
                milliseconds = [limit["ms"] for limit in (values.get("budget") or {}).get("latency", ())]
            if milliseconds and not latency_backend and (own := latency_source(values.get("target"))) is not None:
                latency_backend = [own]
            limits = latency_limits(milliseconds, latency_backend or None, latency_batch_size)
            if proxy and (values.get("maximise") or values.get("minimise")):
                raise typer.BadParameter(
                    f"a search has one score or several goals; for a goal, use --maximise {proxy[0]}",
                    param_hint="--proxy",
                )
            settings = from_values(
                SearchSettings,
                {
                    **with_goals(values),
                    **initial_of(values),
                    **_training(chosen, recipe),
                    **({"proxy": proxy[0], "report": tuple(proxy[1:])} if proxy else {}),
                    "budget": _budget(chosen, {"latency": limits} if limits else {}),
                    "strategy_options": {
                        **values.get("strategy_options", {}),
                        **opt.named_values(strategy_option, "--strategy-option", population_size=population_size),
                    },
                    "device": device_name,
                },
            )
            check_code(settings, chosen, trust)
            if seeds is not None:
                _simulate(as_json, lambda progress: simulate_with(settings, seeds, save_dir, running, progress, go_on))
                return
            if go_on and save_dir is not None and (save_dir / BEST_FILE).is_file() and _finished(read_result(save_dir)):
                done = f"skip {save_dir / BEST_FILE}"
            result = search_with(settings, save_dir, go_on, executor=running, watcher=watcher)
    if as_json:
        print_json(result.to_json())
    elif done is not None:
        OUT.print(done)
    else:
        print_search(result)


def _continue_simulation(
    folder: Path, trust: Trust, iterations: int | None, executor: ExecutorSettings, as_json: bool
) -> None:
    """Raises BadParameter if there are iterations, as each search has ended with those that it had."""
    from zennas.searching.simulations.running import continue_simulation

    if iterations is not None:
        raise typer.BadParameter(
            "searches with many seeds are continued as they were begun: leave it out", param_hint="--iterations"
        )
    _simulate(as_json, lambda progress: continue_simulation(folder, trust, executor, progress))


def _simulate(as_json: bool, carry_out: Callable[[WorkProgress], Simulation]) -> None:
    """Carry out a simulation with a display of its progress, and print it."""
    from zennas.cli.curves import print_simulation
    from zennas.cli.display import display
    from zennas.cli.render import print_json

    with display("simulating") as shown:
        found = carry_out(lambda done, total, what: shown.show("simulating", done, total, what))
    if as_json:
        print_json(found.to_json())
    else:
        print_simulation(found)


def _budget(chosen: Chosen, more: dict[str, Any]) -> Budget:
    """The budget; `--any-depth` also lifts a limit of layers in a file of settings."""
    said = chosen.said("budget")
    if ("budget", "any_depth") in chosen.flags and said["any_depth"] and ("budget", "layers") not in chosen.flags:
        said.pop("layers", None)
    return from_values(Budget, {**said, **more})


def _training(chosen: Chosen, recipe: Path | None) -> dict[str, dict[str, Any]]:
    """The settings of short trainings, if there are any; flags override the files. Raises BadParameter."""
    from zennas.searching.objectives.base import kind_named
    from zennas.training.short import read_recipe

    found = {**({} if recipe is None else read_recipe(recipe)), **chosen.said("training")}
    objective = str(chosen.values.get("objective", SearchSettings.objective))
    if found and not kind_named(objective).trains:
        given = [flag for way, flag in chosen.flags.items() if way[0] == "training"] or ["--recipe"]
        raise typer.BadParameter(
            f"it is for searches that train, but the objective is {objective}: add --objective train",
            param_hint=given[0],
        )
    if found and "dataset" not in found:
        raise typer.BadParameter(which_dataset(), param_hint="--dataset")
    return {"training": found} if found else {}


def initial_of(values: dict[str, Any]) -> dict[str, str]:
    """The structure to start from, as text, if one is given."""
    from zennas.named.structures import resolve

    given = values.get("initial")
    return {} if given is None else {"initial": str(resolve(str(given)).structure)}


def _finished(found: SearchResult) -> bool:
    from zennas.runs.designed import BEST_FILE
    from zennas.searching.result import FINISHED

    return found.status == FINISHED and (found.folder / BEST_FILE).is_file()


def tell_what_resumes(run: Path, trust: Trust, iterations: int | None) -> None:
    """Print which code runs, or that there is nothing to do. Raises UntrustedError if the run names other code."""
    from zennas.searching.result import read_result
    from zennas.searching.trust import trusted

    found = read_result(run)
    if iterations is None and _finished(found):
        tell(f"the run in {run} is already finished; nothing to do")
    else:
        _tell_code(trusted(run, found.settings, trust))


def _tell_code(settings: SearchSettings) -> None:
    from zennas.searching.trust import code_of

    for what, file in code_of(settings).items():
        tell(f"executing the {what} {file}")


def check_code(settings: SearchSettings, chosen: Chosen, trust: bool) -> None:
    """Print which code of a file of settings runs. Raises UntrustedError if its user has not named it."""
    from zennas.searching.trust import check_named, code_of

    flags = {"search space": "--search-space", "strategy": "--strategy"}
    named = set(chosen.flags.values())
    found = {what: file for what, file in code_of(settings).items() if flags[what] not in named}
    check_named({flags[what]: file for what, file in found.items()}, named, trust)
    for what, file in found.items():
        tell(f"executing the {what} {file}")
