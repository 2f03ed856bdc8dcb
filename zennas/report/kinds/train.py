"""Trainings in a list of runs."""

from __future__ import annotations

from PlainNet.sizes import size_text
from zennas.common.numbers import counted
from zennas.report.kind import RunKind, register
from zennas.training.record import TrainingRecord, read_training


def _asked(training: TrainingRecord) -> str:
    size = training.resolution
    return f"{training.dataset}, {counted(training.epochs, 'epoch')} at {size_text(size)}"


def _found(training: TrainingRecord) -> str:
    if training.top1 is None:
        return "no epoch yet"
    done = len(training.history)
    return f"top-1 {training.top1:.2f} %" + (f" after {counted(done, 'epoch')}" if done < training.epochs else "")


register(RunKind("train", TrainingRecord, read_training, lambda training: training.folder, _asked, _found))
