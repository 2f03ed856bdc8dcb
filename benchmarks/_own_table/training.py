"""One short training, the same for every network: what it does can be read here in a sitting.

CIFAR-10's training archive: its first 20,000 images for training, 2,000 of the others to choose the learning rate.
SGD with Nesterov momentum, one cycle of the learning rate, random shifts and mirrors, bfloat16 as
`zennas train --precision bf16` has it: convolutions with groups stay in float32 where their gradients are slow
otherwise. The learning rate is the best of three after two short epochs; the accuracy is that of the last epoch on the
10,000 test images, which nothing was chosen by.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks._own_table.structures import BATCH, EPOCHS, TRAIN
from PlainNet import build, parse
from zennas.data.packed import archive
from zennas.training.precision import autocast

CHOOSE = 2_000
RATES = (0.05, 0.15, 0.45)
PROBE_IMAGES, PROBE_EPOCHS = 3_000, 2
MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


@dataclass(frozen=True)
class Images:
    """Normalised images (N, 3, 32, 32) in float32, and labels (N,)."""

    pixels: Tensor
    labels: Tensor

    def part(self, start: int, stop: int) -> Images:
        return Images(self.pixels[start:stop], self.labels[start:stop])


@dataclass(frozen=True)
class Trained:
    """The result of a training. accuracy: in percent of the test images. loss: of the last epoch's training images."""

    rate: float
    accuracy: float
    loss: float
    seconds: float


def read_images(path: Path) -> Images:
    """Read an archive of JPEG files."""
    found = archive(path)
    pixels = torch.stack([found.read(i) for i in range(len(found))]).float() / 255
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, DEVIATION))
    return Images((pixels - mean) / deviation, torch.as_tensor(np.asarray(found.labels), dtype=torch.int64))


def _augmented(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Shift each image by up to 4 pixels and mirror half of them."""
    count, _, side, _ = pixels.shape
    padded = F.pad(pixels, (4, 4, 4, 4))
    moved = torch.randint(9, (2, count, 1), generator=generator) + torch.arange(side)
    mirrored = torch.rand(count, 1, generator=generator) < 0.5
    columns = torch.where(mirrored, moved[1].flip(1), moved[1])
    rows = torch.arange(count)[:, None, None]
    return padded.permute(0, 2, 3, 1)[rows, moved[0][:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _fit(structure: str, images: Images, seed: int, rate: float, epochs: int) -> tuple[torch.nn.Module, float]:
    """Train a new network; return it and its mean loss over the last epoch."""
    torch.manual_seed(seed)
    network = build(parse(structure), num_classes=10).to(memory_format=torch.channels_last).train()
    generator = torch.Generator().manual_seed(seed)
    steps = len(images.labels) // BATCH
    optimiser = torch.optim.SGD(network.parameters(), rate, momentum=0.9, nesterov=True, weight_decay=5e-4)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, epochs * steps, pct_start=0.25, anneal_strategy="cos")
    losses = torch.zeros(steps)
    arithmetic = autocast("bf16", torch.device("cpu"))
    for _ in range(epochs):
        order = torch.randperm(len(images.labels), generator=generator)
        for step in range(steps):
            chosen = order[step * BATCH : (step + 1) * BATCH]
            batch = _augmented(images.pixels[chosen], generator)
            with arithmetic:
                logits = network(batch)
            loss = F.cross_entropy(logits.float(), images.labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            cycle.step()
            losses[step] = loss.detach()
    return network, float(losses.mean())


@torch.no_grad()
def _accuracy(network: torch.nn.Module, images: Images) -> float:
    network.eval()
    right = 0
    for start in range(0, len(images.labels), 500):
        part = images.part(start, start + 500)
        logits = network(part.pixels.contiguous(memory_format=torch.channels_last))
        right += int((logits.argmax(1) == part.labels).sum())
    return 100 * right / len(images.labels)


def train_once(structure: str, train: Images, test: Images, seed: int) -> Trained:
    """Train one network with the best of three learning rates. The same seed gives the same training."""
    began = time.process_time()
    probe, choose = train.part(0, PROBE_IMAGES), train.part(TRAIN, TRAIN + CHOOSE)
    scores = [_accuracy(_fit(structure, probe, seed, rate, PROBE_EPOCHS)[0], choose) for rate in RATES]
    rate = RATES[int(np.argmax(scores))]
    network, loss = _fit(structure, train.part(0, TRAIN), seed, rate, EPOCHS)
    return Trained(rate, _accuracy(network, test), loss, time.process_time() - began)
