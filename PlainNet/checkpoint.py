"""Weights in files: ours, and those of Zen-NAS, whose modules are named differently. Imports torch."""

from __future__ import annotations

import io
import pickle
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from PlainNet.errors import ZennasError
from PlainNet.masternet import MasterNet

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
"""Colours, which torch puts into some of its messages."""


class CheckpointError(ZennasError, ValueError):
    """A file that holds no weights, or not those of the network."""


def load_checkpoint(model: MasterNet, path: Path) -> None:
    """Load the weights in `path` into `model`, all of them or none.

    Takes a state dict in this project's names or in Zen-NAS's, bare or under "state_dict". No code in
    the file is run. Raises CheckpointError.
    """
    state = from_zennas_keys(state_dict_of(read_tensors(path), path))
    wanted = model.state_dict()
    missing = [name for name in wanted if name not in state]
    surplus = [name for name in state if name not in wanted]
    if missing or surplus:
        what = [f"lacks {_first(missing)}"] if missing else []
        what += [f"has {_first(surplus)}, which the network has not"] if surplus else []
        raise CheckpointError(f"{path} does not fit the network: it {' and '.join(what)}")
    for name, tensor in state.items():
        if tensor.shape != wanted[name].shape:
            shapes = f"{tuple(tensor.shape)}, the network's is {tuple(wanted[name].shape)}"
            raise CheckpointError(f"{path} does not fit the network: its {name} has shape {shapes}")
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path} holds broken weights: its {name} has values that are not finite")
    model.load_state_dict(state)


def _first(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


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


def read_tensors(path: Path) -> Any:
    """What a file of torch.save holds, of tensors and plain values; no code in it is run. Raises CheckpointError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the unpickler, about what is then refused
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is not there") from None
    except pickle.UnpicklingError:  # whose message recommends to run the code
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint: it is none of torch's, or holds code, which is not run"
        ) from None
    except Exception as error:  # a broken file makes the unpickler raise anything at all
        lines = _ANSI.sub("", str(error)).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {reason[:200]}") from None


def state_dict_of(content: Any, path: Path, names: Sequence[str] = ("state_dict",)) -> Mapping[str, Tensor]:
    """The state dict in what `path` holds: bare, or under one of `names`. Raises CheckpointError."""
    for name in names:
        content = content.get(name, content) if isinstance(content, Mapping) else content
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise CheckpointError(f"{path} holds no state dict of tensors")
    return content


def tensor_bytes(content: Any) -> bytes:
    """What `read_tensors` reads from a file. content: tensors and plain values."""
    out = io.BytesIO()
    torch.save(content, out)
    return out.getvalue()
