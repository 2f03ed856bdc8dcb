"""Torch devices by name. Imports torch when it is asked for one, so that the error can be caught without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PlainNet.errors import ZennasError

if TYPE_CHECKING:
    import torch


class DeviceError(ZennasError, ValueError):
    """A device that this machine has not."""


def device_of(name: str) -> torch.device:
    """The device called `cpu`, `cuda`, `cuda:N`, or `auto`, which is CUDA where there is one. Raises DeviceError."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"unknown device {name!r}, expected auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"device {name} is not there: this machine has {torch.cuda.device_count()} CUDA devices; use cpu"
        )
    return device
