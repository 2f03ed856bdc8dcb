"""The training loop. Imports torch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from zennas.accuracy.protocol import Accuracy, Evaluator, as_accuracy
from zennas.training.distributed import Group
from zennas.training.feed import Feed, Given
from zennas.training.history import Epoch
from zennas.training.precision import autocast
from zennas.training.recipe import Recipe, TrainingError
from zennas.training.schedule import lr_at
from zennas.training.state import State
from zennas.training.timing import Timetable

# Reading the loss waits for the device, which is then idle until the next step is launched.
LOOK_EVERY = {"cpu": 1, "cuda": 20}


class Watcher(Protocol):
    """Receives the progress of a training."""

    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """Called after some of the steps. epoch, step: count from 1; loss: mean since the last call."""

    def epoch(self, done: Epoch) -> None:
        """Called after each epoch."""


class NoWatcher:
    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        pass

    def epoch(self, done: Epoch) -> None:
        pass


def train_epochs(
    state: State,
    feed: Feed,
    evaluation: Evaluator,
    recipe: Recipe,
    group: Group,
    watcher: Watcher = NoWatcher(),
    keep: Callable[[State, bool], None] = lambda state, whole: None,
    clock: Callable[[], float] = time.monotonic,
    started: float | None = None,
) -> None:
    """Train from `state` to the end of the recipe.

    keep: called to save the state, with False within an epoch whenever the loss was read, and with True after each
    epoch. clock: the time in seconds. started: when the work began, by this clock, if that was earlier; it counts for
    the time limit. Raises TrainingError if the loss is not finite, DataError if an image cannot be read.
    """
    runner = _runner(state.objective, recipe, group)
    timetable = Timetable(
        recipe,
        feed.steps,
        evaluation.images / recipe.batch_size,
        used=state.used,
        share=state.share,
        began=started,
        clock=clock,
        agreed=group.agreed,
    )
    while not timetable.ended(state.step):
        epoch, first = divmod(state.step, feed.steps)
        began = clock()
        _train_epoch(state, runner, feed.epoch(epoch, first), recipe, group, feed.steps, watcher, keep, timetable)
        seconds = clock() - began
        lr = lr_at(recipe, timetable.passed(state.step - 0.5))
        tested = tested_by(state, state.result, evaluation, group)
        loss, right, images = group.summed(state.sums).tolist()
        state.sums.zero_()
        took = clock() - began
        timetable.tested(took - seconds, state.step)
        state.seconds, state.used, state.share = state.seconds + took, timetable.used, timetable.share
        done = state.step - epoch * feed.steps
        speed = images * (done - first) / done / max(seconds, 1e-9)
        state.history.append(
            Epoch(epoch + 1, lr, loss / images, 100 * right / images, tested.top1, tested.top5, seconds, speed)
        )
        keep(state, True)
        watcher.epoch(state.history[-1])


def _train_epoch(
    state: State,
    runner: nn.Module,
    batches: Any,
    recipe: Recipe,
    group: Group,
    steps: int,
    watcher: Watcher,
    keep: Callable[[State, bool], None],
    timetable: Timetable,
) -> None:
    state.objective.train()
    look_every = LOOK_EVERY.get(group.device.type, 1)
    looked = group.summed(state.sums).tolist()
    began = timetable.used
    for given in batches:
        state.skipped.update(given.skipped)
        lr = lr_at(recipe, timetable.passed(state.step + 0.5))
        for parameters in state.optimizer.param_groups:
            parameters["lr"] = lr
        if state.paths is not None:
            state.paths.begin(recipe, group, *divmod(state.step, steps))
        if state.rounding is not None:
            state.rounding.begin(recipe, timetable.passed(state.step))
        _one_step(state, runner, given, recipe, group)
        state.step += 1
        timetable.stepped(timetable.used - began, state.step)
        began, state.used, state.share = timetable.used, timetable.used, timetable.share
        epoch, step = divmod(state.step - 1, steps)
        if (step + 1) % look_every == 0 or step + 1 == steps or timetable.over:
            sums = group.summed(state.sums).tolist()
            loss = (sums[0] - looked[0]) / max(sums[2] - looked[2], 1)
            _check_finite(loss, epoch, step, recipe)
            watcher.step(epoch + 1, step + 1, steps, loss)
            looked = sums
            if step + 1 < steps and not timetable.over:
                keep(state, False)
        if timetable.over:
            break


def _one_step(state: State, runner: nn.Module, given: Given, recipe: Recipe, group: Group) -> None:
    state.optimizer.zero_grad(set_to_none=True)
    pieces = [
        piece for piece in zip(*(x.tensor_split(recipe.accumulate) for x in given[:3]), strict=True) if len(piece[2])
    ]
    for number, (images, targets, labels) in enumerate(pieces, 1):
        last = number == len(pieces)
        quiet = runner.no_sync() if isinstance(runner, DistributedDataParallel) and not last else nullcontext()
        with quiet:
            with autocast(recipe.precision, group.device):
                losses = runner(images, targets)
                share = losses.total * (len(labels) / len(given.labels))
            state.scaler.scale(share).backward()
        with torch.no_grad():
            right = (losses.logits.argmax(1) == labels).sum()
            found = (losses.total.detach() * len(labels), right, right.new_tensor(len(labels)))
            state.sums += torch.stack([x.double() for x in found])
    _clip(state, recipe)
    state.scaler.step(state.optimizer)
    state.scaler.update()
    if state.average is not None:
        state.average.update_parameters(state.objective.network)


def _clip(state: State, recipe: Recipe) -> None:
    if recipe.clip_norm is None and recipe.clip_value is None:
        return
    state.scaler.unscale_(state.optimizer)
    weights = [p for group in state.optimizer.param_groups for p in group["params"]]
    if recipe.clip_value is not None:
        nn.utils.clip_grad_value_(weights, recipe.clip_value)
    if recipe.clip_norm is not None:
        nn.utils.clip_grad_norm_(weights, recipe.clip_norm)


def _runner(objective: nn.Module, recipe: Recipe, group: Group) -> nn.Module:
    """The objective, compiled and distributed over the processes if required."""
    if recipe.compile:
        objective.compile()
    if group.world == 1:
        return objective
    ids = [group.device.index] if group.device.type == "cuda" else None
    return DistributedDataParallel(objective, device_ids=ids)


def tested_by(state: State, network: nn.Module, evaluation: Evaluator, group: Group) -> Accuracy:
    """Return the accuracy of a network of `state` on the test images of all processes."""
    began = time.monotonic()
    group.spread(list(network.buffers()))  # without synchronised batch-norm, statistics differ by process
    counts, skipped = evaluation.count(network.eval())
    state.skipped.update(skipped)
    total = group.summed(counts.to(group.device))
    return as_accuracy(total.cpu(), skipped, time.monotonic() - began)


def confused_by(state: State, classes: int, evaluation: Evaluator, group: Group) -> NDArray[np.int64]:
    """Return which classes the result of `state` takes for which, as an array (classes, classes) of images: the test
    images of all processes. Rows are the true classes.
    """
    counts = evaluation.confusion(state.result.eval(), classes)
    found: NDArray[np.int64] = group.summed(counts.to(group.device)).cpu().numpy().astype(np.int64)
    return found


def _check_finite(loss: float, epoch: int, step: int, recipe: Recipe) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"the loss is {loss} in epoch {epoch + 1}, step {step + 1}: try a lower --lr than {recipe.lr}"
            + (", or --precision bf16" if recipe.precision == "fp16" else "")
        )
