"""The picture of the page: the width of networks along their depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks._designs.anatomy import Anatomy
from benchmarks._designs.budgets import CASES
from benchmarks._designs.look import Look

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "designs.png"
_COLOURS = {"mean_field": "#1f5fa8", "zen_expected": "#c2452d"}
_GREYS = ("0.35", "0.7")


def draw(medians: Mapping[tuple[str, str, str], Look], peers: Mapping[str, Sequence[Look]]) -> None:
    """Draw the trunk of a winner of each kind, and of the networks beside it. Needs matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, rows = plt.subplots(2, len(CASES), figsize=(13, 6), sharey=True, constrained_layout=True)
    for column, case in enumerate(CASES):
        for row, space in enumerate(case.spaces):
            axis = rows[row][column]
            lines = [(one.name, one, colour) for one, colour in zip(peers[case.name], _GREYS, strict=True)]
            for (name, where, score), one in medians.items():
                if (name, where) == (case.name, space.name):
                    lines.append((score, one, _COLOURS.get(score, "#2d8a4e")))
            for label, one, colour in lines:
                x, y, strides = _line(one.anatomy)
                axis.step(x, y, where="pre", color=colour, linewidth=1.4, label=label)
                axis.plot([x[i] for i in strides], [y[i] for i in strides], "o", color=colour, markersize=4)
            axis.set_yscale("log", base=2)
            axis.set_title(f"{space.name}, {case.limit}", fontsize=9)
            axis.legend(fontsize=7)
            axis.yaxis.set_major_formatter("{x:.0f}")
    for axis in rows[1]:
        axis.set_xlabel("convolutions so far")
    for axes in rows:
        axes[0].set_ylabel("channels of the trunk")
    figure.savefig(PICTURE, dpi=90)
    plt.close(figure)


def _line(form: Anatomy) -> tuple[list[int], list[int], list[int]]:
    """Convolutions so far and width at every place of the trunk, and which places lie behind a stride."""
    so_far, x = 0, []
    for unit in form.units:
        so_far += unit.convolutions
        x.append(so_far)
    return x, list(form.trunk), [i for i, unit in enumerate(form.units) if unit.stride > 1]
