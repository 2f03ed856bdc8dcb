"""The last part of a design: the file, with a quantisation-aware training if INT8 costs too much. Imports no torch
itself.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latency.base import UnavailableError
from PlainNet import lower
from PlainNet.files import write_text
from zennas.budget.sources import compiler_of
from zennas.budget.target import find_target
from zennas.common.numbers import counted
from zennas.designing.jobs import training_options, tuning_job
from zennas.designing.planning import with_tuning
from zennas.designing.record import Design, DesignResult, timed, write_design
from zennas.designing.script import SCRIPT_FILE, SCRIPTS
from zennas.designing.watching import Watcher
from zennas.exporting.base import FORMATS, ExportError, Format, Plan, completed
from zennas.exporting.settings import ExportSettings
from zennas.exporting.targets import for_target
from zennas.exporting.writing import write_both
from zennas.named.card import WEIGHTS_FILE
from zennas.runs.designs import EXPORT, SEARCH, TRAINING, TUNING
from zennas.searching.result import read_result
from zennas.training.history import read_history
from zennas.training.recipe import TrainingError

if TYPE_CHECKING:
    from zennas.exporting.runner import Exported

MOST_LOSS = 0.5
"""Percentage points of top-1 that INT8 may cost without a quantisation-aware training."""


def export_design(design: Design, watcher: Watcher) -> Design:
    """Write the file of the trained network; if INT8 costs more than half a point, also that of a network that was
    trained with rounding, and keep the better one.

    Raises ExportError and what else `exporting.runner.export` raises.
    """
    began, place = time.monotonic(), design.folder / EXPORT
    made, untuned = _exported(design, design.folder / TRAINING, place, watcher), None
    chosen = TRAINING
    took = time.monotonic() - began
    before = _top1(made)
    if made.sidecar["precision"] == "int8" and before[0] - before[1] > MOST_LOSS:
        design = _tuned(design, took, before, watcher)
        own, again = design.folder / TUNING, time.monotonic()
        if TUNING in design.spent and (own / WEIGHTS_FILE).is_file():
            other, untuned = _exported_or_told(design, own, own / EXPORT, watcher), before[1]
            if other is not None and _top1(other)[1] > before[1]:
                sidecar = json.dumps(other.sidecar, indent=2, allow_nan=False) + "\n"
                write_both(made.path, other.path.read_bytes(), sidecar)
                made, chosen = replace(other, path=made.path), TUNING
            took += time.monotonic() - again
    with timed(design, EXPORT) as changed:
        text = SCRIPTS.get(made.sidecar["format"])
        script = None if text is None else made.path.with_name(SCRIPT_FILE)
        if script is not None and text is not None:
            write_text(script, text)
        changed[0] = replace(design, result=_result(design, made, script, untuned, chosen)).took(EXPORT, took)
    return changed[0]


def check_format(target: str) -> None:
    """Raises UnavailableError if the target's format cannot be written here."""
    form, _, plan = format_for(target)
    missing = form.available(plan)
    if missing is not None:
        raise UnavailableError(f"{form.name}, the format of {target}, cannot be exported here: {missing}")


def format_for(target: str) -> tuple[Format, dict[str, Any], Plan]:
    """Return the format of files for a target, its options, and the plan of such a file."""
    name, options, _ = for_target("", None, {"target": target})
    form = FORMATS.get(name)
    return form, options, form.plan(completed(form, options))


def _exported(design: Design, training: Path, place: Path, watcher: Watcher) -> Exported:
    from zennas.exporting import runner

    chosen = design.settings
    form, options, plan = format_for(chosen.target)
    asked = ExportSettings(
        form.name, chosen.dataset, allow_loss=100.0, skip_corrupt=chosen.skip_corrupt, options=options
    )  # the loss is reported, as some file is better than none
    out = place / f"{design.folder.resolve().name}{plan.suffix}"
    return runner.export(training, asked, out=out, overwrite=True, progress=watcher.exporting())


def _exported_or_told(design: Design, training: Path, place: Path, watcher: Watcher) -> Exported | None:
    """The file of a network that was trained with rounding; None if it has nothing to do with the network."""
    try:
        return _exported(design, training, place, watcher)
    except ExportError as error:
        watcher.told(f"the file before the quantisation-aware training is kept: {error}")
        return None


def _tuned(design: Design, export_seconds: float, before: tuple[float, float], watcher: Watcher) -> Design:
    """The design after a quantisation-aware training; as it was if there is no time for one."""
    from zennas.training.runner import train_structure

    if TUNING in design.spent:
        return design
    if design.plan.tuning is None:
        done, spent = len(read_history(design.folder / TRAINING)), design.seconds + export_seconds
        took = design.spent[TRAINING]
        plan = with_tuning(design.plan, design.settings, done, took, spent, export_seconds)
        design = replace(design, plan=plan)
        write_design(design)
    epochs = design.plan.tuning
    lost = f"INT8 costs {before[0] - before[1]:.2f} points of top-1"
    if not epochs:
        watcher.told(f"{lost}, and there is no time for a quantisation-aware training: give more --minutes")
        return design
    watcher.told(f"{lost}: training {counted(epochs, 'epoch')} more with rounding")
    with timed(design, TUNING) as changed:
        job = tuning_job(design, epochs)
        watching = watcher.training(epochs, job.recipe.batch_size)
        try:
            train_structure(job, design.folder / TUNING, training_options(design.settings), watching)
        except TrainingError as error:
            watcher.told(f"the file before the quantisation-aware training is kept: {error}")
    return changed[0]


def _top1(made: Exported) -> tuple[float, float]:
    """Accuracy in percent, of the network and of the file."""
    assert made.accuracy is not None  # the images were given
    return made.accuracy.pytorch.top1, made.accuracy.file.top1


def _result(design: Design, made: Exported, script: Path | None, untuned: float | None, training: str) -> DesignResult:
    found, memory = made.sidecar, made.sidecar.get("memory") or {}
    assert made.accuracy is not None  # the images were given
    return DesignResult(
        made.path,
        found["bytes"],
        found["format"],
        found["precision"],
        memory.get("ram_bytes"),
        memory.get("arena_bytes"),
        made.accuracy.pytorch.top1,
        made.accuracy.file.top1,
        made.accuracy.images,
        found["structure"],
        str(read_result(design.folder / SEARCH).fit),
        _latency(design),
        script,
        untuned,
        training,
        len(read_history(design.folder / TRAINING)),
    )


def _latency(design: Design) -> dict[str, object] | None:
    """What the compiler of the target estimates for the trained network, if there is one and it is installed."""
    from zennas.named.models import trained_model

    source = find_target(design.settings.target).latency
    named = None if source is None else compiler_of(source)
    if named is None:
        return None
    estimator, configuration = named
    model = trained_model(str(design.folder / TRAINING))
    graph = lower(model.network.structure, resolution=model.shown.resolution, num_classes=model.num_classes)
    try:
        return {"device": configuration, **estimator.estimate(graph, lambda: model.network, configuration).to_json()}
    except UnavailableError:
        return None
