"""The state of a search at some step, in one file. Imports torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn, optim

from PlainNet.checkpoint import CheckpointError, read_tensors, tensor_bytes
from PlainNet.errors import reason
from PlainNet.files import write_bytes
from zennas.common.settings_text import differences
from zennas.supernet.decisions import Decisions
from zennas.supernet.errors import SupernetError
from zennas.supernet.history import SearchEpoch

FORMAT, VERSION = "zennas supernet", 1


@dataclass(eq=False)
class SearchState:
    """A search at some step.

    step: finished weight steps, of warm-up and search. sums: of loss, correct answers and images in the current epoch,
    (3,) in float64. updates: architecture steps, and validation batches that they have read. baseline: of REINFORCE.
    """

    model: nn.Module
    decisions: Decisions
    optimizer: optim.Optimizer
    arch_optimizer: optim.Optimizer
    scaler: torch.amp.GradScaler
    sums: Tensor
    step: int = 0
    updates: int = 0
    baseline: float | None = None
    seconds: float = 0.0
    history: list[SearchEpoch] = field(default_factory=list)


def save(state: SearchState, identity: Mapping[str, Any], path: Path) -> None:
    """Write the state atomically. identity: JSON-compatible facts of the search that it belongs to."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "identity": dict(identity),
        "model": state.model.state_dict(),
        "alphas": state.decisions.state(),
        "optimizer": state.optimizer.state_dict(),
        "arch_optimizer": state.arch_optimizer.state_dict(),
        "scaler": state.scaler.state_dict(),
        "sums": state.sums.cpu(),
        "step": state.step,
        "updates": state.updates,
        "baseline": state.baseline,
        "seconds": state.seconds,
        "history": [epoch.to_json() for epoch in state.history],
    }
    write_bytes(path, tensor_bytes(content))


def restore(state: SearchState, identity: Mapping[str, Any], path: Path, differing: Collection[str] = ()) -> None:
    """Load the file into `state`. No code in the file is run.

    differing: names of facts in `identity` that may be others in the file.

    Raises SupernetError if it cannot be read, is of another space, or belongs to a search with other settings; the
    state is then as before, unless the file is damaged.
    """
    try:
        found = read_tensors(path)
    except CheckpointError as error:
        raise SupernetError(f"{error}; delete it to start again") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT or found.get("version") != VERSION:
        raise SupernetError(f"{path} is not a checkpoint of a search in a supernet, version {VERSION}")
    alphas = found.get("alphas")
    try:
        before = state.decisions.state()
        state.decisions.load(alphas if isinstance(alphas, dict) else {})
        state.decisions.load(before)
    except SupernetError as error:
        raise SupernetError(f"{path} is a checkpoint of another space: {error}") from None
    theirs = {name: fact for name, fact in (found.get("identity") or {}).items() if name not in differing}
    ours = {name: fact for name, fact in identity.items() if name not in differing}
    if theirs != ours:
        other = "; ".join(differences(theirs, ours)[:3])
        raise SupernetError(f"{path} belongs to a search with {other}")
    try:
        state.model.load_state_dict(found["model"])
        state.optimizer.load_state_dict(found["optimizer"])
        state.arch_optimizer.load_state_dict(found["arch_optimizer"])
        state.scaler.load_state_dict(found["scaler"])
        state.decisions.load(found["alphas"])
        state.sums.copy_(found["sums"])
        state.step, state.updates = int(found["step"]), int(found["updates"])
        state.baseline = None if found["baseline"] is None else float(found["baseline"])
        state.seconds = float(found["seconds"])
        state.history[:] = [SearchEpoch(**epoch) for epoch in found["history"]]
    except Exception as error:  # a damaged file can make torch raise anything
        raise SupernetError(f"{path} does not fit the model: {reason(error)}; delete it to start again") from None
