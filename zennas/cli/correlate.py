"""`zennas correlate`: how well proxies rank networks whose accuracies are known."""

from __future__ import annotations

from pathlib import Path

import typer

from zennas.cli import options as opt
from zennas.cli.console import tell
from zennas.cli.derived import Chosen, derived
from zennas.correlation.settings import CorrelateSettings
from zennas.searching.trust import Trust


@derived(CorrelateSettings)
def correlate(
    context: typer.Context,
    *,
    chosen: Chosen,
    workers: opt.Workers = None,
    executor: opt.Executor = None,
    address: opt.Address = None,
    gpu: opt.Gpu = None,
    save_dir: opt.SaveDir = None,
    resume: opt.Resume = None,
    trust: opt.Trust = False,
    as_json: opt.Json = False,
) -> None:
    """Score a random sample of a benchmark's architectures, and correlate the scores with their accuracies.

    With budgets, also say what each score's choice within a budget loses to the best network there.

    The folder of the run contains settings.toml, which repeats the run with --config.

    Example: zennas correlate --table nb201.csv.gz --proxy naswot --proxy synflow --sample 100 --data cifar10
    """
    from zennas.api import continue_correlate
    from zennas.api import correlate as run_correlate
    from zennas.cli.progress import correlate_progress
    from zennas.cli.render import print_correlation, print_json

    values = dict(chosen.values)
    device_asked = values.pop("device", CorrelateSettings.device)
    device_named = opt.chosen_device(gpu, device_asked, "leave out --gpu, or use --device cpu")
    with correlate_progress(resume or save_dir) as watcher, device_named as device:
        if resume is not None:
            opt.refuse_settings(context, also=("space", "table", "trust", "workers", "executor", "address"))
            files = {name: values.get(name) for name in ("space", "table")}
            _tell_code(resume, Trust(files["space"], everything=trust))
            result = continue_correlate(
                resume, watcher, **files, trust=trust, executor=executor, workers=workers, address=address
            )
        elif "table" not in values:
            raise typer.BadParameter(
                "which table? expected a CSV file, the folder of NATS-Bench or a file of NAS-Bench-101",
                param_hint="--table",
            )
        else:
            _check_code(str(values.get("space", CorrelateSettings.space)), chosen, trust)
            result = run_correlate(
                **values,
                device=device,
                save_dir=save_dir,
                executor=executor,
                workers=workers,
                address=address,
                watcher=watcher,
            )
    if as_json:
        print_json(result.to_json())
    else:
        print_correlation(result)


def _tell_code(run: Path, trust: Trust) -> None:
    """Print which code a run that is continued executes. Raises UntrustedError if the run names other code."""
    from SearchSpace import SPACES
    from zennas.correlation.overview import FINISHED, read_overview
    from zennas.searching.trust import trusted_space

    found = read_overview(run)
    if found.status != FINISHED:
        space = trusted_space(run, found.settings.space, trust, "--space")
        if space not in SPACES:
            tell(f"executing the search space {space}")


def _check_code(space: str, chosen: Chosen, trust: bool) -> None:
    """Print which code of a file of settings runs. Raises UntrustedError if its user has not named it."""
    from SearchSpace import SPACES, lasting_space
    from zennas.searching.trust import check_named

    place, named = lasting_space(space), set(chosen.flags.values())
    if place not in SPACES and "--space" not in named:
        check_named({"--space": Path(place)}, named, trust)
        tell(f"executing the search space {place}")
