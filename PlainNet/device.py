"""Torch devices by name. torch is imported only in `device_of`, so that `DeviceError` can be used without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PlainNet.errors import ZennasError

if TYPE_CHECKING:
    import torch


class DeviceError(ZennasError, ValueError):
    """Raised if the machine does not have a device, or if its name is unknown."""


def device_of(name: str) -> torch.device:
    """Return the torch device named `cpu`, `cuda` or `cuda:N`; `auto` is CUDA if available and the CPU otherwise.

    Raises DeviceError if the name is unknown or the machine does not have the device.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"unknown device {name!r}, expected auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"device {name} does not exist: this machine has {torch.cuda.device_count()} CUDA devices; use cpu"
        )
    return device
