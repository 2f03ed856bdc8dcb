"""What the trainings say: tables, the difference between ours and the best of the others, and the picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from benchmarks._design_proof.budgets import Limits, budgets
from benchmarks._design_proof.contestants import OURS, Contestant
from benchmarks._design_proof.files import read_measured, read_trained
from benchmarks._intervals import difference, half_width

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "design-proof.png"
OUTSIDE = "outside"
PASS_MARK = 85.0
"""Of MLPerf Tiny, in percent."""
_COLOURS = {OURS: "#1f5fa8", "hand": "#c2452d", "scaled": "#2d8a4e", "random": "0.5", OUTSIDE: "#b08000"}
_AXES = {"params": "parameters", "flops": "multiply–accumulates", "ms": "predicted ms", "ram": "RAM in INT8, bytes"}

Accuracies = dict[str, list[float]]
"""By structure, one for each seed."""


def accuracies(epochs: int) -> Accuracies:
    """Return the accuracies of the trainings of so many epochs."""
    found: dict[str, dict[int, float]] = {}
    for one in read_trained():
        if one.epochs == epochs:
            found.setdefault(one.structure, {})[one.seed] = one.top1
    return {text: list(seeds.values()) for text, seeds in found.items()}


def _mean(values: Sequence[float]) -> str:
    if not values:
        return "not trained so far"
    if len(values) == 1:
        return f"{fmean(values):.2f} %, one seed"
    return f"{fmean(values):.2f} ± {half_width(values):.2f} %, {len(values)} seeds"


def report(contestants: Sequence[Contestant], epochs: int, seeds: int) -> None:
    """Print the tables of all budgets, and draw the picture if something was trained."""
    found = accuracies(epochs)
    wanted = {(one.text, seed) for one in contestants for seed in range(seeds)}
    done = {(one.structure, one.seed) for one in read_trained() if one.epochs == epochs}
    print(f"{len(wanted & done)} of {len(wanted)} trainings of {epochs} epochs, {seeds} seeds")
    for limits in budgets():
        here = [one for one in contestants if one.budget == limits.name]
        if here:
            _print_budget(limits, here, found)
    if found:
        draw(contestants, found)
        print(f"picture: {PICTURE.relative_to(PICTURE.parents[2])}")


def _print_budget(limits: Limits, contestants: Sequence[Contestant], found: Accuracies) -> None:
    measured = read_measured()
    print(f"\n{limits.title}: {_limits_text(limits)}")
    for one in contestants:
        costs, there = one.costs, measured.get(one.text)
        took = "" if there is None else f", measured {there.ms:.3f}" + ("" if there.settled else " (not settled)")
        outside = f", beyond {' and '.join(limits.beyond(costs))}" if one.kind == OUTSIDE else ""
        print(
            f"  {one.name:42} {_mean(found.get(one.text, [])):28} {costs.params:8,} params {costs.flops / 1e6:6.2f}M "
            f"FLOPs {costs.ram / 1024:6.1f} KiB, predicted {costs.ms:.3f} ms{took}{outside}"
        )
    print(f"  {_verdict(contestants, found)}")


def _limits_text(limits: Limits) -> str:
    parts = [
        None if limits.params is None else f"{limits.params:,} parameters",
        None if limits.flops is None else f"{limits.flops:,} FLOPs",
        None if limits.ram is None else f"{limits.ram:,} bytes of RAM",
        f"{limits.ms:.3f} ms",
    ]
    return ", ".join(part for part in parts if part is not None)


def _verdict(contestants: Sequence[Contestant], found: Accuracies) -> str:
    """The difference between the best of ours and the best of the others within the limits."""

    def best(ours: bool) -> Contestant | None:
        fit = [one for one in contestants if (one.kind == OURS) == ours and one.kind != OUTSIDE and one.text in found]
        return max(fit, key=lambda one: fmean(found[one.text]), default=None)

    mine, theirs = best(True), best(False)
    if mine is None or theirs is None:
        return "no comparison so far: one of ours and one of the others have to be trained"
    one, other = found[mine.text], found[theirs.text]
    if min(len(one), len(other)) < 2:
        gap = f"{fmean(one) - fmean(other):+.2f} points (no interval, because one has a single seed)"
    else:
        value, half = difference(one, other)
        gap = f"{value:+.2f} points ({value - half:+.2f} to {value + half:+.2f})"
    return f"{mine.name} minus {theirs.name}: {gap}"


def draw(contestants: Sequence[Contestant], found: Accuracies) -> None:
    """Draw accuracy against each cost, a row for each budget. Needs matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    trained = [limits for limits in budgets() if any(c.budget == limits.name and c.text in found for c in contestants)]
    if not trained:
        return
    size = (14, 3.6 * len(trained))
    figure, rows = plt.subplots(len(trained), len(_AXES), figsize=size, squeeze=False, constrained_layout=True)
    for row, limits in zip(rows, trained, strict=True):
        for axis, (field, label) in zip(row, _AXES.items(), strict=True):
            for one in contestants:
                values = found.get(one.text)
                if one.budget != limits.name or not values:
                    continue
                x, half = getattr(one.costs, field), half_width(values) if len(values) > 1 else 0.0
                axis.errorbar([x], [fmean(values)], yerr=[half], fmt="o", color=_COLOURS[one.kind], capsize=3)
                axis.annotate(one.name, (x, fmean(values)), fontsize=6, xytext=(4, 3), textcoords="offset points")
            limit = getattr(limits, field)
            if limit is not None:
                axis.axvline(limit, color="0.8", linewidth=1, zorder=0)
            axis.set_xlabel(label, fontsize=8)
            axis.tick_params(labelsize=7)
            axis.margins(x=0.25, y=0.15)
        row[0].set_ylabel("top-1, %", fontsize=8)
        row[0].set_title(limits.title, fontsize=8, loc="left")
    figure.savefig(PICTURE, dpi=90)
    plt.close(figure)
