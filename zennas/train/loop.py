"""The training loop, and evaluation. Imports torch."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn
from torch.nn import functional as F

from zennas.train.data import Batches, Data
from zennas.train.recipe import Recipe, TrainingError


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to: mean training loss, top-1 on training and test images in per cent, and speed."""

    epoch: int
    lr: float
    train_loss: float
    train_top1: float
    test_top1: float
    seconds: float
    images_per_second: float


class Watcher(Protocol):
    """Who wants to know how a training is going."""

    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """Called after each step; counts from 1."""

    def epoch(self, done: Epoch) -> None:
        """Called after each epoch."""


class NoWatcher:
    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        pass

    def epoch(self, done: Epoch) -> None:
        pass


def _memory_format(device: torch.device) -> torch.memory_format:
    """How images and weights lie in memory on `device`.

    On the CPU not channels-last: there torch 2.15's backward pass writes out of bounds with an odd number of images
    and more than one thread, and the process dies (`tests/zennas/test_train.py` has such a batch). Even numbers were
    not seen to fail, but memory that is silently overwritten would not show; safety costs 10 to 60 % of the time of
    a step of 64 images on one thread.
    """
    return torch.contiguous_format if device.type == "cpu" else torch.channels_last


def train_network(
    model: nn.Module, data: Data, recipe: Recipe, device: torch.device, watcher: Watcher = NoWatcher()
) -> list[Epoch]:
    """Train `model`, which has its initial weights, in place. Raises TrainingError where the loss is not finite."""
    layout = _memory_format(device)
    model.to(device).to(memory_format=layout)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=recipe.lr_at(0),
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=True,
    )
    steps = len(data.train)
    history = []
    for epoch in range(recipe.epochs):
        model.train()
        began, images = time.monotonic(), 0
        losses, right = 0.0, 0
        for step, (x, y) in enumerate(data.train):
            lr = recipe.lr_at((epoch + (step + 0.5) / steps) / recipe.epochs)
            for group in optimizer.param_groups:
                group["lr"] = lr
            x, y = x.to(device, memory_format=layout), y.to(device)
            logits = model(x)
            loss = F.cross_entropy(logits, y, label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            value = loss.item()
            if not math.isfinite(value):
                raise TrainingError(
                    f"the loss is {value} in epoch {epoch + 1}, step {step + 1}: try a lower --lr than {recipe.lr}"
                )
            losses += value * len(y)
            right += int((logits.argmax(1) == y).sum())
            images += len(y)
            watcher.step(epoch + 1, step + 1, steps, value)
        seconds = time.monotonic() - began
        top1 = evaluate(model, data.test, device)
        history.append(
            Epoch(epoch + 1, lr, losses / images, 100 * right / images, top1, seconds, images / max(seconds, 1e-9))
        )
        watcher.epoch(history[-1])
    return history


@torch.no_grad()
def evaluate(model: nn.Module, batches: Batches, device: torch.device) -> float:
    """Top-1 accuracy in per cent."""
    model.eval()
    layout = _memory_format(device)
    right = images = 0
    for x, y in batches:
        answers = model(x.to(device, memory_format=layout)).argmax(1)
        right += int((answers == y.to(device)).sum())
        images += len(y)
    return 100 * right / max(images, 1)
