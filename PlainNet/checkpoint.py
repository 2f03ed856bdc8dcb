"""Files of weights, in this project's layout and in Zen-NAS's, which has other names. Imports torch."""

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
"""Escape sequences for colours, which some of torch's messages contain."""


class CheckpointError(ZennasError, ValueError):
    """Raised if a file does not contain weights, or if its weights do not fit the network."""


def load_checkpoint(model: MasterNet, path: Path) -> None:
    """Load the weights in the file `path` into `model`, either all of them or none.

    The file contains a state dict with the names of this project or of Zen-NAS, directly or under "state_dict". Code
    in the file is never executed. Raises CheckpointError if the file cannot be read, if a tensor is missing, surplus
    or of another shape, or if a value is not finite.
    """
    state = from_zennas_keys(state_dict_of(read_tensors(path), path))
    wanted = model.state_dict()
    missing = [name for name in wanted if name not in state]
    surplus = [name for name in state if name not in wanted]
    if missing or surplus:
        what = [f"lacks {_first(missing)}"] if missing else []
        what += [f"has {_first(surplus)}, which the network does not have"] if surplus else []
        raise CheckpointError(f"{path} does not fit the network: it {' and '.join(what)}")
    for name, tensor in state.items():
        if tensor.shape != wanted[name].shape:
            shapes = f"{tuple(tensor.shape)}, expected {tuple(wanted[name].shape)}"
            raise CheckpointError(f"{path} does not fit the network: its {name} has shape {shapes}")
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path} contains broken weights: its {name} has values that are not finite")
    model.load_state_dict(state)


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


def read_tensors(path: Path) -> Any:
    """Return the content of a file of `torch.save` that has only tensors and plain values.

    Code in the file is never executed. Raises CheckpointError if the file cannot be read this way.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the unpickler warns about what it then refuses
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path} does not exist") from None
    except (pickle.UnpicklingError, LookupError):  # a message that recommends executing the code, or a bare number
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint: torch did not write it, or it contains code, which is never run"
        ) from None
    except Exception as error:  # the unpickler may raise anything for a broken file
        lines = _ANSI.sub("", str(error)).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {reason[:200]}") from None


def state_dict_of(content: Any, path: Path, names: Sequence[str] = ("state_dict",)) -> Mapping[str, Tensor]:
    """Return the state dict in `content`, the content of the file `path`: itself, or what it has under one of `names`.

    Raises CheckpointError if there is no state dict of tensors.
    """
    for name in names:
        content = content.get(name, content) if isinstance(content, Mapping) else content
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise CheckpointError(f"{path} does not contain a state dict of tensors")
    return content


def tensor_bytes(content: Any) -> bytes:
    """Return the bytes of a file that `read_tensors` can read. content: tensors and plain values."""
    out = io.BytesIO()
    torch.save(content, out)
    return out.getvalue()
