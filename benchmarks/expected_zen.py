"""The closed-form Zen-score against the Monte-Carlo score: random structures in budget, and the published ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau, spearmanr

import ZenNet
from benchmarks.common import print_machine, published, random_in_budget
from PlainNet import Structure
from zennas.budget.budgets import Budget
from ZeroShotProxy import ScoreSettings, score

COUNT = 200
COUNT_GATED = 60
PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "expected-zen.png"


def both(structures: list[Structure], settings: ScoreSettings) -> np.ndarray:
    """Return rows of (expected, Monte-Carlo mean, half of its 95 % interval)."""
    rows = []
    for structure in structures:
        found = score(structure, ["zen_expected", "zen"], settings)
        low, high = found["zen"].interval or (0.0, 0.0)
        rows.append((found["zen_expected"].value, found["zen"].value, (high - low) / 2))
    return np.array(rows)


def report(label: str, rows: np.ndarray) -> None:
    expected, measured, half = rows.T
    error = expected - measured
    relative = np.abs(error) / measured
    spearman, kendall = spearmanr(expected, measured).statistic, kendalltau(expected, measured).statistic
    print(
        f"{label}: {len(rows)} structures, scores {measured.min():.1f} to {measured.max():.1f} (± {half.mean():.2f}); "
        f"Spearman {spearman:.4f}, Kendall {kendall:.4f}; error {error.mean():+.2f} ± {error.std():.2f}, "
        f"mean absolute {100 * relative.mean():.2f} %, largest {100 * relative.max():.2f} %"
    )


def picture(panels: dict[str, np.ndarray]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(panels), figsize=(9, 4.2), constrained_layout=True)
    for axis, (title, rows) in zip(axes, panels.items(), strict=True):
        expected, measured, half = rows.T
        ends = [measured.min() - 2, measured.max() + 2]
        axis.plot(ends, ends, color="0.7", linewidth=1, zorder=0)
        axis.errorbar(expected, measured, yerr=half, fmt="o", markersize=3, elinewidth=0.7, color="#1f5fa8")
        axis.set(
            title=title,
            xlabel="expected Zen-score (closed form, microseconds)",
            ylabel="Monte-Carlo Zen-score, 95 % interval",
        )
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=130)
    print(f"picture: {PICTURE.relative_to(PICTURE.parents[2])}")


def main() -> None:
    print_machine()
    cifar = ScoreSettings(resolution=32, batch_size=16, repeats=8, device="cpu")
    imagenet = ScoreSettings(resolution=224, batch_size=4, repeats=3, device="cpu")
    panels = {}
    xxbl = both(random_in_budget("XXBL", Budget(params=10**6, layers=18), 32, COUNT), cifar)
    report("XXBL, at most 1M parameters, 32×32, batch 16, 8 repetitions", xxbl)
    panels["XXBL, ≤ 1M parameters, 32×32"] = xxbl
    idw = both(random_in_budget("IDW_fixfc", Budget(flops=400 * 10**6, layers=14), 224, COUNT), imagenet)
    report("IDW, at most 400M FLOPs, 224×224, batch 4, 3 repetitions", idw)
    panels["IDW, ≤ 400M FLOPs, 224×224"] = idw
    rows = []
    for name, structure in published().items():
        small = ZenNet.model_info(name)["resolution"] == 32
        row = both([structure], cifar if small else imagenet)
        rows.append(row[0])
        expected, measured, half = row[0]
        change = 100 * (expected / measured - 1)
        print(f"  {name}: Monte Carlo {measured:.2f} ± {half:.2f}, expected {expected:.2f}, {change:+.2f} %")
    report("the published structures", np.array(rows))
    gated = (replace(cifar, use_se=True), replace(imagenet, use_se=True))
    rows_se = both(random_in_budget("XXBL", Budget(params=10**6, layers=18), 32, COUNT_GATED), gated[0])
    report("with squeeze-and-excitation: XXBL, as above", rows_se)
    rows_se = both(random_in_budget("IDW_fixfc", Budget(flops=400 * 10**6, layers=14), 224, COUNT_GATED), gated[1])
    report("with squeeze-and-excitation: IDW, as above", rows_se)
    picture(panels)


if __name__ == "__main__":
    main()
