"""Networks that were designed elsewhere, given as text: `torchvision:NAME`, `timm:NAME`, and ONNX files.

They have random weights, except those of ONNX files, which are the file's. torch and the libraries are imported when
one is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latency.base import UnavailableError
from PlainNet.registry import UnknownNameError, did_you_mean, nearest_names
from PlainNet.sizes import Size, size_of, size_text
from zennas.common.numbers import counted
from zennas.named.structures import TargetError, WrongChannelsError

if TYPE_CHECKING:
    from torch import nn

TORCHVISION, TIMM, ONNX = "torchvision:", "timm:", ".onnx"
IMAGENET = (224, 1000)
"""Pixels and classes of networks that do not say their own."""
_AUXILIARY = ("googlenet", "inception_v3")
"""Models with a second classifier, for training only. They warn without `init_weights`; drawing their weights by their
own rule takes a minute."""


class UnknownModelError(TargetError, UnknownNameError):
    """The library has no model with this name."""


@dataclass(frozen=True, eq=False)
class Foreign:
    """A network that is no structure, for images of `resolution` pixels with so many channels.

    make: returns the module, with the weights of an ONNX file or with new ones. batch: the number of images of each
    call, where an ONNX file fixes it; otherwise None. stored: whether it comes from an ONNX file: its layers are then
    not those of torch.nn.
    """

    name: str
    channels: int
    resolution: Size
    num_classes: int
    make: Callable[[], nn.Module]
    batch: int | None = None
    stored: bool = False


def is_foreign(text: str) -> bool:
    """Whether the text names a network that is no structure."""
    return text.startswith((TORCHVISION, TIMM)) or text.endswith(ONNX)


def foreign(
    text: str, resolution: Size | None = None, num_classes: int | None = None, in_channels: int | None = None
) -> Foreign:
    """Return the network that `text` names, for which `is_foreign` holds.

    resolution, num_classes, in_channels: None for the network's own.

    Raises UnknownModelError if the library has no such model, UnavailableError if timm or onnx is not installed,
    LatencyError if an ONNX file cannot be read, TargetError if it is for other sizes or classes, and
    WrongChannelsError if it is for other channels.
    """
    if text.startswith(TORCHVISION):
        found = _of_torchvision(text, resolution, num_classes)
    elif text.startswith(TIMM):
        return _of_timm(text, resolution, num_classes, in_channels)
    else:
        found = _of_onnx(text, resolution, num_classes)
    if in_channels not in (None, found.channels):
        raise WrongChannelsError(
            f"{text} takes images of {counted(found.channels, 'channel')}, not of {in_channels}: leave out "
            "--in-channels"
        )
    return found


def _of_torchvision(text: str, resolution: Size | None, num_classes: int | None) -> Foreign:
    from torchvision import models

    name = text.removeprefix(TORCHVISION)
    known = models.list_models(module=models)  # only classifiers of images
    if name not in known:
        near = nearest_names(name, known)
        hint = did_you_mean(near, f"it has {', '.join(known[:8])} …")
        raise UnknownModelError(f"torchvision has no model {name[:80]!r}: {hint}")
    classes = num_classes or IMAGENET[1]
    extra = {"init_weights": False, "aux_logits": False} if name in _AUXILIARY else {}
    make = partial(models.get_model, name, weights=None, num_classes=classes, **extra)
    return Foreign(text, 3, resolution or IMAGENET[0], classes, make)


def timm_library(text: str) -> Any:
    """Return the library timm, which `text` needs. Raises UnavailableError if it is not installed."""
    try:
        with redirect_stdout(sys.stderr):  # libraries that it imports may print
            return import_module("timm")
    except ImportError as error:
        raise UnavailableError(f"{text} needs the package timm ({error}): pip install 'zennas[timm]'") from None


def check_timm(text: str, timm: Any) -> str:
    """Return the architecture in "timm:NAME". Raises UnknownModelError if timm has no such model."""
    name = text.removeprefix(TIMM)
    architecture = name.split(".")[0]  # the rest names the weights
    if not timm.is_model(architecture):
        near = nearest_names(architecture, timm.list_models())
        hint = did_you_mean(near, "timm.list_models() returns the known names")
        raise UnknownModelError(f"timm has no model {name[:80]!r}: {hint}")
    return architecture


def _of_timm(text: str, resolution: Size | None, num_classes: int | None, in_channels: int | None) -> Foreign:
    timm = timm_library(text)
    architecture = check_timm(text, timm)
    published = timm.get_pretrained_cfg(text.removeprefix(TIMM), allow_unregistered=True)
    channels, height, width = getattr(published, "input_size", None) or (3, IMAGENET[0], IMAGENET[0])
    classes = num_classes or getattr(published, "num_classes", None) or IMAGENET[1]
    other = {} if in_channels in (None, channels) else {"in_chans": in_channels}
    make = partial(timm.create_model, architecture, pretrained=False, num_classes=classes, **other)
    return Foreign(text, in_channels or channels, resolution or size_of(height, width), classes, make)


def _of_onnx(text: str, resolution: Size | None, num_classes: int | None) -> Foreign:
    if not Path(text).is_file():
        raise TargetError(f"there is no file {text[:200]}: expected an ONNX file")
    from latency.reading.onnx_file import load

    found = load(Path(text))
    if resolution is not None and found.size is not None and resolution != found.size:
        raise TargetError(f"{text} is for images of {size_text(found.size)} pixels, not of {size_text(resolution)}")
    if None not in (num_classes, found.classes) and num_classes != found.classes:
        raise TargetError(f"{text} has {found.classes} classes, not {num_classes}: leave out the number of classes")
    return Foreign(
        text,
        found.channels,
        found.size or resolution or IMAGENET[0],
        found.classes or num_classes or IMAGENET[1],
        lambda: found.module,
        found.batch,
        stored=True,
    )
