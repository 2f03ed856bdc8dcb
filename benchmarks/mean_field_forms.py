"""Other forms of `mean_field` on samples of public tables and on our own: what each choice in the score is worth.

Prints rank correlations (Spearman) with accuracy: of the terms alone; of the score without one of them; for other
exponents of a layer's share (equation 22 of docs/mean-field.md), other weights of positions (24a) and other bounds S on
gradients (24). The last column is our own table's best third. NB201_DATA names the folder of the tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import numpy as np

from benchmarks._own_table.picks import GROUP
from benchmarks._own_table.results import by_structure, results
from benchmarks._own_table.structures import TRAINING_STEPS
from benchmarks._own_table.structures import read_list as own_list
from benchmarks.common import print_machine
from benchmarks.design_regret import DATA, TABLES, Table, column, networks_of
from PlainNet import Structure, lower, parse
from zennas.correlation.statistics import Floats, spearman_rows
from ZeroShotProxy.engine.mean_field.field import Field, field_of
from ZeroShotProxy.engine.mean_field.sums import training_of

SAMPLE = 1_000
"""Networks of each table, drawn at random."""
EXPONENT = 1 / 3
"""Of γ, as the score has it."""
TERMS = ("used FLOPs", "all FLOPs", "used activations", "widths", "directions", "gradients", "positions", "depth")
WEIGHTS = (0.5, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5)
"""Of the terms in the score."""


class Networks(NamedTuple):
    """Trained networks. fields: None where no gradient arrives. steps: of their trainings."""

    name: str
    fields: Sequence[Field | None]
    accuracies: Floats
    steps: int


def sampled(table: Table) -> Networks:
    """A sample of a public table."""
    networks = networks_of(table)
    accuracies = column(networks.sheet, table.accuracy)
    chosen = sorted(Random(0).sample(range(len(accuracies)), min(SAMPLE, len(accuracies))))
    fields = [_field(networks.structures[i]) for i in chosen]
    return Networks(f"{table.stem}, {table.accuracy}", fields, accuracies[chosen], table.steps)


def own() -> Networks:
    """What has been trained of our own table, without picks."""
    listed = {entry.structure for entry in own_list() if entry.group != GROUP}
    found = {text: float(np.mean(values)) for text, values in by_structure(results()).items() if text in listed}
    fields = [_field(parse(text)) for text in found]
    return Networks("own table", fields, np.array(list(found.values())), TRAINING_STEPS)


def _field(structure: Structure) -> Field | None:
    return field_of(lower(structure, resolution=32, num_classes=10))


def terms_of(field: Field | None, exponent: float, bearable: float, detail: float) -> list[float]:
    """The terms of the score, by `TERMS`. exponent: of γ. bearable: S. detail: what positions weigh beyond 1."""
    counted = [layer for layer in field.layers if not layer.pooled and layer.gradient > 0] if field else []
    if field is None or not counted:
        return [-math.inf] * len(TERMS)
    gradient, channels, flops, activations, effective, depth = np.array(
        [(one.gradient, one.channels, one.flops, one.activations, one.effective, one.depth) for one in counted],
        dtype=np.float64,
    ).T
    turns = (gradient / channels) ** (exponent / 2)
    share = turns / turns.sum()
    used = [float(share @ np.log(amount / share)) for amount in (flops, effective)]
    widths = float(share @ np.log(effective * channels / activations))
    steady = -math.log1p(float(gradient.sum()) / bearable) / 2
    positions = detail * float(share @ np.log(activations / channels))
    return [
        used[0],
        math.log(flops.sum()),
        used[1],
        widths,
        math.log(field.directions),
        steady,
        positions,
        float(share @ np.log(depth)),
    ]


def row(
    name: str,
    tables: Sequence[Networks],
    weights: Sequence[float] = WEIGHTS,
    exponent: float = EXPONENT,
    most: float | None = None,
    patience: float = 1.0,
) -> None:
    """Print the correlations of one form.

    most: S of all tables, None for that of each table's steps. patience: what positions weigh beyond 1, as a multiple
    of what the score has.
    """
    cells = []
    for one in tables:
        training = training_of(one.steps)
        bearable, detail = training.bearable if most is None else most, patience * (training.detail - 1)
        terms = np.array([terms_of(field, exponent, bearable, detail) for field in one.fields])
        finite = np.isfinite(terms).all(1)
        scores = np.where(finite, np.where(finite[:, None], terms, 0.0) @ np.array(weights), -np.inf)
        cells.append(_spearman(scores, one.accuracies))
        if one.name == "own table":
            best = np.argsort(-one.accuracies, kind="stable")[: len(scores) // 3]
            cells.append(_spearman(scores[best], one.accuracies[best]))
    print(f"{name:34}" + "".join(f"{cell:8.3f}" for cell in cells), flush=True)


def _spearman(scores: Floats, accuracies: Floats) -> float:
    return float(spearman_rows(scores[None], accuracies[None])[0])


def main() -> None:
    print_machine()
    tables = [sampled(table) for table in TABLES if (DATA / table.file).is_file()] + [own()]
    for number, one in enumerate(tables, start=1):
        print(f"({number}) {one.name}: {len(one.accuracies):,} networks, {one.steps:,} steps")
    print(f"{'':34}" + "".join(f"{f'({number})':>8}" for number in range(1, len(tables) + 1)) + "   third")
    row("the score", tables)
    for number, name in enumerate(TERMS):
        row(f"{name} alone", tables, [float(i == number) for i in range(len(TERMS))])
    for number, name in enumerate(TERMS):
        row(f"without {name}", tables, [w * (i != number) for i, w in enumerate(WEIGHTS)])
    for exponent in (1 / 2, 3 / 8, 1 / 4, 1 / 8, 0.0):
        row(f"exponent {exponent:g}", tables, exponent=exponent)
    for part in (1 / 3, 1 / 2, 2 / 3, 4 / 3, 2):
        row(f"positions, e-fold of steps: {part / 4:.3g}", tables, patience=part)
    for weight in (0.25, 0.75, 1.0, 2.0):
        row(f"depth: {weight:g}", tables, (*WEIGHTS[:-1], weight))
    for power in range(2, 11):
        row(f"S = 10^{power}", tables, most=10.0**power)


if __name__ == "__main__":
    main()
