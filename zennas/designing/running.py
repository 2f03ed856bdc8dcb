"""A design from its first look at the images to the checked file. What it calls imports torch.

Each part is a run in a folder of its own, which is continued if it was interrupted. What was decided from measured
speeds is kept in design.json, so a design that is continued decides the same.
"""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import count
from pathlib import Path

from PlainNet.files import write_text
from PlainNet.lock import locked
from zennas.budget.budgets import BudgetError
from zennas.common.config import SETTINGS_FILE, config_text
from zennas.common.numbers import counted
from zennas.designing.errors import DesignError
from zennas.designing.exporting import check_format, export_design, format_for
from zennas.designing.images import Images, look
from zennas.designing.jobs import found_structure, own_job, search_settings, training_job, training_options
from zennas.designing.planning import (
    FIRST_ITERATIONS,
    Pace,
    Plan,
    epochs_expected,
    first_lines,
    iterations_for,
    planned,
    small_network,
    with_training,
)
from zennas.designing.record import (
    FINISHED,
    Design,
    begun,
    read_design,
    timed,
    write_design,
)
from zennas.designing.settings import DesignSettings, lasting
from zennas.designing.watching import Watcher
from zennas.runs.designs import SEARCH, TRAINING, is_design
from zennas.runs.store import FILE, take_lock
from zennas.searching.result import read_result
from zennas.searching.runner import resume, start
from zennas.searching.settings import SearchSettings
from zennas.searching.targeting import with_target


def start_design(settings: DesignSettings, folder: Path, watcher: Watcher) -> Design:
    """Begin a design in `folder` and carry it out; the folder receives design.json and a folder for each part.

    Raises DesignError if the folder has a design, MinutesError if the minutes are too few, DataError if images are
    missing or too few, BudgetError if no network fits the target, UnavailableError if its format cannot be written
    here, and what the parts raise. If the settings are wrong, nothing is written.
    """
    began = time.monotonic()  # before torch is imported, which takes seconds

    from zennas.designing.pace import pace_of
    from zennas.designing.threads import threads_kept

    settings = lasting(settings)
    check_format(settings.target)
    with locked(folder, "the design", take_lock), threads_kept():
        if is_design(folder):
            raise DesignError(
                f"{folder} already contains a design: continue it with zennas design --resume {folder}, or choose "
                "another folder"
            )
        images = look(settings)
        for note in images.notes:
            watcher.told(note)
        small = training_job(settings, images, small_network(images.channels), epochs=2)
        pace = pace_of(small, settings.device, settings.skip_corrupt)
        plan = _possible(settings, images, pace, planned(settings, images, pace))
        for line in first_lines(settings, images, plan):
            watcher.told(line)
        design = begun(folder, settings, images, plan).took("planning", time.monotonic() - began)
        write_text(folder / SETTINGS_FILE, config_text(settings))
        write_design(design)
        return _carried_out(design, watcher)


def continue_design(folder: Path, watcher: Watcher) -> Design:
    """Continue the design in `folder` with the part that was interrupted; a finished one is only read.

    Raises DesignError if there is none, and what `start_design` raises.
    """
    if read_design(folder).status == FINISHED:
        return read_design(folder)
    from zennas.designing.threads import threads_kept

    with locked(folder, "the design", take_lock), threads_kept():
        return _carried_out(read_design(folder), watcher)


def _carried_out(design: Design, watcher: Watcher) -> Design:
    for step in (_search, _epochs, _train, export_design):
        design = step(design, watcher)
    return replace(design, status=FINISHED)


# -- the parts -------------------------------------------------------------------------------


