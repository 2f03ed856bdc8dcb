"""`zennas front`: the best network at every cost of a range, in one search."""

from __future__ import annotations

from typing import Annotated, Any, Optional

import typer

from zennas.budget.budgets import BUDGET, Budget
from zennas.cli import options as opt
from zennas.cli.console import tell
from zennas.cli.derived import Chosen, derived
from zennas.cli.search import ON_RESUME, check_code, initial_of, tell_what_resumes
from zennas.common.settings import from_values
from zennas.searching.settings import SCORES, SEARCH, SearchSettings

FRONT = "Front"
_WITHOUT = (
    "strategy",
    "objective",
    "maximise",
    "minimise",
    "report_column",
    "seconds_column",
    "training",
    "budget_evaluations",
    "duplicates",
    "warm_up",
    "warm_up_proxy",
    "move_proposal",
    "move_random",
    "iterations",
    "top",
    "confirmation",
    "confirm_by",
)
"""Settings that a front decides itself, or that mean something else here."""


def _steps(text: str) -> str:
    """Check `20` or `8x8`, for typer."""
    parts = str(text).lower().split("x")
    if len(parts) > 2:
        raise typer.BadParameter(f"{text!r} has {len(parts)} numbers, expected one for each cost, like 20 or 8x8")
    return "x".join(str(opt.count(least=2)(part)) for part in parts)


@derived(SearchSettings, without=_WITHOUT)
def front(
    context: typer.Context,
    *,
    chosen: Chosen,
    over: Annotated[
        list[str],
        typer.Option(
            metavar="COST",
            help="The cost: params, flops, activations, ram, flash (bytes in INT8) or latency:NAME, with a "
            "profile that predicts (latency:v100-pytorch-fp16) or a back end that measures every candidate "
            "(latency:onnxruntime:int8). Twice for two costs.",
            show_default=False,
            rich_help_panel=FRONT,
        ),
    ] = [],
    between: Annotated[
        list[str],
        typer.Option(
            "--range",
            metavar="LOW:HIGH",
            help="Costs of the first and of the last point, like 100k:1M or 0.1ms:1.2ms; those between are spaced "
            "by equal factors. One for each cost.",
            show_default=False,
            rich_help_panel=FRONT,
        ),
    ] = [],
    points: Annotated[
        Optional[str],
        typer.Option(
            parser=_steps,
            metavar="NUMBER",
            help="Number of points at most; over two costs, of steps of each, like 8x8.",
            show_default="20, 8x8 over two costs",
            rich_help_panel=FRONT,
        ),
    ] = None,
    members: Annotated[
        Optional[int],
        opt.number_option("Networks that are kept for each point.", default="128, 32 over two costs", panel=FRONT),
    ] = None,
    iterations: Annotated[
        Optional[int],
        opt.number_option(
            "Structures to try in all.", default="250,000 for each point; 60,000 over two costs", panel=SEARCH
        ),
    ] = None,
    proxy: Annotated[
        Optional[str],
        typer.Option(
            help="What to maximise: zen (expected Zen-score) or any other proxy.",
            rich_help_panel=SEARCH,
            metavar="NAME",
            show_default="zen",
        ),
    ] = None,
    confirmation: Annotated[
        Optional[str],
        typer.Option(
            help="How the points are confirmed: racing (the best of each cell, until its best is known), full (with "
            "all repetitions) or none. It needs PyTorch.",
            rich_help_panel=SCORES,
            metavar="NAME",
            show_default="none",
        ),
    ] = None,
    confirm_by: Annotated[
        Optional[str],
        typer.Option(
            help="Random proxy that confirms the points, as in zennas search.",
            rich_help_panel=SCORES,
            metavar="NAME",
            show_default="zen after zen",
        ),
    ] = None,
    top: Annotated[
        Optional[int],
        opt.number_option(
            "Number of best networks of each cell that are confirmed.", default=str(SearchSettings.top), panel=SCORES
        ),
    ] = None,
    budget_latency_ms: Annotated[
        list[float],
        opt.latency_option("Limit of another latency for all points, in milliseconds per image. Repeatable.", BUDGET),
    ] = [],
    latency_backend: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="Source of that latency, one per limit, as in zennas search.",
            show_default=False,
            rich_help_panel=BUDGET,
        ),
    ] = [],
    workers: opt.Workers = None,
    executor: opt.Executor = None,
    address: opt.Address = None,
    save_dir: opt.SaveDir = None,
    resume: opt.Resume = None,
    trust: opt.Trust = False,
    as_json: opt.Json = False,
) -> None:
    """Find the best network at every cost of a range, or of two ranges, in one search instead of one for each cost.

    Budgets hold for all points. A point that is no better than a cheaper one (in both costs, if there are two) is left
    out. RUN@7 is the seventh point, from the cheapest, wherever a network is expected. Scores are only confirmed by
    Monte Carlo with --confirmation racing or full.

    The folder of the run contains settings.toml, which repeats the run with --config.

    Example: zennas front --over params --range 100k:1M --max-layers 18 --save-dir runs/sizes

    Example: zennas front --over latency:v100-pytorch-fp16 --range 0.1ms:1.2ms --points 20 --max-layers 30
    --resolution 224 --num-classes 1000

    Example: zennas front --over params --range 100k:1M --over ram --range 16k:128k --points 8x8 --max-layers 18
    """
    from zennas.api import continue_search, search_with
    from zennas.cli.progress import search_progress
    from zennas.cli.render import print_json, print_search
    from zennas.searching.executors.base import ExecutorSettings
    from zennas.searching.trust import Trust

    with search_progress(resume or save_dir, "front") as watcher:
        if resume is not None:
            opt.refuse_settings(context, also=ON_RESUME)
            files = {"search_space": chosen.values.get("search_space")}
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
            given = {"members": members, "iterations": iterations}
            said = {"proxy": proxy, "confirmation": confirmation, "confirm_by": confirm_by, "top": top}
            settings = _asked(chosen, over, between, points, said, given, budget_latency_ms, latency_backend)
            if settings.confirmation == "none":
                for flag, value in (("--confirm-by", confirm_by), ("--top", top)):
                    if value is not None:
                        raise typer.BadParameter(
                            f"no point is confirmed; add --confirmation racing, or leave out {flag}", param_hint=flag
                        )
            check_code(settings, chosen, trust)
            result = search_with(
                settings, save_dir, executor=ExecutorSettings(executor, workers, address), watcher=watcher
            )
    if as_json:
        print_json(result.to_json())
    else:
        print_search(result)


