"""A small search for tests; run as a program, it searches with checkpoints until it ends or is killed."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from zennas.supernet import LayerChoice, ProxylessTrainer
from zennas.supernet.cost import CostLoss, CostTable, Penalty
from zennas.supernet.decisions import Decisions


def images(count: int, seed: int) -> TensorDataset:
    """Images of two classes, which differ in a gradient from left to right."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    slope = torch.linspace(-1, 1, 8)
    x: Tensor = torch.randn(count, 3, 8, 8, generator=draw) + (2 * labels[:, None, None, None] - 1) * slope
    return TensorDataset(x, labels)


def network(edges: int = 2) -> nn.Module:
    def unit(kernel: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(4, 4, kernel, padding=kernel // 2), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.1)
        )

    torch.manual_seed(0)
    layers = [
        LayerChoice({"one": unit(1), "three": unit(3), "nothing": nn.Identity()}, key=f"e{i}") for i in range(edges)
    ]
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d((1, 2)), nn.Flatten(), nn.Linear(8, 2))
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), *layers, *pooled)


def decisions_of(options: Mapping[str, Sequence[str]]) -> Decisions:
    """Decisions with these candidates, by key, that choose among modules without weights."""
    return Decisions(
        nn.ModuleList(LayerChoice({name: nn.Identity() for name in names}, key=key) for key, names in options.items())
    )


def cost(edges: int = 2) -> CostLoss:
    table = CostTable("latency", "ms", 1.0, {f"e{i}": (1.0, 3.0, 0.0) for i in range(edges)})
    return CostLoss((Penalty(table, 2.0),), weight=0.1)


def trainer(folder: Path | None = None, *, edges: int = 2, **changed: Any) -> ProxylessTrainer:
    model = network(edges)
    settings: dict[str, Any] = {
        "n_epochs": 3,
        "warmup_epochs": 1,
        "init_lr": 0.05,
        "arch_optim_lr": 0.05,
        "grad_update_arch_param_every": 2,
        "checkpoint_every": 1,
        "cost": cost(edges),
        "ckpt_path": None if folder is None else folder / "checkpoint.pt",
        "load_ckpt": folder is not None,
    }
    return ProxylessTrainer(
        model,
        torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9, nesterov=True, weight_decay=4e-5),
        "cpu",
        DataLoader(images(48, 1), batch_size=8, shuffle=True),
        DataLoader(images(24, 2), batch_size=8, shuffle=True),
        **{**settings, **changed},
    )


if __name__ == "__main__":
    torch.set_num_threads(1)

    class Slow:
        def step(self, phase: str, epoch: int, step: int, steps: int, loss: float) -> None:
            sys.stdout.write(f"{phase} {epoch} {step}\n")
            sys.stdout.flush()

        def epoch(self, done: object) -> None:
            pass

    trainer(Path(sys.argv[1]), watcher=Slow()).train()