def _search(design: Design, watcher: Watcher) -> Design:
    """Search a little, and then for as long as there is time."""
    if SEARCH in design.spent:
        return design
    folder, plan = design.folder / SEARCH, design.plan
    with timed(design, SEARCH) as changed:
        if plan.iterations is None:
            _first_search(design, watcher)
            found = read_result(folder)
            iterations = design.settings.iterations or iterations_for(plan, found.settings.iterations, found.seconds)
            plan = replace(plan, iterations=iterations)
            changed[0] = replace(design, plan=plan)
            write_design(changed[0])
        assert plan.iterations is not None
        more = plan.iterations if plan.iterations > read_result(folder).settings.iterations else None
        resume(folder, watcher.searching(), iterations=more)
        best = read_result(folder).best
        assert best is not None
        watcher.told(f"found after {counted(plan.iterations, 'structure')}: {best.structure}")
    return changed[0]


def _first_search(design: Design, watcher: Watcher) -> None:
    folder, chosen = design.folder / SEARCH, design.settings
    if (folder / FILE).is_file():
        resume(folder, watcher.searching())
        return
    iterations = chosen.iterations or FIRST_ITERATIONS
    asked = search_settings(chosen, design.images, design.plan.flops, design.plan.epochs_wanted, iterations)
    start(folder, asked, watcher.searching())


def _epochs(design: Design, watcher: Watcher) -> Design:
    """Measure the speed of the network and how long its file takes, and plan its training."""
    from zennas.designing.pace import pace_of
    from zennas.designing.rehearsing import file_seconds

    if design.plan.epochs is not None:
        return design
    chosen, images = design.settings, design.images
    with timed(design, "measuring") as changed:
        began = time.monotonic()
        pace = pace_of(own_job(design, 2, None), chosen.device, chosen.skip_corrupt)
        file = file_seconds(chosen, images, found_structure(design), pace)
        spent = design.seconds + time.monotonic() - began
        tunable = format_for(chosen.target)[2].precision == "int8"
        plan = with_training(design.plan, chosen, images, pace, spent, file, tunable)
        assert plan.training_seconds is not None
        epochs = counted(epochs_expected(chosen, plan), "epoch")
        watcher.told(
            f"training: about {epochs}, {plan.training_seconds:.0f} s at most; about {file:.0f} s for the file, "
            "measured with random weights"
        )
        changed[0] = replace(design, plan=plan)
    return changed[0]


def _train(design: Design, watcher: Watcher) -> Design:
    """Train for as long as there is time; what was interrupted goes on with what is left of it."""
    from zennas.training.runner import train_structure

    if TRAINING in design.spent:
        return design
    chosen, plan, began = design.settings, design.plan, time.monotonic()
    with timed(design, TRAINING) as changed:
        options = training_options(chosen)
        job = own_job(design, design.epochs, plan.training_seconds)
        watching = watcher.training(epochs_expected(chosen, plan), job.recipe.batch_size)
        made = train_structure(job, design.folder / TRAINING, options, watching)
        for note in made.notes:
            watcher.told(note)
        watcher.told(f"trained for {counted(len(made.history), 'epoch')}: top-1 {made.top1:.2f} %")
        before = made.seconds - (time.monotonic() - began)  # in processes that were interrupted
        changed[0] = design.took(TRAINING, max(0.0, before))
    return changed[0]


# -- what the parts are asked for ------------------------------------------------------------


def _possible(settings: DesignSettings, images: Images, pace: Pace, plan: Plan) -> Plan:
    """The plan, with more FLOPs and fewer epochs if no network of the space has so few FLOPs.

    Raises BudgetError if nothing fits the target, MinutesError if nothing is small enough for the minutes.
    """
    for times in count():
        try:
            _check_search(search_settings(settings, images, plan.flops, plan.epochs_wanted))
            break
        except BudgetError:
            if not times:
                _check_search(search_settings(settings, images, None, plan.epochs_wanted))  # if the target fits nothing
        plan = planned(settings, images, pace, least=4 * plan.flops)
    return plan


def _check_search(asked: SearchSettings) -> None:
    """Raises BudgetError if nothing fits, or an error of a wrong setting, before anything is written."""
    from zennas.searching.preparing import completed as completed_search
    from zennas.searching.preparing import prepare
    from zennas.searching.proposals import Proposals

    settings = completed_search(with_target(asked))
    Proposals(prepare(settings).search, settings).next()
