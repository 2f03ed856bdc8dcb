"""A whole training: data, network, loop, and the files that come of it. Imports torch."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch

from PlainNet import Structure
from PlainNet.device import device_of
from PlainNet.files import write_text
from PlainNet.masternet import build
from zennas.environment import environment
from zennas.files import check_writable
from zennas.limits import check_resolution
from zennas.train.data import load_data
from zennas.train.loop import Epoch, NoWatcher, Watcher, train_network
from zennas.train.recipe import Recipe, TrainingError

WEIGHTS_FILE = "weights.pt"
HISTORY_FILE = "history.csv"
CARD_FILE = "train.json"


@dataclass(frozen=True)
class TrainResult:
    """A finished training: its folder, the last epoch's top-1 on the test images in per cent, and all epochs."""

    folder: Path
    top1: float
    seconds: float
    history: tuple[Epoch, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "run": str(self.folder),
            "top1": self.top1,
            "seconds": round(self.seconds, 3),
            "epochs": [asdict(epoch) for epoch in self.history],
        }


def train_structure(
    structure: Structure,
    folder: Path,
    *,
    dataset: str,
    recipe: Recipe = Recipe(),
    resolution: int = 32,
    use_se: bool = False,
    device: str = "auto",
    data_folder: Path | None = None,
    workers: int = 0,
    watcher: Watcher = NoWatcher(),
) -> TrainResult:
    """Train the network of `structure` on a data set (see `data.load_data`) and keep the outcome in `folder`.

    Written there: the weights (a state dict, loadable with `weights_only`), the history as CSV, and a card
    with everything that decided it. On a CPU the same arguments give the same weights; cuDNN adds up in an
    order of its own.
    Raises TrainingError, DeviceError, StructureError.
    """
    if (folder / WEIGHTS_FILE).exists():
        raise TrainingError(f"{folder} holds trained weights already: choose another --save-dir")
    check_resolution(resolution, TrainingError)
    where = device_of(device)
    try:
        check_writable(folder)
    except OSError as error:
        raise TrainingError(str(error)) from None
    data = load_data(dataset, recipe, resolution, data_folder, workers)
    torch.manual_seed(recipe.seed)
    model = build(structure, num_classes=data.num_classes, use_se=use_se)
    began = time.monotonic()
    history = tuple(train_network(model, data, recipe, where, watcher))
    result = TrainResult(folder, history[-1].test_top1, time.monotonic() - began, history)
    card = {
        "structure": str(structure),
        "num_classes": data.num_classes,
        "resolution": resolution,
        "use_se": use_se,
        "dataset": data.name,
        "train_images": data.train_images,
        "test_images": data.test_images,
        "top1": result.top1,
        "recipe": asdict(recipe),
        "device": str(where),
        "threads": torch.get_num_threads(),
        "seconds": round(result.seconds, 1),
        "environment": environment(),
    }
    state = {name: t.cpu() for name, t in model.state_dict().items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / HISTORY_FILE, _csv(history))
        write_text(folder / CARD_FILE, json.dumps(card, indent=2) + "\n")
        _save(folder / WEIGHTS_FILE, {"state_dict": state})
    except (OSError, RuntimeError) as error:  # torch.save raises the latter where the disk is full
        what = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise TrainingError(f"the outcome cannot be written to {folder}: {what}") from None
    return result


def _csv(history: tuple[Epoch, ...]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, [field.name for field in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(epoch) for epoch in history)
    return out.getvalue()


def _save(path: Path, content: Any) -> None:
    """torch.save, whole or not at all."""
    draft = path.with_name(f".{path.name}.new")
    try:
        torch.save(content, draft)
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
