"""A whole training: data, network, loop, and the files that come of it. Imports torch."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from PlainNet import Structure
from PlainNet.checkpoint import load_checkpoint
from PlainNet.files import write_bytes, write_text
from PlainNet.masternet import MasterNet, build
from zennas.data import DataError, ImageSet, measured_normalisation, open_set
from zennas.environment import environment
from zennas.evaluate import Evaluation, Shown, memory_format
from zennas.files import check_writable
from zennas.limits import check_resolution
from zennas.models import CARD_FILE, CHECKPOINT_FILE, WEIGHTS_FILE, read_card
from zennas.train.distil import distilling
from zennas.train.distributed import Group, processes, with_synchronised_norms
from zennas.train.feed import Feed, fingerprint
from zennas.train.initialise import initialise
from zennas.train.logs import watched
from zennas.train.loop import NoWatcher, Watcher, train_epochs
from zennas.train.objective import Plain
from zennas.train.recipe import Distillation, Recipe, TrainingError
from zennas.train.state import Epoch, State, difference, new_state, restore, save

HISTORY_FILE = "history.csv"
TEST_BATCH = 4
"""Images of a batch when testing, in training's batches: no gradients are kept."""


@dataclass(frozen=True)
class TrainResult:
    """A finished training: its folder, the last epoch's top-1 and top-5 on the test images in per cent, all epochs."""

    folder: Path
    top1: float
    top5: float
    seconds: float
    history: tuple[Epoch, ...]
    skipped: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        return {
            "run": str(self.folder),
            "top1": self.top1,
            "top5": self.top5,
            "seconds": round(self.seconds, 3),
            "epochs": [asdict(epoch) for epoch in self.history],
            "skipped": self.skipped,
        }


@dataclass(frozen=True)
class Job:
    """What is trained on what.

    weights: a file to begin with instead of freshly drawn weights. data_folder: where CIFAR or ImageNet is.
    crop: of the evaluation's protocol, for photographs, in pixels; None for `resolution`.
    """

    structure: Structure
    dataset: str
    recipe: Recipe = field(default_factory=Recipe)
    distillation: Distillation | None = None
    resolution: int = 32
    crop: int | None = None
    use_se: bool = False
    data_folder: Path | None = None
    weights: Path | None = None


@dataclass(frozen=True)
class Where:
    """What does not change a training's outcome, or only in its last digits.

    workers: processes that load images. skip_corrupt: go on without images that cannot be read. resume: "never";
    "auto", go on from the folder's checkpoint if there is one; or a checkpoint's path. checkpoint_minutes: between
    checkpoints within an epoch; there is one after each epoch too. keep_best: also keep the weights of the epoch that
    was best on the test images, which flatters it.
    """

    device: str = "auto"
    workers: int = 0
    skip_corrupt: bool = False
    resume: str = "never"
    checkpoint_minutes: float = 10.0
    keep_best: str | None = None
    tensorboard: bool = False


