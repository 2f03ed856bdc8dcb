"""How much slower or faster a machine is than when its profile was made, by what limits a kernel. No torch.

A clock that is lower slows down computing, a busy neighbour slows down memory, and a busy system slows down launches. A
kernel's time is divided among the three by its roofline. `latency/fitting/drifting.py` estimates the factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from latency.kernels import Kernel
from latency.predicting.features import Hardware, Number, peak, work


class Shares(NamedTuple):
    """Shares of a kernel's time, which add up to 1."""

    computing: Number
    memory: Number
    launches: Number


def shares(kernel: Kernel, hardware: Hardware) -> Shares:
    """Return what limits a kernel, or each of columns of kernels of the same kind.

    Where computing and memory take about as long, both count: their shares are as their squares.
    """
    done = work(kernel, hardware)
    computing, memory = done.macs / peak(kernel.kind, hardware), done.bytes / hardware.bytes_per_ms
    part = computing * computing / (computing * computing + memory * memory)
    body = part * computing + (1 - part) * memory
    whole = body + hardware.launch_ms
    return Shares(part * body / whole, (1 - part) * body / whole, hardware.launch_ms / whole)


@dataclass(frozen=True)
class Drift:
    """Factors to the times of a profile. at: when they were measured, in ISO 8601."""

    computing: float
    memory: float
    launches: float
    at: str

    def factor(self, kernel: Kernel, hardware: Hardware) -> Number:
        """Return the factor to the time of a kernel, or of columns of kernels of the same kind."""
        found = shares(kernel, hardware)
        return found.computing * self.computing + found.memory * self.memory + found.launches * self.launches

    def __str__(self) -> str:
        """How the factors are told: `computing 1.08, memory 1.20, launches 1.03 times as long`."""
        return f"computing {self.computing:.2f}, memory {self.memory:.2f}, launches {self.launches:.2f} times as long"
