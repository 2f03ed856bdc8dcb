"""A complete training: data, network, loop, and the files that it writes. What it calls imports torch."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from PlainNet.device import device_of
from PlainNet.errors import reason
from PlainNet.files import write_text
from zennas.accuracy.protocol import Evaluator
from zennas.common.config import SETTINGS_FILE, config_text
from zennas.common.numbers import counted
from zennas.data import DataError, ImageSet, lasting_dataset, normalisation_of, open_set
from zennas.data.base import Decoding, Shown
from zennas.data.channels import of_channels
from zennas.data.classes import are_numbers, by_name, listed
from zennas.named.card import CHECKPOINT_FILE, WEIGHTS_FILE
from zennas.named.structures import check_channels
from zennas.training.beginning import TEST_BATCH, first_state, network_of
from zennas.training.confusion import MOST_CLASSES, Confusion
from zennas.training.distributed import processes, ranks
from zennas.training.extending import is_open
from zennas.training.feed import Feed, fingerprint
from zennas.training.held import held
from zennas.training.history import HISTORY_FILE, history_text
from zennas.training.job import NETWORK, RunOptions, TrainingJob, completed, settings_of
from zennas.training.logs import watched
from zennas.training.loop import NoWatcher, Watcher, confused_by, tested_by, train_epochs
from zennas.training.objectives.base import OBJECTIVES, Objective
from zennas.training.outcome import (
    TrainResult,
    card_of,
    extends,
    finished,
    result_of,
    save_or_tell,
    save_weights,
    write_outcome,
)
from zennas.training.recipe import Recipe, TrainingError
from zennas.training.settling import settled
from zennas.training.state import State, restore, save

HELD_OUT = "hold out a part of them with --val-fraction 0.2"


def train_structure(
    job: TrainingJob, folder: Path, options: RunOptions = RunOptions(), watcher: Watcher = NoWatcher()
) -> TrainResult:
    """Train a network and store the result in `folder`.

    The folder receives the settings as TOML (`zennas train --config` repeats the training from them), the weights (a
    state dict that `torch.load` reads with `weights_only=True`), the history as CSV, a card with everything that
    decided the result, and a checkpoint while the training runs. On a CPU, equal arguments give equal weights, even if
    training is killed and resumed; on CUDA they differ slightly, as cuDNN sums in varying order.
    Raises TrainingError if the training cannot start or continue, DataError if images are missing or corrupt,
    DeviceError if the device does not exist, StructureError if the network does not fit the resolution, TargetError if
    its first layer takes other channels than the images have, CheckpointError if weights cannot be loaded,
    RunInUseError if another training uses the folder.
    """
    if job.in_channels is not None:
        check_channels(job.structure, job.in_channels, "those that --in-channels asks for")
    begun = folder if options.resume == "auto" else None
    job = replace(job, recipe=settled(job.recipe, device_of(options.device).type, begun))
    with held(folder, leads=ranks()[0] == 0):
        if options.resume == "auto" and (folder / WEIGHTS_FILE).is_file():
            kept = completed(job, lasting_dataset(job.dataset))
            if not extends(folder, kept):
                return finished(folder, kept)
        return _train(job, folder, options, watcher, _to_resume(folder, options))


def _train(
    job: TrainingJob, folder: Path, options: RunOptions, watcher: Watcher, checkpoint: Path | None
) -> TrainResult:
    """Train in a locked folder. checkpoint: file to resume from, None to start afresh."""
    started = time.monotonic()
    with processes(options.device) as group:
        if job.recipe.precision == "fp16" and group.device.type == "cpu":
            raise TrainingError("precision is fp16, which needs CUDA: use bf16 or fp32 on the CPU")
        decoding = Decoding(job.white)
        train, test = (
            of_channels(open_set(job.dataset, split, job.data_folder, decoding, job.val_fraction), job.in_channels)
            for split in ("train", "test")
        )
        check_channels(job.structure, train.channels, f"those of {train.name}")
        test = _alike(train, test)
        shown = Shown(normalisation_of(train), job.resolution, job.crop or job.resolution, train.view, decoding)
        objective = OBJECTIVES.get(job.objective_name)(network_of(job, len(train.classes)), job, shown)
        _check_taught(objective, train)
        kept = completed(job, lasting_dataset(job.dataset))
        identity = {**settings_of(kept), "images": fingerprint(train), "teacher's weights": objective.fingerprint}
        state = first_state(job, objective, group)
        doubt = None if checkpoint is None else restore(state, identity, checkpoint, job.recipe)
        feed = Feed(train, job.recipe, shown, group, workers=options.workers, skip_corrupt=options.skip_corrupt)
        evaluation = Evaluator(
            test,
            shown,
            group.device,
            batch_size=max(1, TEST_BATCH * job.recipe.batch_size // group.world),
            workers=options.workers,
            skip_corrupt=options.skip_corrupt,
            rank=group.rank,
            world=group.world,
        )
        keeper = _Keeper(folder, identity, kept, options) if group.leads else _keep_nothing
        try:
            with watched(
                watcher if group.leads else NoWatcher(), folder, options.tensorboard and group.leads
            ) as watching:
                train_epochs(state, feed, evaluation, job.recipe, group, watching, keeper, started=started)
        except TrainingError as error:
            raise TrainingError(f"{error}{_last_good(folder, state)}") from None
        except Exception as error:
            if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                raise
            raise TrainingError(f"torch.compile failed on the network: {reason(error)}; leave out --compile") from error
        network = state.objective.network
        plain = None if state.average is None else tested_by(state, network, evaluation, group)
        confused = None
        if len(train.classes) <= MOST_CLASSES:
            confused = Confusion(train.classes, confused_by(state, len(train.classes), evaluation, group))
        notes = (*train.notes, *test.notes, *([] if doubt is None else [doubt]), *_cut_short(job.recipe, state, feed))
        result = result_of(folder, state, len(train.classes), notes, plain)
        if group.leads:
            card = card_of(kept, train, test, shown, result, group)
            write_outcome(result, state, card, confused, is_open(job.recipe))
        group.wait()
    return result


def _to_resume(folder: Path, options: RunOptions) -> Path | None:
    """The checkpoint to resume from, or None. Raises TrainingError if there is none, or the folder is already used."""
    here = folder / CHECKPOINT_FILE
    if options.resume not in ("never", "auto"):
        if not Path(options.resume).is_file():
            raise TrainingError(f"there is no checkpoint {options.resume} to resume from")
        return Path(options.resume)
    if options.resume == "auto" and here.is_file():
        return here
    if (folder / WEIGHTS_FILE).exists():
        raise TrainingError(f"{folder} already contains trained weights: choose another --save-dir")
    if here.exists():
        raise TrainingError(
            f"{folder} contains an unfinished training: continue it with --resume auto, or choose another --save-dir"
        )
    return None


def _alike(train: ImageSet, test: ImageSet) -> ImageSet:
    """The test images, labelled as the training images are; they may lack classes.

    Raises DataError if they have classes without training images, or there is only one class.
    """
    if (train.name, train.fingerprint) == (test.name, test.fingerprint):
        raise DataError(f"{train.name} has the same images for training and for testing: {HELD_OUT}")
    if len(train.classes) < 2:
        raise DataError(f"{train.name} has one class, {train.classes[0]!r}, expected two or more")
    found = by_name(test, train.classes, train.name)
    if found.unknown:
        raise DataError(f"{train.name} and {test.name} have different classes: {listed(found.unknown)} only in tests")
    return found.images


def _check_taught(objective: Objective, train: ImageSet) -> None:
    """Raises TrainingError if a teacher's classes have names, and are not those of the images in the same order."""
    taught = objective.taught_classes
    if taught is None or taught == train.classes or are_numbers(taught) or are_numbers(train.classes):
        return
    number = next(i for i, pair in enumerate(zip(taught, train.classes, strict=True)) if pair[0] != pair[1])
    raise TrainingError(
        f"the teacher's classes are not those of {train.name}: class {number} is {taught[number]} instead of "
        f"{train.classes[number]}; choose another teacher, or learn from features alone with --logit-weight 0"
    )


