"""A training at some step: everything that decides how it goes on, in one file. Imports torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from PlainNet.checkpoint import CheckpointError, read_tensors, tensor_bytes
from PlainNet.files import write_bytes
from zennas.common.settings_text import differences
from zennas.training.distributed import Group
from zennas.training.objectives.base import Objective
from zennas.training.optimisers import optimiser
from zennas.training.recipe import Recipe, TrainingError

FORMAT = "zennas training"
VERSION = 1


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to: mean training loss, top-1 on training images and top-1 and top-5 on test images in per
    cent, and speed.
    """

    epoch: int
    lr: float
    train_loss: float
    train_top1: float
    test_top1: float
    test_top5: float
    seconds: float
    images_per_second: float


@dataclass(eq=False)
class State:
    """sums: of loss, right answers and images in the epoch that is running, (3,) in float64. seconds: it has taken.

    skipped: corrupt images, by what is wrong with them, and how often they were met.
    """

    objective: Objective
    optimizer: optim.Optimizer
    scaler: torch.amp.GradScaler
    average: AveragedModel | None
    sums: Tensor
    step: int = 0
    seconds: float = 0.0
    history: list[Epoch] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def result(self) -> nn.Module:
        """The network that is evaluated and kept."""
        return self.objective.network if self.average is None else self.average.module


def new_state(objective: Objective, recipe: Recipe, group: Group) -> State:
    average = None
    if recipe.ema:
        average = AveragedModel(objective.network, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema), use_buffers=True)
    scaler = torch.amp.GradScaler(group.device.type, enabled=recipe.precision == "fp16")
    sums = torch.zeros(3, dtype=torch.float64, device=group.device)
    return State(objective, optimiser(objective, recipe), scaler, average, sums)


def save(state: State, identity: Mapping[str, Any], path: Path) -> None:
    """Write the state, whole or not at all. identity: what a state belongs to, of JSON's kinds. Raises OSError."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "identity": dict(identity),
        "objective": state.objective.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "scaler": state.scaler.state_dict(),
        "average": None if state.average is None else state.average.state_dict(),
        "sums": state.sums.cpu(),
        "step": state.step,
        "seconds": state.seconds,
        "history": [asdict(epoch) for epoch in state.history],
        "skipped": dict(state.skipped),
        "generator": torch.get_rng_state(),
    }
    write_bytes(path, tensor_bytes(content))


def restore(state: State, identity: Mapping[str, Any], path: Path) -> None:
    """Make `state`, which is new, the one in the file. No code in it is run.

    Raises TrainingError where it cannot be read, or belongs to another training.
    """
    found = _read(path)
    if found["identity"] != dict(identity):
        raise TrainingError(f"{path} belongs to a training with {first_differences(found['identity'], identity)}")
    try:
        state.objective.load_state_dict(found["objective"])
        state.optimizer.load_state_dict(found["optimizer"])
        state.scaler.load_state_dict(found["scaler"])
        if state.average is not None:
            state.average.load_state_dict(found["average"])
        state.sums.copy_(found["sums"])
        state.step, state.seconds = int(found["step"]), float(found["seconds"])
        state.history[:] = [Epoch(**epoch) for epoch in found["history"]]
        state.skipped.update(found["skipped"])
        torch.set_rng_state(found["generator"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        what = " ".join(str(error).split())[:200]
        raise TrainingError(f"{path} does not fit the training: {what}; delete it to start again") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        found = read_tensors(path)
    except CheckpointError as error:
        raise TrainingError(f"{error}; delete it to start again") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT or "identity" not in found:
        raise TrainingError(f"{path} is not a training checkpoint; a training cannot resume from weights alone")
    if found["version"] != VERSION:
        raise TrainingError(f"{path} has version {found['version']}, but this program reads version {VERSION}")
    return found


def first_differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The first settings that differ, in words."""
    return "; ".join(differences(found, wanted)[:3])
