"""The state of a training at some step: everything needed to continue it, in one file. Imports torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.optim.swa_utils import AveragedModel

from PlainNet.checkpoint import CheckpointError, read_tensors, tensor_bytes
from PlainNet.errors import reason
from PlainNet.files import write_bytes
from zennas.common.numbers import counted
from zennas.common.settings_text import differences
from zennas.training.average import average_of
from zennas.training.distributed import Group
from zennas.training.drop_path import Paths
from zennas.training.extending import check_extension, epochs_before, with_epochs
from zennas.training.history import Epoch
from zennas.training.objectives.base import Objective
from zennas.training.optimisers import optimiser
from zennas.training.quantising import Rounding
from zennas.training.recipe import Recipe, TrainingError

FORMAT = "zennas training"
VERSION = 1


@dataclass(eq=False)
class State:
    """A training at some step.

    average: the moving average of the weights, if there is one. sums: of loss, correct answers and images in the
    current epoch, (3,) in float64. step: number of finished steps. seconds: time of the finished epochs. used, share:
    the time of everything so far, and how far the training is by a time limit, see `timing.py`. skipped: messages about
    corrupt images, and how often each image was skipped. paths: those that are left out at random. rounding: switches
    quantisation-aware training, if there is some.
    """

    objective: Objective
    optimizer: optim.Optimizer
    scaler: torch.amp.GradScaler
    average: AveragedModel | None
    sums: Tensor
    step: int = 0
    seconds: float = 0.0
    used: float = 0.0
    share: float = 0.0
    history: list[Epoch] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    paths: Paths | None = None
    rounding: Rounding | None = None

    @property
    def result(self) -> nn.Module:
        """The network that is evaluated and stored: the moving average if there is one."""
        return self.objective.network if self.average is None else self.average.module


def new_state(objective: Objective, recipe: Recipe, group: Group) -> State:
    average = average_of(objective.network, recipe.ema) if recipe.ema else None
    scaler = torch.amp.GradScaler(group.device.type, enabled=recipe.precision == "fp16")
    sums = torch.zeros(3, dtype=torch.float64, device=group.device)
    return State(objective, optimiser(objective, recipe), scaler, average, sums)


def save(state: State, identity: Mapping[str, Any], path: Path) -> None:
    """Write the state atomically. identity: JSON-compatible settings of the training that the state belongs to.

    Raises OSError if the file cannot be written.
    """
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
        "used": state.used,
        "share": state.share,
        "ranges": {} if state.rounding is None else state.rounding.ranges,
        "history": [asdict(epoch) for epoch in state.history],
        "skipped": dict(state.skipped),
        "generator": torch.get_rng_state(),
        "threads": torch.get_num_threads(),
    }
    write_bytes(path, tensor_bytes(content))


def restore(state: State, identity: Mapping[str, Any], path: Path, recipe: Recipe) -> str | None:
    """Load the file into `state`, which must be new. No code in the file is run.

    recipe: that of the training; it may have more epochs than that of the file, if `extending.is_open`.

    Returns a remark if weights can differ in their last digits from those of an uninterrupted training, because the
    number of threads is another one; None if it is not, or if an earlier version wrote the file.

    Raises TrainingError if the file cannot be read or belongs to another training.
    """
    found = _read(path)
    before = epochs_before(found["identity"], recipe)
    if before is not None and with_epochs(found["identity"], recipe.epochs) == dict(identity):
        check_extension(path.parent, recipe, before)
    elif found["identity"] != dict(identity):
        raise TrainingError(
            f"{path} belongs to a training with {first_differences(found['identity'], identity)}: continue it with its "
            "own settings, or train in another --save-dir"
        )
    try:
        state.objective.load_state_dict(found["objective"])
        state.optimizer.load_state_dict(found["optimizer"])
        state.scaler.load_state_dict(found["scaler"])
        if state.average is not None:
            state.average.load_state_dict(found["average"])
        state.sums.copy_(found["sums"])
        state.step, state.seconds = int(found["step"]), float(found["seconds"])
        state.used, state.share = (float(found.get(name, 0.0)) for name in ("used", "share"))  # of earlier versions
        if state.rounding is not None:
            state.rounding.ranges.update(found.get("ranges", {}))
        state.history[:] = [Epoch(**epoch) for epoch in found["history"]]
        state.skipped.update(found["skipped"])
        torch.set_rng_state(found["generator"])
    except Exception as error:  # a damaged file can make torch raise anything
        raise TrainingError(f"{path} does not fit the training: {reason(error)}; delete it to start again") from None
    before, now = found.get("threads"), torch.get_num_threads()
    if not isinstance(before, int) or before == now:
        return None
    return (
        f"the training was begun with {counted(before, 'thread')}, and is continued with {now}: on a CPU, weights can "
        "differ in their last digits from those of an uninterrupted training"
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = read_tensors(path)
    except CheckpointError as error:
        raise TrainingError(f"{error}; delete it to start again") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT or not isinstance(found.get("identity"), dict):
        raise TrainingError(f"{path} is not a training checkpoint; a training cannot resume from weights alone")
    if found.get("version") != VERSION:
        raise TrainingError(
            f"{path} has version {str(found.get('version'))[:20]}, but this program reads version {VERSION}"
        )
    return found


def first_differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Describe the first three settings that differ."""
    return "; ".join(differences(found, wanted)[:3])
