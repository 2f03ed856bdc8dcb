"""On a CUDA device: CIFAR-10 top-1 of published structures and our own at three sizes, and training speed.

Takes the packed archives of CIFAR-10 (`CIFAR10_DATA`, a folder with an .npz to train and one to test), or torchvision's
CIFAR-10 in ~/data. EPOCHS=100; trainings are stored in `OUT`, by default runs/cifar10, and can be resumed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

import zennas
import ZenNet
from benchmarks.common import bf16_peak, print_machine
from PlainNet import cost, parse
from zennas.training.history import Epoch

SIZES = {"05M": ("0.5M", 16), "1M": ("1M", 18), "2M": ("2M", 20)}
"""Budgets for parameters and layers, as in Zen-NAS."""
RECIPE = {
    "batch_size": 256,
    "lr": 0.1,
    "warmup": 5.0,
    "weight_decay": 5e-4,
    "decay_norms": False,
    "init": "custom",
    "label_smoothing": 0.1,
    "mixup": 0.2,
    "erase": 0.5,
    "auto_augment": True,
    "bn_momentum": 0.01,
    "ema": 0.999,
    "precision": "bf16",
}
"""Zen-NAS's recipe, with larger batches, fewer epochs and an average of the weights."""


class Told:
    """Prints a line every tenth epoch, so that a run of many hours is not silent."""

    def __init__(self, name: str, epochs: int) -> None:
        self._name, self._epochs = name, epochs

    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        pass

    def epoch(self, done: Epoch) -> None:
        if done.epoch % 10 == 0 or done.epoch == self._epochs:
            print(f"  {self._name} {done.epoch}/{self._epochs}: {done.test_top1:.2f} %", file=sys.stderr, flush=True)


def structures(folder: Path) -> dict[str, str]:
    """Return the published structure and one of ours for each size."""
    found = {}
    for size, (params, layers) in SIZES.items():
        found[f"published {size}"] = ZenNet.model_info(f"zennet_cifar10_model_size{size}_res32")["structure"]
        run = zennas.search(
            budget_params=params, max_layers=layers, iterations=480_000, save_dir=folder / f"search_{size}", go_on=True
        )
        assert run.best is not None
        found[f"ours {size}"] = str(run.best.structure)
    return found


def main() -> None:
    if not torch.cuda.is_available():
        print("no CUDA device here: nothing was trained")
        sys.exit(0)
    print_machine()
    folder = Path(os.environ.get("OUT", "runs")) / "cifar10"
    data = os.environ.get("CIFAR10_DATA")
    epochs = int(os.environ.get("EPOCHS", "100"))
    top = bf16_peak()
    print(f"{torch.cuda.get_device_name()}: bf16 matrix product {top / 1e12:.0f} TFLOP/s; {epochs} epochs, seed 0")
    print(f"images: {data or 'cifar10, in ~/data'}" + (" (JPEG-compressed)" if data else ""))
    for name, structure in structures(folder).items():
        result = zennas.train(
            structure,
            dataset="cifar10",
            data_folder=Path(data) if data else None,
            save_dir=folder / name.replace(" ", "_"),
            device="cuda",
            workers=min(14, os.cpu_count() or 1),
            epochs=epochs,
            resume="auto",
            watcher=Told(name, epochs),
            **RECIPE,
        )
        speed = sorted(epoch.images_per_second for epoch in result.history)[len(result.history) // 2]
        counts = cost(parse(structure), resolution=32, num_classes=10)
        share = (
            speed * 6 * counts.flops / top
        )  # two per multiply–accumulate; the backward pass takes twice as many as the forward pass
        print(
            f"{name:14} {counts.params / 1e6:.2f} M parameters, {counts.flops / 1e6:.0f} M FLOPs: "
            f"top-1 {result.top1:.2f} %, {speed:.0f} images/s, {100 * share:.1f} % of the peak, {result.seconds:.0f} s"
        )


if __name__ == "__main__":
    main()
