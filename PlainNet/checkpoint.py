"""Weights in files: ours, and those of Zen-NAS, whose modules are named differently. Imports torch."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from PlainNet.masternet import MasterNet


class CheckpointError(ValueError):
    """A file that holds no weights, or not those of the network."""


def load_checkpoint(model: MasterNet, path: Path) -> None:
    """Load the weights in `path` into `model`, all of them or none.

    Takes a state dict in this project's names or in Zen-NAS's, bare or under "state_dict". No code in
    the file is run. Raises CheckpointError.
    """
    state = from_zennas_keys(_state_dict(_read(path), path))
    wanted = model.state_dict()
    missing = [name for name in wanted if name not in state]
    surplus = [name for name in state if name not in wanted]
    if missing or surplus:
        what = [f"lacks {missing[0]} and {len(missing) - 1} more"] if missing else []
        what += [f"has {surplus[0]} and {len(surplus) - 1} more, which the network has not"] if surplus else []
        raise CheckpointError(f"{path} does not fit the network: it {' and '.join(what)}")
    for name, tensor in state.items():
        if tensor.shape != wanted[name].shape:
            shapes = f"{tuple(tensor.shape)}, the network's is {tuple(wanted[name].shape)}"
            raise CheckpointError(f"{path} does not fit the network: its {name} has shape {shapes}")
    model.load_state_dict(state)


def from_zennas_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a Zen-NAS checkpoint to this project's names.

    Zen-NAS nests `module_list.1.module_list.0.module_list.3.netblock.weight` where we have
    `blocks.1.0.3.weight`; names that are ours already stay. A leading `module.` of data-parallel
    training is dropped.
    """
    renamed = {}
    for key, tensor in state.items():
        key = key.removeprefix("module.")
        if key.startswith("module_list."):
            key = "blocks." + re.sub(r"(?:^|(?<=\.))(?:module_list|netblock)\.", "", key)
        elif key.startswith("fc_linear.netblock."):
            key = key.replace("netblock.", "")
        renamed[key] = tensor
    return renamed


def _read(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is not there") from None
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {reason[:200]}") from None


def _state_dict(content: Any, path: Path) -> Mapping[str, Tensor]:
    state = content.get("state_dict", content) if isinstance(content, Mapping) else content
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f"{path} holds no state dict of tensors")
    return state