def train_structure(job: Job, folder: Path, where: Where = Where(), watcher: Watcher = NoWatcher()) -> TrainResult:
    """Train a network and keep the outcome in `folder`.

    Written there: the weights (a state dict, loadable with `weights_only`), the history as CSV, a card with everything
    that decided it, and while it runs a checkpoint. On a CPU the same arguments give the same weights, also after a
    kill and `resume`; cuDNN adds up in an order of its own.
    Raises TrainingError, DataError, DeviceError, StructureError, CheckpointError.
    """
    check_resolution(job.resolution, TrainingError)
    if where.resume == "auto" and (folder / WEIGHTS_FILE).is_file():
        return finished(folder, job)
    checkpoint = _to_resume(folder, where)
    try:
        check_writable(folder)
    except OSError as error:
        raise TrainingError(str(error)) from None
    with processes(where.device) as group:
        if job.recipe.precision == "fp16" and group.device.type == "cpu":
            raise TrainingError("precision is fp16, which is for CUDA: use bf16 or fp32 on the CPU")
        train, test = (open_set(job.dataset, split, job.data_folder) for split in ("train", "test"))
        _check_alike(train, test)
        normalisation = train.usual.normalisation or measured_normalisation(train)
        shown = Shown(normalisation, job.resolution, job.crop or job.resolution)
        network = _network(job, len(train.classes))
        state = _state(job, network, shown, group)
        identity = {**settings_of(job), "images": fingerprint(train)}
        if checkpoint is not None:
            restore(state, identity, checkpoint)
        feed = Feed(train, job.recipe, shown, group, workers=where.workers, skip_corrupt=where.skip_corrupt)
        evaluation = Evaluation(
            test,
            shown,
            group.device,
            batch_size=max(1, TEST_BATCH * job.recipe.batch_size // group.world),
            workers=where.workers,
            skip_corrupt=where.skip_corrupt,
            rank=group.rank,
            world=group.world,
        )
        keeper = _Keeper(folder, identity, where) if group.leads else _keep_nothing
        try:
            with watched(watcher if group.leads else NoWatcher(), folder, where.tensorboard and group.leads) as told:
                train_epochs(state, feed, evaluation, job.recipe, group, told, keeper)
        except TrainingError as error:
            raise TrainingError(f"{error}{_last_good(folder, state)}") from None
        except Exception as error:
            if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                raise
            what = " ".join(str(error).split())[:200]
            raise TrainingError(
                f"torch.compile cannot compile the network here: {what}; leave out --compile"
            ) from error
        result = _result(folder, state)
        if group.leads:
            _write(result, state, _card(job, train, test, shown, state, group))
        group.wait()
    return result


def finished(folder: Path, job: Job) -> TrainResult:
    """The result of a training that is done. Raises TrainingError where it is not that of `job`, TargetError."""
    card = read_card(folder)
    found = {name: card.get(name) for name in ("structure", "use_se", "resolution", "recipe", "distillation")}
    wanted = {name: value for name, value in settings_of(job).items() if name in found}
    if found != wanted:
        raise TrainingError(
            f"{folder} holds a finished training with {difference(found, wanted)}: choose another folder"
        )
    try:
        rows = list(csv.DictReader((folder / HISTORY_FILE).read_text(encoding="utf-8").splitlines()))
        history = tuple(Epoch(int(row.pop("epoch")), *map(float, row.values())) for row in rows)
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(f"{folder / HISTORY_FILE} cannot be read: {' '.join(str(error).split())}") from None
    return TrainResult(folder, card["top1"], card["top5"], card["seconds"], history, card["skipped"])


def _to_resume(folder: Path, where: Where) -> Path | None:
    """The checkpoint to go on from. Raises TrainingError."""
    here = folder / CHECKPOINT_FILE
    if where.resume not in ("never", "auto"):
        if not Path(where.resume).is_file():
            raise TrainingError(f"there is no checkpoint {where.resume} to go on from")
        return Path(where.resume)
    if where.resume == "auto" and here.is_file():
        return here
    if (folder / WEIGHTS_FILE).exists():
        raise TrainingError(f"{folder} holds trained weights already: choose another --save-dir")
    if here.exists():
        raise TrainingError(f"{folder} holds a training that was begun: go on with --resume auto, or choose another")
    return None


def _check_alike(train: ImageSet, test: ImageSet) -> None:
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes)) or list(train.classes)
        raise DataError(f"{train.name} and {test.name} have different classes: {', '.join(odd[:3])}")


def _network(job: Job, num_classes: int) -> MasterNet:
    torch.manual_seed(job.recipe.seed)
    network = build(job.structure, num_classes=num_classes, use_se=job.use_se, bn_eps=job.recipe.bn_eps)
    initialise(network, job.recipe.init)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and job.recipe.bn_momentum is not None:
            module.momentum = job.recipe.bn_momentum
    if job.weights is not None:
        load_checkpoint(network, job.weights)
    return network


def _state(job: Job, network: MasterNet, shown: Shown, group: Group) -> State:
    objective: nn.Module
    if job.distillation is None:
        objective = Plain(network, job.recipe.label_smoothing)
    else:
        objective = distilling(network, job.distillation, shown, job.recipe.label_smoothing)
    if job.recipe.sync_bn:
        objective = with_synchronised_norms(objective, group)
    objective.to(group.device).to(memory_format=memory_format(group.device))
    return new_state(objective, network, job.recipe, group)


