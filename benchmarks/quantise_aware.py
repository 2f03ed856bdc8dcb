"""What INT8 costs with and without quantisation-aware epochs, where it costs something: narrow networks of inverted
residuals and depthwise convolutions, on a part of CIFAR-10, with a scale for each channel of weights and with one.

Each network is trained in float32. Then it is trained for more epochs at a tenth of the learning rate, once as before
and once with rounding, and all three are exported as INT8 LiteRT. Top-1 is that of the test images. The error of the
logits is the root mean square of the difference to PyTorch's in float32, as a share of theirs. What INT8 costs is
top-1 in float32 minus that of the file, of the same weights.

--seeds N: 3 by default. --epochs N, --more N: of the training, and of those that follow. --images N: to train on.
--keep FOLDER: keep the trainings there; what is finished is not trained again.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from statistics import mean

import zennas
from benchmarks._cifar_part import missing, part
from benchmarks.common import print_machine
from PlainNet import cost, parse
from zennas.named.card import WEIGHTS_FILE
from zennas.training.job import RunOptions, TrainingJob
from zennas.training.recipe import Recipe
from zennas.training.runner import train_structure

NETWORKS = {
    "inverted residuals": "SuperConvK3BNRELU(3,8,1,1)SuperResIDWE6K3(8,12,2,12,1)SuperResIDWE6K3(12,16,2,16,2)"
    "SuperResIDWE6K3(16,24,2,24,2)SuperConvK1BNRELU(24,64,1,1)",
    "MobileNet's, ReLU6": "ConvKX(3,8,3,1)BN(8)RELU6(8)MBConv(8,12,3,6,2)MBConv(12,16,3,6,2)MBConv(16,16,3,6,1)"
    "MBConv(16,24,3,6,2)MBConv(24,24,3,6,1)ConvKX(24,64,1,1)BN(64)RELU6(64)",
}
TEST_IMAGES = 4000
LR, MORE_LR = 0.4, 0.04


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--more", type=int, default=3)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    if missing() is not None:
        print(f"skipped: {missing()}")
        return
    print_machine()
    print(f"{chosen.images} images of CIFAR-10, {chosen.epochs} epochs, {chosen.more} more")
    with tempfile.TemporaryDirectory() as made:
        place = chosen.keep or Path(made)
        data = part(place / "images", chosen.images, TEST_IMAGES)
        for name, text in NETWORKS.items():
            params = cost(parse(text), resolution=32, num_classes=10).params
            print(f"\n{name}, {params:,} parameters\nweights      seed  trained             float32    INT8  logits")
            lost: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
            for weights in ("per-channel", "per-tensor"):
                for seed in range(chosen.seeds):
                    _compare(text, str(data), weights, seed, chosen, place / name.split()[0], lost)
            for (weights, way), found in lost.items():
                before, after, error = (mean(one[i] for one in found) for i in range(3))
                print(
                    f"mean, {weights}, {way}: {before:.2f} %, {after:.2f} % in INT8, which costs {before - after:.2f} "
                    f"points; error of the logits {100 * error:.2f} %"
                )


def _compare(
    text: str,
    data: str,
    weights: str,
    seed: int,
    chosen: argparse.Namespace,
    place: Path,
    lost: dict[tuple[str, str], list[tuple[float, float, float]]],
) -> None:
    """Train a network in three ways, export each, print what came out, and add it to `lost`."""
    own = place / f"seed-{seed}"
    job = TrainingJob(parse(text), data, Recipe(epochs=chosen.epochs, seed=seed, lr=LR))
    recipe = Recipe(epochs=chosen.more, seed=seed, lr=MORE_LR, warmup=0.0)
    more = replace(job, recipe=recipe, weights=own / "trained" / WEIGHTS_FILE)
    rounded = replace(more, recipe=replace(recipe, quantise_aware=chosen.more, quantise_weights=weights))
    jobs = {"as ever": ("trained", job), "on": ("on", more), "on, with rounding": (f"rounded-{weights}", rounded)}
    for way, (name, one) in jobs.items():
        train_structure(one, own / name, RunOptions(device="cpu", resume="auto"))
        out = own / f"{name}-{weights}.tflite"
        made = zennas.export(
            own / name, "litert-int8", dataset=data, allow_loss=100.0, out=out, overwrite=True, weights=weights
        )
        assert made.accuracy is not None
        found = made.accuracy.pytorch.top1, made.accuracy.file.top1, made.check.rms
        lost[weights, way].append(found)
        print(f"{weights:12} {seed:4}  {way:18} {found[0]:8.2f} {found[1]:7.2f} {100 * found[2]:6.2f} %", flush=True)


if __name__ == "__main__":
    main()
