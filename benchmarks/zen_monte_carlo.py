"""The Monte-Carlo Zen-score: reference values, speed against the definition, reduced precision."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from benchmarks._baseline import zen_by_definition
from benchmarks.common import print_machine, published, random_in_budget
from PlainNet import Structure
from zennas.budget.budgets import Budget
from ZeroShotProxy import ScoreSettings, score

# Means over seeds that were measured on a public implementation, with the standard deviation of one seed.
REFERENCE = {
    "zennet_cifar10_model_size05M_res32": (32, 16, 96.6, 0.65),
    "zennet_cifar10_model_size1M_res32": (32, 16, 122.1, 0.51),
    "zennet_cifar10_model_size2M_res32": (32, 16, 149.8, 0.71),
    "zennet_imagenet1k_flops400M_SE_res224": (224, 4, 89.65, 0.07),
}
SPEED = "zennet_cifar10_model_size1M_res32"


def values(structure: Structure, settings: ScoreSettings) -> tuple[float, ...]:
    return score(structure, ["zen"], settings)["zen"].repeats


def reference(networks: dict[str, Structure]) -> None:
    for name, (resolution, batch, mean, spread) in REFERENCE.items():
        settings = ScoreSettings(
            resolution=resolution, batch_size=batch, repeats=32 if resolution == 32 else 12, device="cpu"
        )
        found = values(networks[name], settings)
        ours, deviation = statistics.fmean(found), statistics.stdev(found)
        where = f"{name}, {resolution}×{resolution}, batch {batch}"
        print(f"{where}: {ours:.2f} (sd {deviation:.2f}, {len(found)} seeds); reference {mean} (sd {spread})")


def speed(structure: Structure) -> None:
    """Time the baseline and ours alternately, so that drift of the machine affects both."""
    once = ScoreSettings(resolution=32, batch_size=64, repeats=1, device="cpu")
    contestants: dict[str, Callable[[], object]] = {
        "baseline (build with default weights, initialise again, two plain fp32 passes)": lambda: zen_by_definition(
            structure, 64, 32
        ),
        "ours, fp32": lambda: values(structure, once),
        "ours, bf16": lambda: values(structure, replace(once, precision="bf16")),
    }
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(16):
        for name, call in contestants.items():
            began = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - began)
    print(f"{SPEED}, 32×32, batch 64, {torch.get_num_threads()} threads, 15 rounds in turn")
    base, *_ = (statistics.median(found[1:]) for found in times.values())
    for name, found in times.items():
        middle, low, high = statistics.median(found[1:]), min(found[1:]), max(found[1:])
        print(f"  {name}: {middle:.3f} s ({low:.3f} to {high:.3f}), {base / middle:.2f} times the baseline's speed")


def precision(networks: dict[str, Structure]) -> None:
    """Compare bf16 with fp32 for the same weights and inputs: the difference, and the spread between seeds."""
    small = random_in_budget("XXBL", Budget(params=10**6, layers=18), 32, 30)
    differences, spreads = [], []
    for structure in [*small, networks[SPEED]]:
        settings = ScoreSettings(resolution=32, batch_size=16, repeats=8, device="cpu")
        exact, coarse = values(structure, settings), values(structure, replace(settings, precision="bf16"))
        differences.append(statistics.fmean(coarse) - statistics.fmean(exact))
        spreads.append(statistics.stdev(exact))
    inside = sum(abs(d) < s for d, s in zip(differences, spreads, strict=True))
    print(
        f"bf16 less fp32 over {len(differences)} structures: {statistics.fmean(differences):+.3f} on average, "
        f"{max(map(abs, differences)):.3f} at most; spread between seeds {statistics.fmean(spreads):.3f} on average; "
        f"within one standard deviation of a seed for {inside} of {len(differences)}"
    )


def main() -> None:
    print_machine()
    networks = published()
    speed(networks[SPEED])
    precision(networks)
    reference(networks)


if __name__ == "__main__":
    main()
