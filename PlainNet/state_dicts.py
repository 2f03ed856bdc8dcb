"""The state dict in a file of weights, whoever wrote it: torch, timm, torchvision, Lightning. Imports torch."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from PlainNet.errors import reason
from PlainNet.inert import CheckpointError, Inert, read_tensors, require_file
from PlainNet.weights_path import SEPARATOR, split_path

CONTAINERS = (
    "state_dict",
    "state_dict_ema",
    "model",
    "model_ema",
    "model_state_dict",
    "model_state",
    "net",
    "network",
    "ema",
    "ema_state_dict",
    "params",
    "params_ema",
    "weights",
)
"""Names under which programs save a state dict. Other names count only if none of these is there."""
WRAPPERS = ("module", "_orig_mod", "model", "net", "network")
"""Names that wrappers put before those of a network: data-parallel training, torch.compile, Lightning."""
_LIGHTNING = "pytorch-lightning_version"
_OURS = "zennas training"
_EXPANDED = 1 << 30
"""Largest size in bytes of a tensor that repeats fewer stored values."""
_DEPTH = 3
"""How deep containers are nested at most."""


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the state dict in a file of `torch.save` or safetensors, with its own names.

    path: FILE, or FILE#NAME for a file with several state dicts. The state dict is the content of the file itself, or
        under one of `CONTAINERS`.

    Code in the file is never executed. Raises CheckpointError if the file cannot be read, if it contains no state dict,
    or several and none is named, and if a tensor is not an ordinary one.
    """
    file, name = split_path(path)
    content = _of_safetensors(file) if _is_safetensors(file) else read_tensors(file)
    state = _chosen(content, file, name)
    if isinstance(content, Mapping) and _LIGHTNING in content:
        state = _inner_module(state, file)
    state = {key: tensor for key, tensor in state.items() if key != "n_averaged"}  # torch's AveragedModel
    for key, tensor in state.items():
        _check_ordinary(file, key, tensor)
    return state


def plain_names(state: Mapping[str, Tensor], wanted: Collection[str], path: Path) -> dict[str, Tensor]:
    """Return the state dict without the names of wrappers, in any order, in the names that are not `wanted`.

    Raises CheckpointError if two tensors get the same name.
    """
    renamed: dict[str, Tensor] = {}
    for key, tensor in state.items():
        name = key if key in wanted else ".".join(part for part in key.split(".") if part != "_orig_mod")
        while name not in wanted and name.partition(".")[0] in WRAPPERS and "." in name:
            name = name.partition(".")[2]
        if name in renamed:
            raise CheckpointError(f"{path} has two tensors for {name}, one of them as {key}")
        renamed[name] = tensor
    return renamed


def _chosen(content: Any, path: Path, name: str | None) -> Mapping[str, Tensor]:
    """The state dict in the content of a file, or the one with that name. Raises CheckpointError."""
    if isinstance(content, Mapping) and content.get("format") == _OURS:
        raise CheckpointError(
            f"{path} is the checkpoint of an unfinished training, not its weights: finish it with "
            f"zennas train --resume {path.parent}"
        )
    if name is None and _is_state(content):
        return dict(content)
    found = dict(_containers(content))
    if name is not None:
        if name not in found:
            known = f"it has {', '.join(found)}" if found else "it has none by name"
            raise CheckpointError(f"{path} has no state dict {name!r}: {known}")
        return found[name]
    likely = [one for one in found if one.rpartition(".")[2] in CONTAINERS] or list(found)
    if len(likely) == 1:
        return found[likely[0]]
    if likely:
        raise CheckpointError(
            f"{path} contains weights under {' and '.join(likely)}: name one of them, as in "
            f"{path}{SEPARATOR}{likely[-1]}"
        )
    raise CheckpointError(f"{path} does not contain a state dict of tensors: {_instead(content)}")


def _containers(content: Any, outer: str = "", depth: int = _DEPTH) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
    """The state dicts below the top of the content, by their names, which join nested ones with dots."""
    if not isinstance(content, Mapping) or not depth:
        return
    for key, value in content.items():
        if isinstance(key, str) and isinstance(value, Mapping):
            if _is_state(value):
                yield f"{outer}{key}", value
            else:
                yield from _containers(value, f"{outer}{key}.", depth - 1)


def _is_state(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and len(content) > 0
        and all(isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items())
    )


def _instead(content: Any) -> str:
    """What is there instead of a state dict: the object that stands in the way, as the end of a message."""
    if not isinstance(content, Mapping):
        return f"it is {_kind(content)}"
    where = "it"
    inner: Any = content
    for key in CONTAINERS:
        if key in inner:
            where, inner = f"its {key}", inner[key]
            break
    if not isinstance(inner, Mapping):
        return f"{where} is {_kind(inner)}"
    odd = [(key, value) for key, value in inner.items() if not isinstance(value, Tensor)]
    if not odd:
        return f"{where} is empty"
    return f"{where} has {str(odd[0][0])[:80]!r}, which is {_kind(odd[0][1])}"


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"an object of type {name}" if isinstance(value, Inert) else f"of type {name}"


def _inner_module(state: Mapping[str, Tensor], path: Path) -> Mapping[str, Tensor]:
    """The network in the state dict of a LightningModule, which may also have losses and metrics with tensors."""
    first = {key.partition(".")[0] for key in state}
    inner = sorted(first.intersection(WRAPPERS))
    if len(inner) > 1:
        raise CheckpointError(
            f"{path} has several networks, {' and '.join(inner)}: save one of them, with "
            "torch.save(module.model.state_dict(), FILE)"
        )
    return {key: tensor for key, tensor in state.items() if not inner or key.startswith(f"{inner[0]}.")}


def _check_ordinary(path: Path, name: str, tensor: Tensor) -> None:
    """Raise CheckpointError for a tensor that is not a plain array of numbers in memory."""
    odd = None
    if tensor.is_meta:
        odd = "has no values: it is on the device meta"
    elif tensor.is_quantized:
        odd = f"is quantised ({tensor.dtype})"
    elif tensor.is_nested:
        odd = "is a nested tensor"
    elif tensor.layout != torch.strided:
        odd = f"is sparse ({tensor.layout})" if "sparse" in str(tensor.layout) else f"has the layout {tensor.layout}"
    elif tensor.is_complex():
        odd = f"has complex numbers ({tensor.dtype})"
    elif tensor.numel() * tensor.element_size() > max(tensor.untyped_storage().nbytes(), _EXPANDED):
        odd = f"has shape {tuple(tensor.shape)}, but only {tensor.untyped_storage().nbytes():,} bytes are stored"
    if odd is not None:
        raise CheckpointError(f"{path} cannot be used: its {name} {odd}, expected a dense tensor of real numbers")


def _is_safetensors(path: Path) -> bool:
    """Whether the name or the beginning of a file, the length of a header and the header as JSON, is safetensors'."""
    if path.suffix == ".safetensors":
        return True
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError:
        return False
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size


def _of_safetensors(path: Path) -> Any:
    require_file(path)
    try:
        library: Any = import_module("safetensors.torch")
    except ImportError:
        raise CheckpointError(f"{path} needs the package safetensors: pip install 'zennas[safetensors]'") from None
    try:
        return library.load_file(path)
    except Exception as error:  # any error type of the library
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {reason(error)}") from None
