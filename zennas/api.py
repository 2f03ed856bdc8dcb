"""The functions for scripts and notebooks; the command line calls them, too."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import warn

from PlainNet import Structure
from PlainNet.registry import did_you_mean, nearest_names
from PlainNet.sizes import SizeLike
from SearchSpace import DecisionSpace, load_space
from zennas.budget.budgets import Budget
from zennas.budget.sources import latency_limits
from zennas.budget.target import latency_source
from zennas.common.errors import WrongSettingError
from zennas.common.folders import named_folder, new_folder, run_folder
from zennas.common.numbers import parse_count
from zennas.common.progress import unwatched
from zennas.common.settings import from_values
from zennas.runs.store import FILE
from zennas.searching.executors.base import ExecutorSettings, check_executor
from zennas.searching.fronts.front import Range, front_confirmation, front_settings
from zennas.searching.fronts.goals import with_goals
from zennas.searching.result import SearchResult, read_result
from zennas.searching.runner import NoWatcher, Watcher, resume, start
from zennas.searching.settings import SearchSettings
from zennas.searching.strategies.base import STRATEGIES
from zennas.searching.targeting import with_target
from zennas.searching.trust import Trust
from zennas.training.job import NETWORK, RunOptions, TrainingJob, which_dataset
from zennas.training.places import folder_in
from zennas.training.recipe import Distillation, Recipe

if TYPE_CHECKING:
    from torch import nn

    from latency.base import MeasureSettings
    from zennas.accuracy.evaluation import EvaluationResult
    from zennas.common.progress import AccuracyProgress, WorkProgress
    from zennas.correlation.result import CorrelateResult
    from zennas.correlation.runner import Watcher as CorrelateWatcher
    from zennas.data.base import Normalisation
    from zennas.designing.record import Design
    from zennas.designing.settings import DesignSettings
    from zennas.designing.watching import Watcher as DesignWatcher
    from zennas.discovering.record import DiscoveryRecord
    from zennas.exporting.runner import Exported
    from zennas.pages.document import Page
    from zennas.report.comparison.result import Comparison
    from zennas.searching.simulations.running import Simulation
    from zennas.supernet.front_record import ProxylessFront
    from zennas.supernet.history import Watcher as SupernetWatcher
    from zennas.supernet.job import SearchJob
    from zennas.supernet.job import SearchOptions as SupernetOptions
    from zennas.supernet.outcome import ProxylessResult
    from zennas.training.loop import Watcher as TrainWatcher
    from zennas.training.outcome import TrainResult
    from ZeroShotProxy.base import ScoreSettings


def search(
    *,
    search_space: str = "XXBL",
    budget_params: float | str | None = None,
    budget_flops: float | str | None = None,
    max_layers: float | str | None = None,
    budget_latency_ms: float | Sequence[float] | None = None,
    latency_backend: str | Sequence[str] | None = None,
    latency_batch_size: int | None = None,
    budget_ram: float | str | None = None,
    budget_flash: float | str | None = None,
    any_depth: bool = False,
    within_profile: bool = False,
    save_dir: str | Path | None = None,
    go_on: bool = False,
    executor: str | None = None,
    workers: int | None = None,
    address: str | None = None,
    watcher: Watcher = NoWatcher(),
    **settings: Any,
) -> SearchResult:
    """Search for the best structure within the budget, and return the result.

    search_space: a name, or a .py file that defines `gen_search_space`.
    budget_params, budget_flops, max_layers: upper limits, as whole numbers (also 1e6) or text like "1M". At least one
        limit is needed, which can also be one of latency, except in spaces of finitely many structures like
        nasbench201.
    budget_latency_ms: upper limit of the latency, in milliseconds per image; a list for several devices.
    latency_backend: the source of the latency: "predictor:PROFILE", or a back end that measures every candidate; a list
        for several devices.
    latency_batch_size: batch size of the latency; None for that of the profile, otherwise 1.
    budget_ram: upper limit of the arena of activations for one image in INT8, in bytes, see `PlainNet.ram`.
    budget_flash: upper limit of the file in INT8, in bytes, see `PlainNet.flash`.
    any_depth: whether to lift the limit of layers that a search has if only its latency or RAM is limited.
    within_profile: only search networks whose kernels lie in the measured ranges of the profiles.
    save_dir: folder of the run; None for a new one in `runs/`.
    go_on: whether to continue an existing run in `save_dir`, which must have the same settings.
    executor, workers, address: where candidates are evaluated, see `ExecutorSettings`; the result does not depend on
        them.
    watcher: follows the progress.
    settings: further fields of `SearchSettings`, and options of its strategy. Several goals, maximise=("naswot",) and
        minimise=("flops",), give a front: `SearchResult.tradeoff`. objective="train" takes training={"dataset":
        "digits", "epochs": 2}, fields of `ShortTraining`.

    Raises BudgetError if nothing fits the budget, WrongSettingError if a setting is not valid, StoreError if `save_dir`
    contains a run already (without `go_on`), and what `zennas.searching.runner.start` raises.
    """
    chosen = _settings(
        search_space,
        budget_params,
        budget_flops,
        max_layers,
        budget_latency_ms,
        latency_backend,
        latency_batch_size,
        budget_ram,
        budget_flash,
        any_depth,
        within_profile,
        **settings,
    )
    return search_with(chosen, save_dir, go_on, ExecutorSettings(executor, workers, address), watcher)


def front(
    *,
    over: str | Sequence[str],
    between: Range | Sequence[Range],
    points: int | Sequence[int] | None = None,
    members: int | None = None,
    iterations: float | str | None = None,
    save_dir: str | Path | None = None,
    go_on: bool = False,
    executor: str | None = None,
    workers: int | None = None,
    address: str | None = None,
    watcher: Watcher = NoWatcher(),
    **settings: Any,
) -> SearchResult:
    """Search for the best structures at every cost of a range, in one run; `SearchResult.front` has the points.

    over: the cost: params, flops, activations, ram, flash, or "latency:" with a profile or a back end; a list for two
        costs.
    between: the range, as text like "0.1ms:1.2ms" or "100k:1M", or as numbers; milliseconds per image for latencies,
        bytes for RAM and flash. A list for two costs.
    points: the number of steps of the range, each of which gives a point if none that is cheaper is as good; None for
        20. A pair for two costs, whose steps make a grid; None for 8 and 8.
    members: how many structures are kept for each; None for the default.
    iterations: structures to try in all; None for 250,000 for each point, or 60,000 for each cell of two costs.
    save_dir, go_on, executor, workers, address, watcher: as in `search`.
    settings: further arguments of `search`. Its budgets hold for all points. With confirmation="racing", the best `top`
        of each cell are scored again by Monte Carlo.

    Raises WrongSettingError if the range is not valid or a budget limits the same cost, and what `search` raises.
    """
    how = front_confirmation(settings)
    chosen = front_settings(
        _settings(**settings), over, between, points, members, _count("iterations", iterations), how
    )
    return search_with(chosen, save_dir, go_on, ExecutorSettings(executor, workers, address), watcher)


def _settings(
    search_space: str = "XXBL",
    budget_params: float | str | None = None,
    budget_flops: float | str | None = None,
    max_layers: float | str | None = None,
    budget_latency_ms: float | Sequence[float] | None = None,
    latency_backend: str | Sequence[str] | None = None,
    latency_batch_size: int | None = None,
    budget_ram: float | str | None = None,
    budget_flash: float | str | None = None,
    any_depth: bool = False,
    within_profile: bool = False,
    **settings: Any,
) -> SearchSettings:
    """The settings that the arguments of `search` stand for. Raises WrongSettingError."""
    if budget_latency_ms is not None and latency_backend is None:
        latency_backend = latency_source(settings.get("target"))
    budget = Budget(
        _count("budget_params", budget_params),
        _count("budget_flops", budget_flops),
        _count("max_layers", max_layers),
        latency_limits(budget_latency_ms, latency_backend, latency_batch_size),
        any_depth,
        within_profile,
        _count("budget_ram", budget_ram),
        _count("budget_flash", budget_flash),
    )
    own = {field.name for field in fields(SearchSettings)}
    options = {name: settings.pop(name) for name in list(settings) if name not in own}
    _refuse_strays(options, settings)
    if options:
        settings["strategy_options"] = {**settings.get("strategy_options", {}), **options}
    if (settings.get("maximise") or settings.get("minimise")) and "proxy" in settings:
        raise WrongSettingError(
            f"a search has one score or several goals; for a goal, use maximise=({settings['proxy']!r}, …)"
        )
    return from_values(SearchSettings, {"search_space": search_space, "budget": budget, **with_goals(settings)})


def search_with(
    settings: SearchSettings,
    save_dir: str | Path | None = None,
    go_on: bool = False,
    executor: ExecutorSettings = ExecutorSettings(),
    watcher: Watcher = NoWatcher(),
) -> SearchResult:
    """Search with complete settings, for example from a file of settings, and return the result.

    go_on: whether to continue an existing run in `save_dir`, which must have the same settings.

    Raises WrongSettingError if the budget is empty and the space is not a `DecisionSpace`, and what `search` raises.
    """
    asked = with_target(settings)
    if not asked.budget and not isinstance(load_space(asked.search_space), DecisionSpace):
        raise WrongSettingError(
            f"a search in {asked.search_space} needs a budget, because its networks can grow without end: params, "
            "flops, layers, ram, flash or latency (--budget-params, --budget-flops, --max-layers, --budget-ram, "
            "--budget-flash, --budget-latency-ms)"
        )
    folder = named_folder(save_dir) or new_folder(Path(asked.search_space).stem)
    if go_on and (folder / FILE).is_file():
        resume(folder, watcher, settings, executor)
    else:
        start(folder, settings, watcher, executor)
    return read_result(folder)


def simulate(
    *,
    seeds: int,
    save_dir: str | Path | None = None,
    go_on: bool = False,
    executor: str | None = None,
    workers: int | None = None,
    address: str | None = None,
    progress: WorkProgress = unwatched,
    **settings: Any,
) -> Simulation:
    """Search a table of accuracies once for each of many seeds, and return the curve of the best network.

    seeds: how many, from the setting `seed` on.
    save_dir: folder of the settings and the curve; None for a new one in `runs/`.
    go_on: whether to continue a simulation in `save_dir` that was interrupted, which must have the same settings.
    progress: called with the number of searches done, their total, and what they are.
    executor, workers, address: as in `search`.
    settings: further arguments of `search`, such as objective="table:accuracy.csv:cifar10_val".

    Raises WrongSettingError, StoreError or TableError, see `zennas.searching.simulations.running.simulate`.
    """
    chosen = ExecutorSettings(executor, workers, address)
    return simulate_with(_settings(**settings), seeds, save_dir, chosen, progress, go_on)


def simulate_with(
    settings: SearchSettings,
    seeds: int,
    save_dir: str | Path | None = None,
    executor: ExecutorSettings = ExecutorSettings(),
    progress: WorkProgress = unwatched,
    go_on: bool = False,
) -> Simulation:
    """Do what `simulate` does, with complete settings."""
    from zennas.searching.simulations.running import simulate as carried_out

    folder = named_folder(save_dir) or new_folder(Path(settings.search_space).stem)
    return carried_out(settings, seeds, folder, executor, progress, go_on)


def continue_search(
    folder: str | Path,
    watcher: Watcher = NoWatcher(),
    *,
    search_space: str | None = None,
    strategy: str | None = None,
    trust: bool = False,
    iterations: float | str | None = None,
    note: Callable[[str], None] = warn,
    executor: str | None = None,
    workers: int | None = None,
    address: str | None = None,
) -> SearchResult:
    """Continue a search that was interrupted, and return its result; a finished search is only read, or extended.

    search_space, strategy: the .py files of the run, if it was begun with such files, because they are executed.
    trust: whether to execute whatever files the run names, without naming them.
    iterations: extends the search to so many iterations, more than it has.
    note: called with a sentence if scores may differ in their last digits from those of an uninterrupted search.
    executor, workers, address: where candidates are evaluated, see `ExecutorSettings`; they may differ from those of
        the first part.

    Raises what `zennas.searching.runner.resume` raises.
    """
    allowed = Trust(search_space, strategy, everything=trust)
    chosen, wanted = ExecutorSettings(executor, workers, address), _count("iterations", iterations)
    run = run_folder(folder)
    resume(run, watcher, executor=chosen, trust=allowed, iterations=wanted, note=note)
    return read_result(run)


def train(
    target: str | Path | Structure,
    *,
    dataset: str | None = None,
    save_dir: str | Path | None = None,
    distillation: Distillation | None = None,
    watcher: TrainWatcher | None = None,
    **settings: Any,
) -> TrainResult:
    """Train a network, and return the result with its test accuracy.

    target: a structure or its text, a file that contains one, the folder of a run (its best structure), or a model name
        from the zoo.
    dataset: a name, a folder of images, or an .npz file of JPEGs; it must be given.
    save_dir: folder for the result; None for the folder of the run, or a new one in `runs/`.
    distillation: settings of the teacher; None to train with labels only.
    watcher: follows the progress.
    settings: fields of `training.recipe.Recipe`, `training.job.TrainingJob` and `training.job.RunOptions`; None means
        the default.

    Raises TypeError for an unknown setting, WrongSettingError without a data set, and what
    `training.runner.train_structure` raises.
    """
    from zennas.named.structures import resolve
    from zennas.training.loop import NoWatcher as Silent
    from zennas.training.runner import train_structure

    if dataset is None:
        raise WrongSettingError(which_dataset())
    found = resolve(_text(target, "network"))
    given = {name: value for name, value in settings.items() if value is not None}
    recipe, options = Recipe(**_fields_of(Recipe, given)), RunOptions(**_fields_of(RunOptions, given))
    own = {"resolution": found.resolution, "use_se": found.use_se, "in_channels": found.in_channels}
    unknown = sorted(set(given) - {field.name for field in fields(TrainingJob)})
    if unknown:
        raise TypeError(f"train() has no setting {', '.join(unknown)}")
    known = {name: value for name, value in own.items() if value is not None}
    job = TrainingJob(found.structure, dataset, recipe, distillation, **{**known, **given})
    return train_structure(job, folder_in(found.run, dataset, save_dir), options, watcher or Silent())


def continue_training(folder: str | Path, *, watcher: TrainWatcher | None = None, **changed: Any) -> TrainResult:
    """Continue a training that was interrupted, and return its result; a finished training is only read.

    folder: that of the training, or one that contains one training.
    changed: fields of `training.job.RunOptions` that may differ from those of the first part, such as device and
        workers, and `epochs`: more epochs, if the learning rate of the first ones does not depend on their number.

    Raises TrainingError if there is no training or it cannot be extended, and what `train` raises.
    """
    from zennas.training.continuing import folder_to_continue, stored_settings

    place = folder_to_continue(Path(folder))
    values = {**stored_settings(place), "resume": "auto"}
    target, recipe = values.pop(NETWORK), values.pop("recipe", {})
    taught = values.pop("distillation", None)
    distillation = None if taught is None else from_values(Distillation, taught)
    return train(target, save_dir=place, distillation=distillation, watcher=watcher, **{**values, **recipe, **changed})


def proxyless(
    *,
    dataset: str | None = None,
    save_dir: str | Path | None = None,
    go_on: bool = False,
    sample: bool = False,
    watcher: SupernetWatcher | None = None,
    **settings: Any,
) -> ProxylessResult:
    """Search in the supernet of a space, as ProxylessNAS does, and return the result with its structure.

    dataset: as in `train`; a part of its training images is held out for the architecture. It must be given.
    save_dir: folder for the result; None for a new one in `runs/`.
    go_on: whether to go on with a search in `save_dir`, which must have the same settings.
    sample: whether to draw the architecture from the final probabilities instead of taking the most probable one.
    watcher: follows the progress.
    settings: fields of `supernet.job.SearchJob`, such as space, of `supernet.cost_settings.CostSettings`, such as
        latency_backend and ref_latency_ms, of `supernet.recipe.SearchRecipe` and of `supernet.job.SearchOptions`.

    Raises TypeError for an unknown setting, WrongSettingError without a data set, and what
    `supernet.running.search_supernet` raises.
    """
    from zennas.supernet.history import NoWatcher as Silent
    from zennas.supernet.running import search_supernet

    job, options = _supernet_job("proxyless", dataset, settings)
    folder = named_folder(save_dir) or new_folder("proxyless")
    return search_supernet(job, folder, options, watcher or Silent(), go_on=go_on, sample=sample)


def proxyless_front(
    *,
    strengths: Sequence[float],
    dataset: str | None = None,
    save_dir: str | Path | None = None,
    go_on: bool = False,
    sample: bool = False,
    watcher: SupernetWatcher | None = None,
    announce: Callable[[float, int, int], None] = lambda strength, number, count: None,
    **settings: Any,
) -> ProxylessFront:
    """Search in the supernet of a space once for each strength of the costs, after one warm-up, and return the front.

    strengths: of the costs in the loss. announce: called before each search with its strength, its number
    from 1 and how many there are. The others are as in `proxyless`.

    Raises what `proxyless` raises.
    """
    from zennas.supernet.fronts import search_front
    from zennas.supernet.history import NoWatcher as Silent

    job, options = _supernet_job("proxyless_front", dataset, {**settings, "strengths": tuple(strengths)})
    folder = named_folder(save_dir) or new_folder("proxyless")
    return search_front(job, folder, options, watcher or Silent(), go_on=go_on, sample=sample, announce=announce)


def _supernet_job(name: str, dataset: str | None, settings: dict[str, Any]) -> tuple[SearchJob, SupernetOptions]:
    """The request for a search in a supernet from flat settings. name: of the function, for messages."""
    from zennas.supernet.cost_settings import CostSettings
    from zennas.supernet.job import SearchJob, SearchOptions
    from zennas.supernet.recipe import SearchRecipe

    if dataset is None:
        raise WrongSettingError(which_dataset())
    given = {key: value for key, value in settings.items() if value is not None}
    options = from_values(SearchOptions, _fields_of(SearchOptions, given))
    recipe = from_values(SearchRecipe, _fields_of(SearchRecipe, given))
    costs = from_values(CostSettings, _fields_of(CostSettings, given))
    unknown = sorted(set(given) - {field.name for field in fields(SearchJob)})
    if unknown:
        raise TypeError(f"{name}() has no setting {', '.join(unknown)}")
    return from_values(SearchJob, {**given, "dataset": dataset, "recipe": recipe, "costs": costs}), options


def _fields_of(kind: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """Remove the settings that are fields of a dataclass from `settings`, and return them."""
    return {field.name: settings.pop(field.name) for field in fields(kind) if field.name in settings}


def discover(
    *,
    tables: str | Path | Sequence[str | Path],
    save_dir: str | Path | None = None,
    go_on: bool = False,
    collected: WorkProgress = unwatched,
    evolved: WorkProgress = unwatched,
    executor: str | None = None,
    workers: int | None = None,
    address: str | None = None,
    **settings: Any,
) -> DiscoveryRecord:
    """Evolve programs that rank networks of known accuracy, as EZNAS does, and return what came out.

    tables: files of accuracies, as in `correlate`; one for each task, or one for all.
    save_dir: folder of the run; None for a new one in `runs/`. Its file best.toml is the best program, for
        `proxies=("program:FILE",)`.
    go_on: whether to continue a search in `save_dir` that was interrupted, which must have the same settings.
    collected, evolved: called with the networks whose statistics are stored, and with the generations that are done,
        their total, and a note.
    executor, workers, address: where programs are evaluated, see `ExecutorSettings`; the result does not depend on
        them.
    settings: further fields of `discovering.source_settings.SourceSettings`, such as spaces="nasbench201" and
        datasets=("cifar10", "cifar100"), and of `discovering.choices.EvolutionSettings`, such as generations=5.

    Raises TypeError for an unknown setting, WrongSettingError if a setting is not valid, and what
    `discovering.from_tables.prepare` and `carry_out` raise.
    """
    from zennas.discovering.choices import EvolutionSettings
    from zennas.discovering.files import TASKS
    from zennas.discovering.from_tables import carry_out, check_same, opened, prepare
    from zennas.discovering.record import read_record
    from zennas.discovering.source_settings import SourceSettings

    place = ExecutorSettings(executor, workers, address)
    check_executor(place)
    named = [tables] if isinstance(tables, (str, Path)) else list(tables)
    given = {
        name: tuple(_listed(one)) if name in ("spaces", "datasets", "statistics") else one
        for name, one in settings.items()
    }
    chosen = _fields_of(EvolutionSettings, given)
    unknown = sorted(set(given) - {field.name for field in fields(SourceSettings)})
    if unknown:
        raise TypeError(f"discover() has no setting {', '.join(unknown)}")
    sources = from_values(SourceSettings, {**given, "tables": tuple(map(str, named))})
    evolution = from_values(EvolutionSettings, chosen)
    folder = named_folder(save_dir) or new_folder("discover")
    if go_on and (folder / TASKS).is_file():
        prepared = opened(folder)
        check_same(prepared, sources, evolution, folder)
    else:
        prepared = prepare(sources, evolution, folder)
    carry_out(prepared, folder, collected, evolved, place)
    return read_record(folder)


def evaluate(
    model: str | Path | nn.Module,
    *,
    checkpoint: str | Path | None = None,
    normalisation: Normalisation | None = None,
    progress: AccuracyProgress | None = None,
    **settings: Any,
) -> EvaluationResult:
    """Measure the accuracy of a trained model on the test images of a data set, and return the result.

    model: the folder of a training or of a search that contains one training, or a model name from the zoo; or a module
        that returns logits, of which a copy is evaluated. A module needs a data set, and a resolution if that of the
        data set varies.
    checkpoint: a file with other weights; FILE#NAME for one of several state dicts in it.
    normalisation: how the images of a module are normalised; None for that of the data set.
    progress: called now and then with the images done, their total, and top-1 so far in percent.
    settings: fields of `accuracy.settings.EvaluationSettings`: dataset (a name or path; None for that of the model),
        data_folder, batch_size, precision, device, workers, skip_corrupt, white, resolution.

    Raises TargetError or UnknownNameError if there is no such model, CheckpointError if its weights do not fit,
    DataError if the images are missing, WrongSettingError or DeviceError if a setting is not valid, and EvaluationError
    if the accuracy cannot be measured.
    """
    from zennas.accuracy.evaluation import evaluate_model
    from zennas.accuracy.settings import EvaluationSettings
    from zennas.named.models import trained_model

    chosen = EvaluationSettings(**settings)
    if not isinstance(model, (str, os.PathLike)):
        from zennas.accuracy.modules import model_of

        if checkpoint is not None:
            raise WrongSettingError(
                "checkpoint is not for modules: load the weights with load_state_dict, and leave it out"
            )
        return evaluate_model(model_of(model, chosen, normalisation), chosen, progress)
    if normalisation is not None:
        raise WrongSettingError("normalisation is only for modules, and this model knows its own: leave it out")
    found = trained_model(str(model), None if checkpoint is None else Path(checkpoint))
    return evaluate_model(found, chosen, progress)


def export(
    network: str | Path,
    format: str | None = None,
    *,
    out: str | Path | None = None,
    checkpoint: str | Path | None = None,
    overwrite: bool = False,
    progress: WorkProgress = unwatched,
    **settings: Any,
) -> Exported:
    """Write a trained network to a file for other programs, after the file was checked against PyTorch.

    network: the folder of a run or training, or a model name from the zoo.
    format: a name in `zennas.exporting.base.FORMATS`; None for that of the target, or of the run's target, else "onnx".
    out: the file; None for export/ in the folder of the run, or the current folder for a model of the zoo.
    checkpoint: a file with other weights.
    overwrite: whether to replace existing files.
    progress: called with the steps done, their total, and a note.
    settings: fields of `exporting.settings.ExportSettings`: dataset (test images measure accuracy, training images
        calibrate INT8), data_folder, calibration_images, skip_corrupt, white; and options of the format. target names a
        chip or board, whose options are used, or is the option of onnx-int8.

    Raises ExportError, UnavailableError, WrongSettingError, LatencyError, TargetError or DataError; nothing is written
    then.
    """
    from zennas.exporting import runner
    from zennas.exporting.settings import ExportSettings
    from zennas.exporting.targets import for_target

    _text(network, "network")
    options = {**settings.pop("options", {}), **settings}
    own = _fields_of(ExportSettings, options)
    format, options, _ = for_target(str(network), format, options)
    return runner.export(
        network,
        ExportSettings(format=format, options=options, **own),
        out=out,
        checkpoint=checkpoint,
        overwrite=overwrite,
        progress=progress,
    )


def design(
    *,
    target: str,
    dataset: str | Path,
    minutes: float = 60.0,
    save_dir: str | Path | None = None,
    watcher: DesignWatcher | None = None,
    **settings: Any,
) -> Design:
    """Design a network for a chip and for images in some minutes: search, train, export, and return what came out.

    target: a chip or board, or a .toml file that describes one.
    dataset: a folder with a folder of images for each class, or with train/ and val/ of such folders; or as in `train`.
    minutes: the time for everything; the number of epochs is chosen for it.
    save_dir: folder of the run; None for a new one in `runs/`. It receives search/, training/, export/ and a page.
    watcher: follows the progress.
    settings: further fields of `designing.settings.DesignSettings`, such as resolution and seed.

    Raises WrongSettingError if a setting is not valid or the minutes are too few, and what
    `designing.running.start_design` raises.
    """
    from zennas.designing.settings import DesignSettings

    unknown = sorted(set(settings) - {field.name for field in fields(DesignSettings)})
    if unknown:
        raise TypeError(f"design() has no setting {', '.join(unknown)}")
    given = {"target": target, "dataset": str(dataset), "minutes": minutes, **settings}
    return design_with(from_values(DesignSettings, given), save_dir, watcher)


def design_with(
    settings: DesignSettings, save_dir: str | Path | None = None, watcher: DesignWatcher | None = None
) -> Design:
    """Do what `design` does, with complete settings."""
    from zennas.designing.running import start_design
    from zennas.designing.watching import NoWatcher as Silent

    folder = named_folder(save_dir) or new_folder("design")
    return _with_page(start_design(settings, folder, watcher or Silent()))


def continue_design(folder: str | Path, watcher: DesignWatcher | None = None) -> Design:
    """Continue a design that was interrupted, and return what came out; a finished design is only read.

    Raises what `designing.running.continue_design` raises.
    """
    from zennas.designing.running import continue_design as carried_out
    from zennas.designing.watching import NoWatcher as Silent

    return _with_page(carried_out(run_folder(folder), watcher or Silent()))


def _with_page(made: Design) -> Design:
    from zennas.pages.document import PAGE_FILE

    if not (made.folder / PAGE_FILE).is_file():
        page(made.folder)
    return made


def correlate(
    *,
    table: str | Path,
    save_dir: str | Path | None = None,
    go_on: bool = False,
    executor: str | None = None,
    workers: int | None = None,
    address: str | None = None,
    watcher: CorrelateWatcher | None = None,
    **settings: Any,
) -> CorrelateResult:
    """Correlate the scores of proxies with a table of accuracies, next to FLOPs, params, activations and layers; with
    intervals. With budgets, also measure what each score's choice within a budget loses, see `docs/proxies.md`.

    table: a CSV file of accuracies, or the folder of NATS-Bench.
    save_dir: folder of the run; None for a new one in `runs/`.
    go_on: whether to continue an existing run in `save_dir`, whose settings may differ only in proxies,
        budgets and columns.
    executor, workers, address: where networks are scored, see `ExecutorSettings`; the result does not depend on them.
    watcher: follows the progress.
    settings: further fields of `CorrelateSettings`, such as proxies=("zen_expected",) and budget_params="0.2M,30%".

    Raises WrongSettingError if a setting is not valid, and what `zennas.correlation.runner.start` raises.
    """
    from zennas.correlation import runner
    from zennas.correlation.result import read_result
    from zennas.correlation.settings import CorrelateSettings

    chosen = CorrelateSettings(table=str(table), **settings)
    folder = named_folder(save_dir) or new_folder(f"correlate-{Path(chosen.space).stem}")
    watching, place = watcher or runner.NoWatcher(), ExecutorSettings(executor, workers, address)
    if go_on and (folder / FILE).is_file():
        runner.resume(folder, place, watching, expected=chosen)
    else:
        runner.start(folder, chosen, place, watching)
    return read_result(folder)


def continue_correlate(
    folder: str | Path,
    watcher: CorrelateWatcher | None = None,
    *,
    space: str | None = None,
    table: str | Path | None = None,
    trust: bool = False,
    executor: str | None = None,
    workers: int | None = None,
    address: str | None = None,
) -> CorrelateResult:
    """Continue a correlation that was interrupted, and return its result; a finished correlation is only read.

    space: the .py file of the run's search space, if it was begun with one, because it is executed.
    table: the table, if the run ended so early that it is read again.
    trust: whether to use whatever files the run names, without naming them.
    executor, workers, address: where networks are scored, see `ExecutorSettings`; they may differ from those of the
        first part.

    Raises what `zennas.correlation.runner.resume` raises.
    """
    from zennas.correlation import runner
    from zennas.correlation.result import read_result

    allowed = Trust(space, table=None if table is None else str(table), everything=trust)
    chosen = ExecutorSettings(executor, workers, address)
    run = run_folder(folder)
    runner.resume(run, chosen, watcher or runner.NoWatcher(), trust=allowed)
    return read_result(run)


def compare(
    networks: Sequence[str | Path | Structure],
    *,
    latency: str | Sequence[str] | None = None,
    measure: MeasureSettings | None = None,
    proxies: str | Sequence[str] = (),
    scoring: ScoreSettings | None = None,
    table: str | Path | None = None,
    resolution: SizeLike | None = None,
    num_classes: int | None = None,
    use_se: bool | None = None,
    in_channels: int | None = None,
    baseline: str | int | None = None,
    sort: str | None = None,
    progress: WorkProgress = unwatched,
) -> Comparison:
    """Compare networks: costs, peak memory, predicted and measured latency, known accuracies and scores.

    networks: structures or their texts, files that contain one, runs, points of fronts (RUN@7), trainings, models of
        the zoo, "torchvision:NAME", "timm:NAME" and ONNX files.
    latency: names or files of the profiles that predict latencies; None for `DEFAULT_PROFILES` of
        `zennas.report.comparison.runner`, () for none. A profile that cannot predict a network says why in its row.
    measure: measures the latency of all networks on this machine, in turns; None measures nothing.
    proxies: names of scores. scoring: batch size, repetitions, seed, device and steps of the training; the rest of the
        settings is each network's own.
    table: a file of accuracies, as for `correlate`, in which networks are looked up.
    resolution, num_classes, use_se, in_channels: for all networks; None for each network's own.
    baseline: what the others are relative to: one of the networks as it is given, or its number from 1; None for the
        first.
    sort: a quantity by which rows are sorted, best first, such as "flops", "latency", "top1" or the name of a profile
        or proxy; None for the order in which they are given.
    progress: called with the steps done, their total, and a note.

    Raises what `zennas.named.networks.network` raises, or UnreadNetworkError, for a network that cannot be read;
    WrongSettingError or an UnknownNameError for another argument; TableError; and LatencyError if a latency cannot be
    measured. Nothing is measured unless all networks and arguments are valid.
    """
    from zennas.report.comparison import runner
    from ZeroShotProxy.base import ScoreSettings as Scoring

    if isinstance(networks, (str, os.PathLike, Structure)):
        raise WrongSettingError("networks is a single network, expected a list of them")
    profiles = runner.DEFAULT_PROFILES if latency is None else _listed(latency)
    given = None if baseline is None else baseline if isinstance(baseline, int) else _text(baseline, "baseline")
    return runner.compare(
        [_text(one, "network") for one in networks],
        latency=profiles,
        measuring=measure,
        proxies=_listed(proxies),
        scoring=scoring or Scoring(),
        table=table,
        resolution=resolution,
        num_classes=num_classes,
        use_se=use_se,
        in_channels=in_channels,
        baseline=given,
        sort=sort,
        progress=progress,
    )


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def page(run: str | Path | Comparison, *, out: str | Path | None = None) -> Page:
    """Write a run as a page to show, one HTML file that needs no network, and return where it is and what it shows.

    run: the folder of a run of any kind or of a training, finished or not; or what `compare` returns.
    out: the file; None for report.html in that folder. An existing file is replaced. A comparison needs one.

    Raises StoreError if there is no run or it is damaged, SupernetError if a search in a supernet is damaged,
    DiscoveryError or CacheError if one for programs is,
    WrongSettingError for a comparison without a file, and PageError if the file cannot be written.
    """
    from zennas.pages.document import write_comparison, write_page
    from zennas.report.comparison.result import Comparison as Compared

    place = None if out is None else Path(out)
    if not isinstance(run, Compared):
        return write_page(run_folder(run), place)
    if place is None:
        raise WrongSettingError("a comparison has no folder for its page: name a file with out")
    return write_comparison(run, place)


def _refuse_strays(options: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Raise WrongSettingError for names that are neither settings of a search nor options of its strategy."""
    strategy = settings.get("strategy", SearchSettings.strategy)
    if not options or not isinstance(strategy, str) or strategy not in STRATEGIES:  # a file, which is not executed here
        return
    theirs = [field.name for field in fields(STRATEGIES.get(strategy).options)]
    stray = next((name for name in options if name not in theirs), None)
    if stray is not None:
        given = [name for name in signature(search).parameters if name != "settings"]
        near = nearest_names(stray, [*given, *(field.name for field in fields(SearchSettings)), *theirs])
        hint = did_you_mean(near, "help(zennas.search) describes all")
        raise WrongSettingError(
            f"search has no setting {stray!r}, and its strategy {strategy} no such option "
            f"(only {', '.join(theirs) or 'none'}): {hint}"
        )


def _text(given: str | Path | Structure, what: str) -> str:
    """The text of a network. Raises WrongSettingError for other objects, whose text would say nothing."""
    if isinstance(given, (str, os.PathLike, Structure)):
        return str(given)
    raise WrongSettingError(
        f"the {what} is an object of type {type(given).__name__}, expected a structure, a file, a folder or a name"
    )


def _count(name: str, value: float | str | None) -> int | None:
    """Parse a count: 1000000, 1e6 or "1M"."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise WrongSettingError(f"{name} is {value!r}, expected a whole number, or text like '1M'")
    # The repr of a float is the shortest text of its value, which works for 1e+16 and nan, too.
    try:
        return parse_count(value if isinstance(value, str) else repr(value).removesuffix(".0"))
    except ValueError as error:
        raise WrongSettingError(f"{name}: {error}") from None