def _asked(
    chosen: Chosen,
    over: list[str],
    between: list[str],
    points: str | None,
    said: dict[str, Any],
    given: dict[str, int | None],
    budget_latency_ms: list[float],
    latency_backend: list[str],
) -> SearchSettings:
    """The settings of a new front. Raises BadParameter if neither the flags nor the file say over what."""
    from zennas.budget.sources import latency_limits
    from zennas.searching.fronts.front import front_confirmation, front_settings
    from zennas.searching.strategies.front import NAME

    values: dict[str, Any] = {**chosen.values, **initial_of(chosen.values)}
    said = {name: value for name, value in said.items() if value is not None}
    values |= said
    limits = latency_limits(budget_latency_ms, latency_backend or None)
    budget = from_values(Budget, {**chosen.said("budget"), **({"latency": limits} if limits else {})})
    steps = None if points is None else tuple(map(int, points.split("x")))
    if over and between:
        new = from_values(SearchSettings, {**values, "budget": budget, "strategy": NAME, "strategy_options": {}})
        tried = given["iterations"] or values.get("iterations")
        number = steps[0] if steps is not None and len(steps) == 1 else steps
        how = front_confirmation(values if values.get("strategy") == NAME else said)  # a search's file means a search
        return front_settings(new, over, between, number, given["members"], tried, how)
    if over or between or values.get("strategy") != NAME:
        raise typer.BadParameter(
            "which cost, and from where to where? expected both, like --over params --range 100k:1M",
            param_hint="--range" if over else "--over",
        )
    options = dict(zip(("points", "second_points"), steps or (), strict=False))
    if steps is not None and len(steps) > (2 if values.get("strategy_options", {}).get("second_over") else 1):
        raise typer.BadParameter(f"{points} has more numbers than the file has costs", param_hint="--points")
    if given["members"] is not None:
        options["members"] = given["members"]
    if given["iterations"] is not None:
        values["iterations"] = given["iterations"]
    options = {**values.get("strategy_options", {}), **options}
    return from_values(SearchSettings, {**values, "budget": budget, "strategy_options": options})
