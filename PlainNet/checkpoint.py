"""Weights from files into networks, in this project's layout and in Zen-NAS's, which has other names. Imports torch."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from PlainNet.inert import CheckpointError, read_tensors
from PlainNet.masternet import MasterNet
from PlainNet.state_dicts import plain_names, read_state

__all__ = [
    "CheckpointError",
    "fitted",
    "from_zennas_keys",
    "load_checkpoint",
    "our_names",
    "read_tensors",
    "tensor_bytes",
]

_COUNTER = "num_batches_tracked"
"""The counter of batch-norms, which old files lack; trained networks do not use it."""


def load_checkpoint(model: MasterNet, path: Path) -> None:
    """Load the weights in the file `path` into `model`, either all of them or none.

    The file is what `state_dicts.read_state` reads, with the names of this project or of Zen-NAS. Code in the file is
    never executed. Raises CheckpointError if the file cannot be read, if a tensor is missing, surplus or of another
    shape, or if a value is not finite.
    """
    model.load_state_dict(fitted(our_names(read_state(path), path), model.state_dict(), path))


def our_names(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return a state dict with the names of a `MasterNet`. Raises CheckpointError if two tensors get the same name."""
    return from_zennas_keys(plain_names(state, (), path))


def fitted(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: Path, network: str = "the network"
) -> dict[str, Tensor]:
    """Return `state` in the types of `wanted`, the state dict of a network, and with counters that old files lack.

    path, network: for messages. Raises CheckpointError if a tensor is missing, surplus, or of another shape or kind,
    or if a value is not finite.
    """
    counters = {name: tensor for name, tensor in wanted.items() if name.endswith(_COUNTER)}
    state = {**{name: tensor for name, tensor in counters.items() if name not in state}, **state}
    missing = [name for name in wanted if name not in state]
    surplus = [name for name in state if name not in wanted]
    if missing or surplus:
        what = [f"lacks {_first(missing)}"] if missing else []
        what += [f"has {_first(surplus)}, which the network does not have"] if surplus else []
        raise CheckpointError(f"{path} does not fit {network}: it {' and '.join(what)}")
    found = {}
    for name, tensor in state.items():
        expected = wanted[name]
        if tensor.shape != expected.shape:
            shapes = f"{tuple(tensor.shape)}, expected {tuple(expected.shape)}"
            raise CheckpointError(f"{path} does not fit {network}: its {name} has shape {shapes}")
        if expected.is_floating_point() and not tensor.is_floating_point():
            raise CheckpointError(
                f"{path} does not fit {network}: its {name} has the type {tensor.dtype}, expected {expected.dtype}"
            )
        found[name] = tensor.to(expected.dtype)
        if not torch.isfinite(found[name]).all():
            raise CheckpointError(f"{path} contains broken weights: its {name} has values that are not finite")
    return found


def _first(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def from_zennas_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict with the names of Zen-NAS changed to those of this project.

    For example, `module_list.1.module_list.0.module_list.3.netblock.weight` becomes `blocks.1.0.3.weight`. Names of
    this project stay as they are. The prefix `module.` of data-parallel training is removed.
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


def tensor_bytes(content: Any) -> bytes:
    """Return the bytes of a file that `read_tensors` can read. content: tensors and plain values."""
    out = io.BytesIO()
    torch.save(content, out)
    return out.getvalue()
