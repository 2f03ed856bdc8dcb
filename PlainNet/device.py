"""Torch devices by name. Imports torch."""

from __future__ import annotations

import torch


class DeviceError(ValueError):
    """A device that this machine has not."""


def device_of(name: str) -> torch.device:
    """The device called `cpu`, `cuda` or `cuda:N`; raises DeviceError where it is not there."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"unknown device {name!r}, expected cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"device {name} is not there: this machine has {torch.cuda.device_count()} CUDA devices; use cpu")
    return device
