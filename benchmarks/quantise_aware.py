"""What INT8 costs with and without quantisation-aware epochs: narrow networks of inverted residuals and depthwise
convolutions, with a scale for each channel of weights and with one for all.

Each network is trained in float32. Then it is trained for more epochs at a low learning rate, once as before
and once with rounding, and all three are exported as INT8 LiteRT. Top-1 is that of the test images. The error of the
logits is the root mean square of the difference to PyTorch's in float32, as a share of theirs. What INT8 costs is
top-1 in float32 minus that of the file, of the same weights.

Trainings of minutes leave channels that are alike, to which INT8 costs little. The part "spread" makes them as unlike
as those of long trainings often are: before the further epochs, the hidden channels of each inverted residual of a
network trained on digits are multiplied by random powers of two, and the weights behind them divided by the same. In
float32 that is the same function. The part "cifar10" takes networks as they are.

--part NAME: spread or cifar10; both by default. --seeds N: 3 by default. --keep FOLDER: keep the trainings there; what
is finished is not trained again.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean

import torch
from torch import Tensor

import zennas
from benchmarks._cifar_part import missing, part
from benchmarks.common import print_machine
from PlainNet import cost, parse
from zennas.named.card import WEIGHTS_FILE
from zennas.training.job import RunOptions, TrainingJob
from zennas.training.recipe import Recipe
from zennas.training.runner import train_structure

WEIGHTS = ("per-channel", "per-tensor")
WAYS = ("as trained", "trained on", "on, with rounding")
CIFAR_IMAGES = (5_000, 4_000)
"""For training and for testing."""
SLOWER = 100
"""The learning rate of the first epochs, divided by that of the further ones."""
SPREAD = 1.0
"""Standard deviation of the exponents of the powers of two."""


@dataclass(frozen=True)
class Case:
    """A network and its trainings. more: epochs that follow. spread: whether its channels are made unlike."""

    name: str
    text: str
    resolution: int
    epochs: int
    more: int
    lr: float
    spread: bool = False


DIGITS = Case(
    "inverted residuals on digits, channels spread",
    "SuperConvK3BNRELU(3,8,2,1)SuperResIDWE4K3(8,8,1,8,1)SuperResIDWE4K3(8,16,2,16,2)",
    resolution=16,
    epochs=8,
    more=3,
    lr=0.4,
    spread=True,
)
CIFAR = (
    Case(
        "inverted residuals on CIFAR-10",
        "SuperConvK3BNRELU(3,8,1,1)SuperResIDWE6K3(8,12,2,12,1)SuperResIDWE6K3(12,16,2,16,2)"
        "SuperResIDWE6K3(16,24,2,24,2)SuperConvK1BNRELU(24,64,1,1)",
        resolution=32,
        epochs=20,
        more=3,
        lr=0.4,
    ),
    Case(
        "MobileNet's blocks with ReLU6 on CIFAR-10",
        "ConvKX(3,8,3,1)BN(8)RELU6(8)MBConv(8,12,3,6,2)MBConv(12,16,3,6,2)MBConv(16,16,3,6,1)MBConv(16,24,3,6,2)"
        "MBConv(24,24,3,6,1)ConvKX(24,64,1,1)BN(64)RELU6(64)",
        resolution=32,
        epochs=20,
        more=3,
        lr=0.4,
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("spread", "cifar10"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory() as made:
        place = chosen.keep or Path(made)
        if chosen.part in (None, "spread"):
            _show(DIGITS, "digits", chosen.seeds, place / "digits")
        if chosen.part in (None, "cifar10") and missing() is not None:
            print(f"CIFAR-10 is left out: {missing()}")
        elif chosen.part in (None, "cifar10"):
            data = str(part(place / "images", *CIFAR_IMAGES))
            for number, case in enumerate(CIFAR):
                _show(case, data, chosen.seeds, place / f"cifar10-{number}")


def _show(case: Case, data: str, seeds: int, place: Path) -> None:
    """Train and export the network of a case in all ways, and print what INT8 costs."""
    params = cost(parse(case.text), resolution=case.resolution, num_classes=10).params
    print(f"\n{case.name}: {params:,} parameters, {case.epochs} epochs, {case.more} more")
    print("weights      seed  network             float32    INT8  error of the logits", flush=True)
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    for seed in range(seeds):
        for weights in WEIGHTS:
            for way in WAYS:
                one = _trained(case, data, seed, weights, way, place / f"seed-{seed}")
                found[weights, way].append(one)
                print(f"{weights:12} {seed:4}  {way:18} {one[0]:8.2f} {one[1]:7.2f}  {100 * one[2]:.2f} %", flush=True)
    for weights in WEIGHTS:
        for way in WAYS:
            before, after, error = (mean(one[i] for one in found[weights, way]) for i in range(3))
            print(
                f"mean, {weights}, {way}: {before:.2f} % in float32, {after:.2f} % in INT8, which costs "
                f"{before - after:.2f} points; error of the logits {100 * error:.2f} %"
            )


def _trained(case: Case, data: str, seed: int, weights: str, way: str, place: Path) -> tuple[float, float, float]:
    """Top-1 in float32 and in INT8 of the network that is trained in this way, and the error of its logits."""
    options = RunOptions(device="cpu", resume="auto")
    recipe = Recipe(epochs=case.epochs, seed=seed, lr=case.lr, precision="fp32")
    job = TrainingJob(parse(case.text), data, recipe, resolution=case.resolution)
    folder, kept = place / "trained", None
    train_structure(job, folder, options)
    if case.spread:
        kept = place / "spread.pt"
        stored = torch.load(folder / WEIGHTS_FILE, weights_only=True)["state_dict"]
        torch.save({"state_dict": spread(stored, seed)}, kept)
    if way != WAYS[0]:
        rounded = {"quantise_aware": case.more, "quantise_weights": weights} if way == WAYS[2] else {}
        lr = case.lr / SLOWER
        more = replace(recipe, epochs=case.more, lr=lr, warmup=0.0, clip_norm=1.0, **rounded)  # type: ignore[arg-type]
        name = f"rounded-{weights}" if rounded else "on"
        train_structure(
            replace(job, recipe=more, weights=kept or folder / WEIGHTS_FILE), (folder := place / name), options
        )
        kept = None
    made = zennas.export(
        folder,
        "litert-int8",
        dataset=data,
        checkpoint=kept,
        allow_loss=100.0,
        out=place / "made.tflite",
        overwrite=True,
        weights=weights,
    )
    assert made.accuracy is not None
    return made.accuracy.pytorch.top1, made.accuracy.file.top1, made.check.rms


def spread(stored: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Return weights of the same function with unlike channels: those between the 1×1, the depthwise and the last 1×1
    convolution of inverted residuals, which are layers 0, 3 and 6 of their units, with batch-norms and ReLU between.
    """
    made, draw = {name: value.clone() for name, value in stored.items()}, torch.Generator().manual_seed(seed)
    for name in stored:
        unit = re.fullmatch(r"(.+)\.3\.weight", name)
        if unit is None or f"{unit[1]}.6.weight" not in stored:
            continue
        for norm, following, dimension in ((1, 3, 0), (4, 6, 1)):
            factors = 2 ** (SPREAD * torch.randn(len(stored[f"{unit[1]}.{norm}.weight"]), generator=draw)).round()
            for kind in ("weight", "bias"):
                made[f"{unit[1]}.{norm}.{kind}"] *= factors
            shape = [-1 if axis == dimension else 1 for axis in range(4)]
            made[f"{unit[1]}.{following}.weight"] /= factors.view(shape)
    return made


if __name__ == "__main__":
    main()
