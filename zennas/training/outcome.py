"""The result of a training and the files that store it. Imports torch."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from PlainNet.checkpoint import tensor_bytes
from PlainNet.files import write_bytes, write_text
from zennas.common.environment import environment
from zennas.common.settings_text import to_json
from zennas.data import ImageSet
from zennas.data.recorded import KEY, record_of
from zennas.named.card import CARD_FILE, CHECKPOINT_FILE, WEIGHTS_FILE, read_card
from zennas.training.average import POINT, remark
from zennas.training.confusion import CONFUSION_FILE, Confusion, confusion_text
from zennas.training.extending import check_extension, epochs_before, with_epochs
from zennas.training.history import HISTORY_FILE, Epoch, history_text, read_history
from zennas.training.job import TrainingJob, recipe_json, settings_of
from zennas.training.recipe import TrainingError
from zennas.training.state import State, first_differences

if TYPE_CHECKING:
    from torch import nn

    from zennas.accuracy.protocol import Accuracy
    from zennas.data.base import Shown
    from zennas.training.distributed import Group

PLAIN_FILE = "plain.pt"
"""The weights without the moving average, kept if they are better by more than a point."""


@dataclass(frozen=True)
class TrainResult:
    """A finished training.

    folder: where it is stored. top1, top5: accuracy on the test images after the last epoch, in percent. seconds: time
    of training. history: one entry per epoch. skipped: number of times that each corrupt image was skipped.
    num_classes: number of classes. notes: what a user should know about the images.
    plain_top1, plain_top5: accuracy of the weights without their moving average; None if there is no average.
    """

    folder: Path
    top1: float
    top5: float
    seconds: float
    history: tuple[Epoch, ...]
    skipped: dict[str, int]
    num_classes: int
    notes: tuple[str, ...] = ()
    plain_top1: float | None = None
    plain_top5: float | None = None

    @property
    def remark(self) -> str | None:
        """A sentence if average and plain weights differ by more than a point, and where the better ones are."""
        found = remark(self.top1, self.plain_top1)
        kept = self.folder / PLAIN_FILE
        return f"{found}; those are in {kept}" if found is not None and kept.is_file() else found

    def to_json(self) -> dict[str, Any]:
        return {
            "run": str(self.folder),
            "top1": self.top1,
            "top5": self.top5,
            "plain_top1": self.plain_top1,
            "plain_top5": self.plain_top5,
            "seconds": round(self.seconds, 3),
            "epochs": [asdict(epoch) for epoch in self.history],
            "skipped": self.skipped,
            "notes": list(self.notes),
        }


def finished(folder: Path, job: TrainingJob) -> TrainResult:
    """Read the result of a finished training.

    Raises TrainingError if its settings are not those of `job` or its history cannot be read, TargetError if its card
    cannot be read.
    """
    card = read_card(folder)
    wanted = settings_of(job)
    if "objective" in card:  # missing in cards of earlier versions
        wanted["objective"] = job.objective_name
    wanted.update(white=job.white, val_fraction=job.val_fraction)
    found = {name: card.get(name) for name in wanted}
    if found != wanted:
        raise TrainingError(
            f"{folder} contains a finished training with {first_differences(found, wanted)}: choose another folder"
        )
    history = read_history(folder)
    plain = card.get("plain_top1"), card.get("plain_top5")  # missing in cards of earlier versions
    notes = tuple(map(str, card.get("notes", ())))
    try:
        made = (folder, card["top1"], card["top5"], card["seconds"], history, card["skipped"], card["num_classes"])
    except KeyError as error:
        raise TrainingError(f"{folder / CARD_FILE} has no {error.args[0]}: train again in another folder") from None
    return TrainResult(*made, notes, *plain)


def extends(folder: Path, job: TrainingJob) -> bool:
    """Return whether `job` is the finished training in `folder` with more epochs, and its checkpoint was kept.

    Raises TrainingError if only the number of epochs differs, but the training cannot be extended, and CardError if its
    card cannot be read.
    """
    card, wanted = read_card(folder), settings_of(job)
    before = epochs_before(card, job.recipe)
    if before is None or {name: card.get(name) for name in wanted} != with_epochs(wanted, before):
        return False
    check_extension(folder, job.recipe, before)
    if not (folder / CHECKPOINT_FILE).is_file():
        raise TrainingError(
            f"the training in {folder} cannot be extended, because its {CHECKPOINT_FILE} is missing: start a new one "
            f"with --epochs {job.recipe.epochs} in another folder"
        )
    return True


def result_of(
    folder: Path, state: State, num_classes: int, notes: tuple[str, ...] = (), plain: Accuracy | None = None
) -> TrainResult:
    """Return the result of a finished training. plain: accuracy of the plain weights, if there is an average."""
    last = state.history[-1]
    return TrainResult(
        folder,
        last.test_top1,
        last.test_top5,
        round(state.seconds, 1),
        tuple(state.history),
        dict(state.skipped),
        num_classes,
        notes,
        None if plain is None else plain.top1,
        None if plain is None else plain.top5,
    )


def write_outcome(
    result: TrainResult, state: State, card: dict[str, Any], confused: Confusion | None, extensible: bool
) -> None:
    """Write the files of a finished training.

    confused: None if there are too many classes. extensible: whether its checkpoint is kept, so that it can go on.
    """
    folder = result.folder
    save_or_tell(lambda: write_text(folder / HISTORY_FILE, history_text(result.history)), folder)
    if confused is not None:
        save_or_tell(lambda: write_text(folder / CONFUSION_FILE, confusion_text(confused)), folder)
    if result.plain_top1 is not None and result.plain_top1 > result.top1 + POINT:
        save_or_tell(lambda: save_weights(state.objective.network, folder / PLAIN_FILE), folder)
    else:
        (folder / PLAIN_FILE).unlink(missing_ok=True)
    save_or_tell(lambda: write_text(folder / CARD_FILE, json.dumps(card, indent=2) + "\n"), folder)
    save_or_tell(lambda: save_weights(state.result, folder / WEIGHTS_FILE), folder)
    if not extensible:
        (folder / CHECKPOINT_FILE).unlink(missing_ok=True)


def card_of(
    job: TrainingJob, train: ImageSet, test: ImageSet, shown: Shown, result: TrainResult, group: Group
) -> dict[str, Any]:
    return {
        "structure": str(job.structure),
        "num_classes": len(train.classes),
        "resolution": job.resolution,
        "crop_image_size": shown.crop,
        "use_se": job.use_se,
        "bn_eps": job.recipe.bn_eps,
        "classes": list(train.classes),
        "normalisation": shown.normalisation.to_json(),
        KEY: record_of(shown),
        "white": job.white,
        "val_fraction": job.val_fraction,
        "dataset": job.dataset,
        "data_folder": None if job.data_folder is None else str(job.data_folder),
        "train_images": len(train),
        "test_images": len(test),
        "test_fingerprint": test.fingerprint,
        "top1": result.top1,
        "top5": result.top5,
        "plain_top1": result.plain_top1,
        "plain_top5": result.plain_top5,
        "recipe": recipe_json(job.recipe),
        "distillation": None if job.distillation is None else to_json(job.distillation),
        "objective": job.objective_name,
        "device": torch.cuda.get_device_name(group.device) if group.device.type == "cuda" else str(group.device),
        "processes": group.world,
        "threads": torch.get_num_threads(),
        "seconds": result.seconds,
        "skipped": result.skipped,
        "notes": list(result.notes),
        "environment": environment(),
    }


def save_or_tell(write: Callable[[], None], folder: Path) -> None:
    """Call `write`. Raises TrainingError if the file cannot be written to `folder`."""
    try:
        write()
    except (OSError, RuntimeError) as error:  # torch.save raises RuntimeError if the disk is full
        what = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise TrainingError(f"the results cannot be written to {folder}: {what}") from None


def save_weights(network: nn.Module, path: Path) -> None:
    """Write the state dict atomically, as a file that `torch.load` reads with `weights_only=True`."""
    write_bytes(path, tensor_bytes({"state_dict": {name: t.cpu() for name, t in network.state_dict().items()}}))
