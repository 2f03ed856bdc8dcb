"""A training step on the CPU against a plain PyTorch loop over the same module, and the share of time spent on data."""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import ZenNet
from benchmarks.common import print_machine
from PlainNet import parse
from PlainNet.masternet import MasterNet, build
from zennas.accuracy.protocol import Evaluator
from zennas.data import ImageSet
from zennas.data.base import Shown, in_memory
from zennas.data.sets.cifar import USUAL
from zennas.training.distributed import Group
from zennas.training.feed import Feed
from zennas.training.loop import train_epochs
from zennas.training.objectives.plain import Plain
from zennas.training.recipe import Recipe
from zennas.training.state import new_state

NAME = "zennet_cifar10_model_size1M_res32"
BATCH, STEPS, ROUNDS = 64, 3, 9
CPU = torch.device("cpu")


def images(count: int, seed: int) -> ImageSet:
    """Return images of CIFAR's size and type; their content does not affect the time."""
    rng = np.random.default_rng(seed)
    pixels = torch.from_numpy(rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8))
    return in_memory("noise", tuple("0123456789"), rng.integers(0, 10, count), pixels, USUAL)


def fresh() -> MasterNet:
    torch.manual_seed(0)
    return build(parse(ZenNet.model_info(NAME)["structure"]), num_classes=10)


def plain_loop(network: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Return the seconds of `STEPS` steps of a loop as in common tutorials."""
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    began = time.perf_counter()
    for _ in range(STEPS):
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
        loss.item()
    return time.perf_counter() - began


def our_loop(network: MasterNet, train: ImageSet, test: ImageSet) -> tuple[float, float]:
    """Return the seconds of an epoch of `STEPS` steps with shifts and mirroring, and of its data alone."""
    recipe = Recipe(epochs=1, batch_size=BATCH, lr=0.01, precision="fp32")
    group, shown = Group(CPU), Shown(USUAL.normalisation, 32, 32)  # type: ignore[arg-type]
    feed, evaluation = Feed(train, recipe, shown, group), Evaluator(test, shown, CPU)
    state = new_state(Plain(network), recipe, group)
    train_epochs(state, feed, evaluation, recipe, group)
    began = time.perf_counter()
    for _ in feed.epoch(1):
        pass
    return state.history[0].seconds, time.perf_counter() - began


def main() -> None:
    print_machine()
    train, test = images(BATCH * STEPS, 0), images(1, 1)
    batch = torch.randn(BATCH, 3, 32, 32), torch.randint(0, 10, (BATCH,))
    network = fresh()
    plain_loop(network, *batch)
    ratios, speeds, shares = [], [], []
    for number in range(ROUNDS):  # alternating, each first every other time, because the speed of the machine drifts
        if number % 2:
            theirs = plain_loop(network, *batch)
            ours, data = our_loop(network, train, test)
        else:
            ours, data = our_loop(network, train, test)
            theirs = plain_loop(network, *batch)
        ratios.append(theirs / ours)
        speeds.append(BATCH * STEPS / ours)
        shares.append(data / ours)
    middle = statistics.median(ratios)
    print(f"{NAME}, batch {BATCH}, {torch.get_num_threads()} threads, fp32: {statistics.median(speeds):.1f} images/s")
    print(f"speed against a plain loop: {middle:.3f} ({min(ratios):.3f} to {max(ratios):.3f} over {ROUNDS} rounds)")
    print(f"of the time, data: {100 * statistics.median(shares):.2f} %")
    print(f"target, at least 0.97: {'reached' if middle >= 0.97 else 'MISSED'}")


if __name__ == "__main__":
    main()
