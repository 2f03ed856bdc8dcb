"""Small tables of accuracies, written for tests."""

from __future__ import annotations

from pathlib import Path
from random import Random

from SearchSpace.nasbench201 import Cell201, all_cells


def worth(cell: Cell201) -> float:
    """An accuracy that is the higher, the more convolutions of 3×3 the cell has."""
    return 50 + 5 * cell.edges.count(3) + cell.edges.count(2) + 0.1 * cell.edges[0]


def write_table(place: Path, share: float = 1.0, test: float = -1.0) -> Path:
    """Write a table of NAS-Bench-201 with `index`, `c10_val`, `c10_test` and `cost`, and return its path.

    share: of the cells that are listed. test: is added to the validation accuracy, which gives that on test images.
    """
    rng, lines = Random(0), ["index,arch_str,c10_val,c10_test,cost"]
    for index, cell in enumerate(all_cells()):
        if rng.random() < share:
            value = worth(cell)
            lines.append(f"{index},{cell},{value:.4f},{value + test:.4f},{sum(cell.edges)}")
    place.write_text("\n".join(lines) + "\n")
    return place


def write_scores(place: Path) -> Path:
    """Write a file of scores by `index` only: `good` orders like `worth`, `bad` is empty or infinite now and then."""
    lines = ["index,good,bad"]
    for index, cell in enumerate(all_cells()):
        bad = ("", "inf", "nan", str(sum(cell.edges)))[index % 4]
        lines.append(f"{index},{worth(cell) - 50:.4f},{bad}")
    place.write_text("\n".join(lines) + "\n")
    return place