def settings_of(job: Job) -> dict[str, Any]:
    """What has to be the same for a training to be the same, of JSON's kinds."""
    settings = {
        "structure": str(job.structure),
        "use_se": job.use_se,
        "resolution": job.resolution,
        "recipe": asdict(job.recipe),
        "distillation": None if job.distillation is None else asdict(job.distillation),
    }
    return dict(json.loads(json.dumps(settings)))


def _keep_nothing(state: State, whole: bool) -> None:
    pass


class _Keeper:
    """Writes checkpoints: after each epoch, and within one when some minutes have passed."""

    def __init__(self, folder: Path, identity: dict[str, Any], where: Where) -> None:
        self._folder, self._identity, self._best = folder, identity, where.keep_best
        self._pause = 60 * where.checkpoint_minutes
        self._written = time.monotonic()

    def __call__(self, state: State, whole: bool) -> None:
        if not whole and time.monotonic() - self._written < self._pause:
            return
        save_or_tell(lambda: save(state, self._identity, self._folder / CHECKPOINT_FILE), self._folder)
        if whole:
            save_or_tell(lambda: write_text(self._folder / HISTORY_FILE, _csv(state.history)), self._folder)
        if whole and self._best and state.history[-1].test_top1 >= max(e.test_top1 for e in state.history):
            save_or_tell(lambda: save_weights(state.result, self._folder / str(self._best)), self._folder)
        self._written = time.monotonic()


def save_or_tell(write: Callable[[], None], folder: Path) -> None:
    """Raises TrainingError where a file cannot be written."""
    try:
        write()
    except (OSError, RuntimeError) as error:  # torch.save raises the latter where the disk is full
        what = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise TrainingError(f"the outcome cannot be written to {folder}: {what}") from None


def save_weights(network: nn.Module, path: Path) -> None:
    """The state dict, loadable with `weights_only`, whole or not at all."""
    content = io.BytesIO()
    torch.save({"state_dict": {name: t.cpu() for name, t in network.state_dict().items()}}, content)
    write_bytes(path, content.getvalue())


def _last_good(folder: Path, state: State) -> str:
    if not (folder / CHECKPOINT_FILE).is_file():
        return ""
    return f"; {folder / CHECKPOINT_FILE} has the last good state, of epoch {len(state.history)}"


def _result(folder: Path, state: State) -> TrainResult:
    last = state.history[-1]
    return TrainResult(folder, last.test_top1, last.test_top5, state.seconds, tuple(state.history), dict(state.skipped))


def _write(result: TrainResult, state: State, card: dict[str, Any]) -> None:
    folder = result.folder
    save_or_tell(lambda: write_text(folder / HISTORY_FILE, _csv(list(result.history))), folder)
    save_or_tell(lambda: write_text(folder / CARD_FILE, json.dumps(card, indent=2) + "\n"), folder)
    save_or_tell(lambda: save_weights(state.result, folder / WEIGHTS_FILE), folder)
    with suppress(FileNotFoundError):
        (folder / CHECKPOINT_FILE).unlink()


def _card(job: Job, train: ImageSet, test: ImageSet, shown: Shown, state: State, group: Group) -> dict[str, Any]:
    last = state.history[-1]
    return {
        "structure": str(job.structure),
        "num_classes": len(train.classes),
        "resolution": job.resolution,
        "crop_image_size": shown.crop,
        "use_se": job.use_se,
        "bn_eps": job.recipe.bn_eps,
        "classes": list(train.classes),
        "normalisation": shown.normalisation.to_json(),
        "dataset": str(Path(job.dataset).resolve()) if Path(job.dataset).exists() else job.dataset,
        "data_folder": None if job.data_folder is None else str(job.data_folder.resolve()),
        "train_images": len(train),
        "test_images": len(test),
        "top1": last.test_top1,
        "top5": last.test_top5,
        "recipe": asdict(job.recipe),
        "distillation": None if job.distillation is None else asdict(job.distillation),
        "device": torch.cuda.get_device_name(group.device) if group.device.type == "cuda" else str(group.device),
        "processes": group.world,
        "threads": torch.get_num_threads(),
        "seconds": round(state.seconds, 1),
        "skipped": state.skipped,
        "environment": environment(),
    }


def _csv(history: list[Epoch]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, [one.name for one in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(epoch) for epoch in history)
    return out.getvalue()
