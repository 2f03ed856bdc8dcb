"""`train_image_classification.py` and `ts_train_image_classification.py`: Zen-NAS's flags for `api.train`.

In addition to the files of `zennas train`, Zen-NAS's files are written: weights of the best and of the last epoch, a
log, and a marker of a finished training, which makes later runs skip the folder. `train_settings.py` translates the
flags.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from PlainNet.device import DeviceError
from zennas.cli.console import OUT
from zennas.common.errors import WrongSettingError
from zennas.legacy import train_settings as wanted
from zennas.legacy.arguments import network_text
from zennas.legacy.teacher import add_teacher
from zennas.legacy.train_flags import parser, refuse
from zennas.legacy.train_settings import BEST, LATEST

if TYPE_CHECKING:
    from zennas.named.models import TrainedModel
    from zennas.training.history import Epoch
    from zennas.training.loop import Watcher
    from zennas.training.outcome import TrainResult

STUDENT = "student_best-params_rank0.pth"
DONE, LOG = "train_image_classification.done", "train_image_classification.log"
"""File names used by both programs."""


def run(argv: list[str], description: str | None, with_teacher: bool) -> None:
    """Train, evaluate, or skip a finished training, according to the flags.

    Raises WrongSettingError if flags are invalid, and the errors of `zennas.api.train`.
    """
    made = parser(description)
    if with_teacher:
        add_teacher(made)
    options = made.parse_args(argv)
    refuse(options)
    if options.evaluate_only:
        _evaluate(options)
        return
    if options.save_dir is None:
        raise WrongSettingError("no folder for the results is given: add --save_dir FOLDER")
    if (options.save_dir / DONE).is_file():
        OUT.print(f"skip {options.save_dir / DONE}")
    else:
        _train(options, argv, with_teacher)


def _check_classes(options: Namespace) -> None:
    """Raises WrongSettingError if --num_classes is not the data set's number of classes."""
    if options.num_classes is None:
        return
    from zennas.data import known_dataset, open_set

    known = known_dataset(options.dataset)
    if known is not None and known.resolution is not None:
        found = known.classes
    else:  # the folder of imagenet may contain only some of its classes
        found = len(open_set(options.dataset, "test", options.data_dir).classes)
    if options.num_classes != found:
        raise WrongSettingError(
            f"--num_classes is {options.num_classes}, but {options.dataset} has {found} classes: leave it out, or give "
            f"{found}; a network designed for another number is trained with {found}"
        )


def _train(options: Namespace, argv: list[str], with_teacher: bool) -> None:
    network, chosen = network_text(options, "train"), wanted.settings(options, with_teacher)
    _check_classes(options)
    from zennas import api
    from zennas.cli.progress import training_progress
    from zennas.cli.render import print_training
    from zennas.training.distributed import ranks

    leads, folder = ranks()[0] == 0, options.save_dir
    drawn = training_progress(options.epochs, chosen["batch_size"], folder, quiet=False, again="the same command")
    progress = drawn if leads else nullcontext()
    with progress as drawing:
        watcher = None if drawing is None else _Log(drawing, folder / LOG, argv)
        try:
            result = api.train(network, **chosen, watcher=watcher)
        except DeviceError as error:
            raise DeviceError(f"{str(error).partition(';')[0]}; use --dist_mode auto or cpu, without --gpu") from None
    if leads:
        _finish(result, with_teacher)
        print_training(result)


def _finish(result: TrainResult, with_teacher: bool) -> None:
    """Write Zen-NAS's files, the marker last."""
    from PlainNet.files import write_bytes, write_text
    from zennas.named.card import WEIGHTS_FILE

    folder = result.folder
    write_bytes(folder / LATEST, (folder / WEIGHTS_FILE).read_bytes())
    if with_teacher and (folder / BEST).is_file():  # missing if `zennas train` trained in the folder
        write_bytes(folder / STUDENT, (folder / BEST).read_bytes())
    best = max(result.history, key=lambda epoch: (epoch.test_top1, epoch.epoch))
    facts = {"top1_acc": result.top1, "top5_acc": result.top5}
    facts |= {"best_acc1": best.test_top1, "best_acc1_at_epoch": best.epoch}
    write_text(folder / DONE, json.dumps(facts) + "\n")


class _Log:
    """A watcher that forwards to `watcher` and writes one line per epoch to the log."""

    def __init__(self, watcher: Watcher, path: Path, argv: list[str]) -> None:
        self._watcher, self._path = watcher, path
        self._begin: str | None = f"{Path(sys.argv[0]).name} {' '.join(argv)}"

    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        self._watcher.step(epoch, step, steps, loss)

    def epoch(self, done: Epoch) -> None:
        self._watcher.epoch(done)
        line = (
            f"epoch={done.epoch}, lr={done.lr:.4g}, loss={done.train_loss:.4f}, train_acc1={done.train_top1:.2f}%, "
            f"acc1={done.test_top1:.2f}%, acc5={done.test_top5:.2f}%, {done.images_per_second:.0f} images/s"
        )
        with self._path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{one}\n" for one in (self._begin, line) if one is not None))
        self._begin = None


def _evaluate(options: Namespace) -> None:
    """Print the accuracy of the given weights on the test images."""
    _check_classes(options)
    model = _model(options)
    from zennas.accuracy.evaluation import evaluate_model
    from zennas.accuracy.settings import EvaluationSettings

    chosen = EvaluationSettings(
        options.dataset,
        options.data_dir,
        batch_size=options.batch_size_per_gpu or options.batch_size or 256,
        precision="mixed" if wanted.precision(options) == "fp16" else "fp32",
        device=wanted.device(options),
        skip_corrupt=options.skip_corrupt,
        resolution=options.input_image_size,
    )
    found = evaluate_model(model, chosen)
    OUT.print(f"Acc@1 {found.top1:.3f} Acc@5 {found.top5:.3f}, {found.images} images of {found.dataset}")


def _model(options: Namespace) -> TrainedModel:
    from zennas.named.models import TrainedModel, trained_model

    text, weights = network_text(options, "evaluate"), wanted.weights(options)
    if weights is None:
        raise WrongSettingError("there are no weights to evaluate: give --load_parameters_from FILE")
    if text == options.arch:
        return trained_model(text, weights)
    from PlainNet.checkpoint import load_checkpoint
    from PlainNet.masternet import build
    from zennas.data import open_set, training_normalisation
    from zennas.data.base import Shown
    from zennas.named.structures import check_channels, resolve

    target = resolve(text)
    test = open_set(options.dataset, "test", options.data_dir)
    check_channels(target.structure, test.channels, f"those of {test.name}", by_flag=False)
    network = build(
        target.structure,
        num_classes=len(test.classes),
        use_se=options.use_se or bool(target.use_se),
        bn_eps=options.bn_eps,
    )
    load_checkpoint(network, weights)
    size = options.input_image_size or wanted.SIZE
    shown = Shown(training_normalisation(test, options.dataset, options.data_dir), size, size)
    return TrainedModel(str(weights), network.eval().requires_grad_(False), shown, test.classes, {})
