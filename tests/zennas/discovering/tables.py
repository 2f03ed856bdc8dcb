"""A small table of accuracies, and settings for quick searches on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

from SearchSpace.nasbench201 import Cell201
from zennas.discovering.source_settings import SourceSettings

from .tasks import SMALL

EVOLUTION = replace(SMALL, generations=2, population=4, offspring=4, mu=2, subset=3, finals=2, deepest=3, resamples=20)


def write_table(path: Path) -> Path:
    """A table of random cells, among them equivalent ones, and one without a path."""
    rng = Random(1)
    cells = {str(Cell201(tuple(rng.choice((2, 3, 3, 1)) for _ in range(6)))) for _ in range(20)} | {
        str(Cell201((0,) * 6))
    }
    lines = [f"{cell},{rng.uniform(50, 90):.2f},{rng.uniform(20, 60):.2f}" for cell in sorted(cells)]
    path.write_text("\n".join(["arch,cifar10_test_200,cifar100_test_200", *lines]) + "\n")
    return path


def closed_form(table: Path) -> SourceSettings:
    """Two tasks whose programs read closed forms, so that no network runs."""
    return SourceSettings(
        (str(table),),
        datasets=("cifar10", "cifar100"),
        networks=4,
        held_out=3,
        terminals="closed-form",
        resolution=8,
    )
