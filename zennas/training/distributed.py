"""The processes of one training, as started by torchrun; often there is only one. Imports torch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

from PlainNet.device import device_of
from zennas.training.recipe import TrainingError


@dataclass(frozen=True)
class Group:
    """The processes of a training. device: device of this process; rank: its number, from 0 to `world` - 1."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files and messages."""
        return self.rank == 0

    def summed(self, values: Tensor) -> Tensor:
        """Return the sum of `values` over all processes."""
        if self.world == 1:
            return values
        total = values.clone()
        dist.all_reduce(total)
        return total

    def spread(self, tensors: Sequence[Tensor]) -> None:
        """Copy tensors from the first process to all others, in place."""
        if self.world > 1:
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def agreed(self, number: float) -> float:
        """Return the mean of a number of each process, so that all decide the same by it."""
        if self.world == 1:
            return number
        return float(self.summed(torch.tensor(number, dtype=torch.float64, device=self.device))) / self.world

    def wait(self) -> None:
        """Wait until all processes have reached this point."""
        if self.world > 1:
            dist.barrier()


def ranks() -> tuple[int, int]:
    """Return the number of this process and the number of processes, from torchrun's environment variables.

    Raises TrainingError if RANK or WORLD_SIZE is not a number.
    """
    try:
        return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    except ValueError:
        raise TrainingError(
            "RANK and WORLD_SIZE are set but are not numbers: start with torchrun, or unset them"
        ) from None


@contextmanager
def processes(device: str) -> Iterator[Group]:
    """Join the processes that torchrun started for this training; without torchrun, the group is this process."""
    rank, world = ranks()
    if world == 1:
        yield Group(device_of(device))
        return
    here = device_of(device)
    if here.type == "cuda":
        here = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(here)
    dist.init_process_group("nccl" if here.type == "cuda" else "gloo")
    try:
        yield Group(here, rank, world)
    finally:
        dist.destroy_process_group()


def synchronise_norms(network: nn.Module, group: Group) -> None:
    """Replace the network's batch-norms by ones over the images of all processes; names of weights do not change."""
    if group.world == 1:
        return
    if group.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.BatchNorm2d:
                setattr(parent, name, _SharedBatchNorm.like(child))


class _Sum(torch.autograd.Function):
    """The sum over processes; its gradient is the sum of their gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


class _SharedBatchNorm(nn.BatchNorm2d):
    """Batch-norm over the images of all processes on the CPU; torch's SyncBatchNorm requires CUDA."""

    @classmethod
    def like(cls, norm: nn.BatchNorm2d) -> _SharedBatchNorm:
        made = cls(norm.num_features, norm.eps, norm.momentum)
        made.load_state_dict(norm.state_dict())
        return made

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        # Compute the mean first: subtracting large sums would lose precision.
        count = x.new_tensor([float(x.numel() // x.shape[1])])
        sums = _Sum.apply(torch.cat([x.float().sum((0, 2, 3)), count]))
        total = sums[-1].detach()
        mean = sums[:-1] / total
        apart = x.float() - mean.view(1, -1, 1, 1)
        variance = _Sum.apply(apart.square().sum((0, 2, 3))) / total
        with torch.no_grad():
            self.num_batches_tracked += 1
            share = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
            self.running_mean.lerp_(mean.detach(), share)
            self.running_var.lerp_(variance.detach() * total / (total - 1), share)
        scale = self.weight * (variance + self.eps).rsqrt()
        normed = apart * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        shown: Tensor = normed.to(x.dtype)
        return shown
