"""Trainings: loss and accuracy over the epochs, and which classes are taken for which."""

from __future__ import annotations

from zennas.common.numbers import counted
from zennas.pages.charts import Axis, Chart, Point, Series
from zennas.pages.parts import Beside, Facts, Matrix, Note, Part, Table, Text
from zennas.pages.record import TRAIN, Record
from zennas.pages.section import Section, register
from zennas.training.confusion import Confusion
from zennas.training.history import Epoch
from zennas.training.record import FINISHED, INTERRUPTED, TrainingRecord

_LARGEST_MATRIX = 24
"""Classes of a matrix that is shown; of more, the most frequent mistakes are listed."""
_MOST = 6
"""Trainings that are shown."""
_MOST_EPOCHS = 400
_MISTAKES = 12


def parts(record: Record) -> list[Part]:
    """The curves of each training, and its confusion matrix."""
    shown = record.trainings[:_MOST]
    found = [part for training in shown for part in _of(training, inside=record.kind != TRAIN)]
    others = ", ".join(training.folder.name for training in record.trainings[_MOST:])
    return [*found, *([Text(f"Not shown, so that the page stays small: {others}.", quiet=True)] if others else [])]


def _of(training: TrainingRecord, inside: bool) -> list[Part]:
    """inside: whether the training is part of another run, whose page does not begin with its status."""
    found: list[Part] = []
    if inside and training.status == INTERRUPTED:
        again = f"zennas train --resume {training.folder}"
        done = f"after {counted(len(training.history), 'epoch')} of {training.epochs}"
        found.append(Note(f"This training was interrupted {done}. To continue:", again))
    elif inside and training.status != FINISHED:
        found.append(Note("This training was still at work when the page was made."))
    if not training.history:
        return found
    found += [Facts(_facts(training)), Beside(_charts(training.history))]
    confusion = training.confusion
    if confusion is not None:
        found.append(_matrix(confusion) if len(confusion.classes) <= _LARGEST_MATRIX else _mistakes(confusion))
    return found


def _facts(training: TrainingRecord) -> tuple[tuple[str, str], ...]:
    last, plain, images = training.history[-1], training.plain_top1, training.images
    averaged = () if plain is None else (("without the moving average", f"{plain:.2f} %"),)
    sets = () if images is None else (("images", f"{images[0]:,} for training, {images[1]:,} for testing"),)
    return (
        ("folder", training.folder.name),
        ("data set", training.dataset),
        ("top-1", f"{last.test_top1:.2f} %"),
        ("top-5", f"{last.test_top5:.2f} %"),
        *averaged,
        *sets,
        ("speed", f"{last.images_per_second:,.0f} images/s"),
    )


def _charts(history: tuple[Epoch, ...]) -> tuple[Chart, ...]:
    some = history[:: -(-len(history) // _MOST_EPOCHS)]
    some = some if some[-1] is history[-1] else (*some, history[-1])
    axes = (Axis("epoch", whole=True), Axis("accuracy", "%"))

    def line(name: str, mark: str, values: list[float]) -> Series:
        points = tuple(Point((epoch.epoch, value), name) for epoch, value in zip(some, values, strict=True))
        return Series(name, "line" if mark == "line" else "quiet line", points)

    accuracy = (
        line("on training images", "quiet line", [epoch.train_top1 for epoch in some]),
        line("on test images", "line", [epoch.test_top1 for epoch in some]),
    )
    loss = (line("training loss", "line", [epoch.train_loss for epoch in some]),)
    return (
        Chart("Accuracy over the epochs", axes, (0,), (1,), accuracy),
        Chart("Loss over the epochs", (axes[0], Axis("loss")), (0,), (1,), loss),
    )


def _matrix(confusion: Confusion) -> Matrix:
    return Matrix(confusion.classes, tuple(tuple(map(int, row)) for row in confusion.counts))


def _mistakes(confusion: Confusion) -> Table:
    totals = confusion.counts.sum(axis=1)
    of = dict(zip(confusion.classes, totals.tolist(), strict=True))
    rows = [
        (true, predicted, f"{images:,}", f"{100 * images / max(1, of[true]):.1f} %")
        for true, predicted, images in confusion.mistakes()[:_MISTAKES]
    ]
    columns = ("images of", "taken for", "images", "of the class")
    return Table(columns, tuple(rows), right=(2, 3))


register(Section("training", "Training", 60, parts))
