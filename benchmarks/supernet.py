"""A supernet's bytes and times: each way of computing gates against a single path, and steps against plain training."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.common import apart, print_machine
from PlainNet import BlockSpec
from PlainNet.masternet import build
from zennas.supernet.building import build_supernet, sequence
from zennas.supernet.choices import LayerChoice
from zennas.supernet.cost import CostLoss
from zennas.supernet.decisions import ALL, FULL, FULL_V2, TWO, Decisions
from zennas.supernet.memory import kept_for_backward
from zennas.supernet.spaces import open_space
from zennas.supernet.steps import LabelledBatch, Subject, architecture_step, weight_step
from zennas.supernet.tables import looked_up

PATH = "one path"
MODES = (PATH, FULL_V2, TWO, FULL, ALL)
EDGES, BATCH, CHANNELS, SIDE = 6, 16, 3, 32
ACTIVE = 5
"""The candidate that is active: kernel 7, expansion 6."""
CHAIN = 32
"""Channels where the peak of memory is measured; with 3, the libraries take more than the network."""
ROUNDS = 9
TABLE = "proxyless_mobile_block_lut.csv.gz"


def edges(channels: int) -> nn.Module:
    """Return six edges of seven candidates: inverted residuals, and nothing."""
    torch.manual_seed(0)
    units = [BlockSpec("MBConv", (channels, channels, k, e, 1)) for e in (3, 6) for k in (3, 5, 7)]
    return nn.Sequential(
        *(LayerChoice([*(sequence((unit,)) for unit in units), nn.Identity()], key=str(i)) for i in range(EDGES))
    )


def opened(model: nn.Module, mode: str, images: torch.Tensor) -> list[torch.Tensor]:
    """Make the decisions of a model for a mode, with `ACTIVE` active; return the gates."""
    decisions = Decisions(model)
    for decision in decisions:
        decision.alpha.data[ACTIVE] = 30.0
    if mode == PATH:
        decisions.choose(decisions.best())
        return []
    return decisions.open_gates(mode, torch.Generator().manual_seed(0), images.device)


def kept(mode: str) -> int:
    """Return the bytes that are kept for the backward pass, each storage once."""
    model, images = edges(CHANNELS), torch.randn(BATCH, CHANNELS, SIDE, SIDE)
    opened(model, mode, images)
    with kept_for_backward([*model.parameters(), *model.buffers(), images]) as count:
        model(images).square().mean()
    return count.bytes


def print_peak(mode: str) -> None:
    """Print how far a forward and a backward pass raise the peak of the process's memory."""
    torch.set_num_threads(1)
    model, images = edges(CHAIN), torch.randn(BATCH, CHAIN, SIDE, SIDE)
    with torch.no_grad():  # libraries allocate buffers in the first pass
        opened(model, PATH, images)
        model(images[:1])
    gates = opened(model, mode, images)
    Path("/proc/self/clear_refs").write_text("5")  # Linux forgets the peak so far
    before = status("VmRSS")
    loss = model(images).square().mean()
    torch.autograd.grad(loss, [p for p in model.parameters() if p.requires_grad] + gates, allow_unused=True)
    print(f"  {mode:9} {(status('VmHWM') - before) / 1024:8.0f} MiB more than before")


