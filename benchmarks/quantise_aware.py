"""What INT8 costs with and without quantisation-aware epochs, on digits: networks of few channels, trained briefly.

Each network is trained in float32. Then it is trained for three more epochs at a tenth of the learning rate, once as
before and once with rounding, and all three are exported as INT8 LiteRT. Top-1 is that of the test images. The error
of the logits is the root mean square of the difference to PyTorch's in float32, as a share of theirs.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import zennas
from benchmarks.common import print_machine
from PlainNet import parse
from zennas.named.card import WEIGHTS_FILE
from zennas.training.job import RunOptions, TrainingJob
from zennas.training.recipe import Recipe
from zennas.training.runner import train_structure

NETWORKS = {
    "3x3 convolutions": "SuperConvK3BNRELU(3,8,2,1)SuperResK3K3(8,8,1,8,1)SuperResK3K3(8,16,2,8,1)",
    "depthwise": "SuperConvK3BNRELU(3,8,2,1)SuperResIDWE4K3(8,8,1,8,1)SuperResIDWE4K3(8,16,2,16,2)",
}
EPOCHS, MORE = 12, 3
SEEDS = (0, 1)


def main() -> None:
    print_machine()
    print(f"{'network':18} seed  {'weights':22} float32    INT8  error of the logits")
    errors: dict[str, list[float]] = {}
    for name, text in NETWORKS.items():
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as made:
                for way, top1, file_top1, error in _ways(text, seed, Path(made)):
                    errors.setdefault(way, []).append(error)
                    print(f"{name:18} {seed:4}  {way:22} {top1:7.2f} {file_top1:7.2f}  {100 * error:.2f} %")
    for way, found in errors.items():
        print(f"mean, {way}: {100 * sum(found) / len(found):.2f} %")


def _ways(text: str, seed: int, folder: Path) -> list[tuple[str, float, float, float]]:
    job = TrainingJob(parse(text), "digits", Recipe(epochs=EPOCHS, seed=seed, precision="fp32"), resolution=16)
    more = replace(
        job, recipe=Recipe(epochs=MORE, seed=seed, lr=0.02, precision="fp32"), weights=folder / "trained" / WEIGHTS_FILE
    )
    jobs = {
        "trained": job,
        "trained on": more,
        "trained with rounding": replace(more, recipe=replace(more.recipe, quantise_aware=MORE)),
    }
    found = []
    for way, one in jobs.items():
        place = folder / way.replace(" ", "-")
        train_structure(one, place, RunOptions(device="cpu"))
        made = zennas.export(place, "litert-int8", dataset="digits", allow_loss=100.0)
        assert made.accuracy is not None
        found.append((way, made.accuracy.pytorch.top1, made.accuracy.file.top1, made.check.rms))
    return found


if __name__ == "__main__":
    main()