def _keep_nothing(state: State, whole: bool) -> None:
    pass


def _cut_short(recipe: Recipe, state: State, feed: Feed) -> list[str]:
    """What to know of a training whose time was over before it had seen every image."""
    if recipe.minutes is None or state.step >= feed.steps:
        return []
    return [
        f"{recipe.minutes:g} minutes were over after {state.step} of the {counted(feed.steps, 'step')} of the first "
        "epoch: give more --minutes, or fewer images"
    ]


class _Keeper:
    """Writes a checkpoint after each epoch, and within it every few minutes, and the settings before the first one."""

    def __init__(self, folder: Path, identity: dict[str, Any], job: TrainingJob, options: RunOptions) -> None:
        self._folder, self._identity, self._best = folder, identity, options.keep_best
        self._settings: str | None = config_text(job, options, also={NETWORK: str(job.structure)})
        self._pause = 60 * options.checkpoint_minutes
        self._written = time.monotonic()

    def __call__(self, state: State, whole: bool) -> None:
        if not whole and time.monotonic() - self._written < self._pause:
            return
        if self._settings is not None:
            text, self._settings = self._settings, None
            save_or_tell(lambda: write_text(self._folder / SETTINGS_FILE, text), self._folder)
        save_or_tell(lambda: save(state, self._identity, self._folder / CHECKPOINT_FILE), self._folder)
        if whole:
            save_or_tell(lambda: write_text(self._folder / HISTORY_FILE, history_text(state.history)), self._folder)
        if whole and self._best and state.history[-1].test_top1 >= max(e.test_top1 for e in state.history):
            save_or_tell(lambda: save_weights(state.result, self._folder / str(self._best)), self._folder)
        self._written = time.monotonic()


def _last_good(folder: Path, state: State) -> str:
    if not (folder / CHECKPOINT_FILE).is_file():
        return ""
    return f"; {folder / CHECKPOINT_FILE} has the last good state, after epoch {len(state.history)}"