def status(name: str) -> int:
    """Return a number in kB that Linux knows of this process, such as its memory and the peak of it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


def together(*functions: Callable[[], object]) -> list[float]:
    """Return the median seconds of each function, called in turns, because the speed of the machine drifts."""
    found: list[list[float]] = [[] for _ in functions]
    for round_ in range(ROUNDS + 1):
        for times, function in zip(found, functions, strict=True):
            began = time.process_time()
            function()
            if round_:  # the first is a warm-up
                times.append(time.process_time() - began)
    return [statistics.median(times) for times in found]


def print_steps() -> None:
    """Compare steps of NAS-Bench-Macro's supernet with a plain training step of the network that is drawn."""
    torch.set_num_threads(1)
    space = open_space("nas-bench-macro")
    picks = dict.fromkeys(space.options, (1,))
    torch.manual_seed(0)
    model, plain = build_supernet(space, 10), build(space.network(picks), num_classes=10)
    images, labels = torch.randn(32, 3, SIDE, SIDE), torch.randint(10, (32,))
    decisions = Decisions(model)
    for decision in decisions:
        decision.alpha.data[1] = 30.0
    subject, batch = Subject(model, decisions), LabelledBatch(images, labels)
    optimisers = [torch.optim.SGD(one.parameters(), 1e-3, 0.9, nesterov=True) for one in (model, plain)]
    adam = torch.optim.Adam(decisions.parameters(), betas=(0.0, 0.999))
    draws, scaler = torch.Generator().manual_seed(0), torch.amp.GradScaler("cpu", enabled=False)

    def plain_step() -> None:
        optimisers[1].zero_grad(set_to_none=True)
        F.cross_entropy(plain(images), labels, label_smoothing=0.1).backward()
        optimisers[1].step()

    def own_step() -> None:
        weight_step(subject, batch, optimisers[0], draws, mode=FULL_V2, label_smoothing=0.1, scaler=scaler)

    def forward_pass() -> None:
        """The mean over the candidates: each of them everywhere, in turn."""
        with torch.no_grad():
            for pick in range(3):
                decisions.choose(dict.fromkeys(space.options, (pick,)))
                model(images)

    def update() -> None:
        architecture_step(subject, batch, adam, draws, mode=FULL_V2, cost=CostLoss())

    plain_s, own_s, forward_s, update_s = together(plain_step, own_step, forward_pass, update)
    print(f"weight step over a plain training step of the same path: {own_s / plain_s:.3f} (target, at most 1.10)")
    print(
        f"architecture step (full_v2) in forward passes of one candidate, their mean: {3 * update_s / forward_s:.2f} "
        "(N + 1 = 4, besides the backward pass of the path)"
    )


def print_training(device: str, resolution: int, size: int) -> None:
    """Print images/s and memory of weight and architecture steps of the space for phones."""
    place = torch.device(device)
    model = build_supernet(open_space("mobile"), 1000).to(place)
    subject = Subject(model, Decisions(model), torch.autocast(place.type, torch.bfloat16))
    images = torch.randn(size, 3, resolution, resolution, device=place)
    batch = LabelledBatch(images, torch.randint(1000, (size,), device=place))
    weights = torch.optim.SGD(model.parameters(), 1e-3, 0.9)
    adam = torch.optim.Adam(subject.decisions.parameters(), betas=(0.0, 0.999))
    draws, scaler = torch.Generator().manual_seed(0), torch.amp.GradScaler(place.type, enabled=False)

    def finished() -> float:
        if place.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def step(name: str) -> None:
        if name == "weight":
            weight_step(subject, batch, weights, draws, mode=FULL_V2, label_smoothing=0.1, scaler=scaler)
        else:
            architecture_step(subject, batch, adam, draws, mode=FULL_V2, cost=CostLoss())

    for name in ("weight", "architecture"):
        step(name)
        began = finished()
        for _ in range(ROUNDS):
            step(name)
        print(f"{name} step, mobile, {resolution} pixels, batch {size}, bf16: ", end="")
        print(f"{ROUNDS * size / (finished() - began):.0f} images/s", end="")
        if place.type == "cuda":
            print(f", {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB at most", end="")
        print()


def print_table() -> None:
    """Print the figures of the phone's look-up table, if it is here."""
    path = Path(os.environ.get("NB201_DATA", "")) / TABLE
    if not path.is_file():
        print(f"no {TABLE}: NB201_DATA names the folder that contains it")
        return
    space = open_space("mobile")
    table = looked_up(space, path, resolution=224, num_classes=1000)
    decisions = Decisions(
        nn.ModuleList(LayerChoice([nn.Identity() for _ in names], key=key) for key, names in space.options.items())
    )
    print(
        f"look-up table of a Pixel 1: fixed {table.fixed:.4f} ms, expected when undecided "
        f"{float(table.expected(decisions).detach()):.4f} ms"
    )


def main() -> None:
    print_machine()
    one = kept(PATH)
    print(f"{EDGES} edges of 7 candidates, {BATCH}×{CHANNELS}×{SIDE}×{SIDE}, bytes kept for the backward pass:")
    for mode in MODES:
        found = kept(mode)
        print(f"  {mode:9} {found / 2**20:7.1f} MiB, {found / one:.2f} times one path")
    print(f"with {CHAIN} channels, peak of the process's memory in a forward and a backward pass:", flush=True)
    for mode in MODES:
        apart(partial(print_peak, mode))
    apart(print_steps)
    if torch.cuda.is_available():
        apart(partial(print_training, "cuda", 224, 256))
    else:
        print("no CUDA device: images/s of the space for phones are not measured")
    print_table()


if __name__ == "__main__":
    main()
