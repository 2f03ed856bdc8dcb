"""Whether networks with an objection are less accurate: the trained ones of the own table (`own_table.py`)."""

from __future__ import annotations

import numpy as np

from benchmarks._designs.anatomy import Anatomy, anatomy
from benchmarks._designs.look import Look
from benchmarks._designs.objections import OBJECTIONS
from benchmarks._designs.tables import table
from benchmarks._own_table.results import by_structure, results
from PlainNet import parse

FEWEST = 5
"""Objections raised against fewer networks, or against all but fewer, are left out."""


def accuracies() -> str:
    """A table of test accuracies with each objection to a form and without, and of the difference at equal costs.

    At equal costs: of the residuals of a regression on the logarithms of parameters and FLOPs and on their squares, or
    also on the logarithm of the convolutions on the longest path; with 95 % intervals (Welch).
    """
    seeds = by_structure(results())
    forms = [anatomy(parse(text), 32, 10) for text in seeds]
    accuracy = np.array([np.mean(values) for values in seeds.values()])
    residuals = [_residuals(forms, accuracy, depth) for depth in (False, True)]
    rows = []
    for objection in OBJECTIONS:
        if objection.compares:
            continue
        raised = np.array([objection.raised(Look("", form, {}, {}), ()) for form in forms])
        if min(raised.sum(), (~raised).sum()) < FEWEST:
            continue
        medians = (f"{np.median(accuracy[group]):.1f}" for group in (raised, ~raised))
        rows.append([objection.name, f"{raised.sum()}", *medians, *(_difference(one, raised) for one in residuals)])
    header = [
        f"objection, {len(forms)} networks",
        "raised",
        "median with, %",
        "without, %",
        "at equal costs",
        "and depth",
    ]
    return table(header, rows)


def _residuals(forms: list[Anatomy], accuracy: np.ndarray, depth: bool) -> np.ndarray:
    """What a regression on costs, and on the depth, leaves of the accuracies, in points."""
    columns = [np.log([getattr(form.cost, kind) for form in forms]) for kind in ("flops", "params")]
    columns += [column**2 for column in columns]
    if depth:
        columns.append(np.log([form.convolutions for form in forms]))
    known = np.column_stack([np.ones(len(forms)), *columns])
    found: np.ndarray = accuracy - known @ np.linalg.lstsq(known, accuracy, rcond=None)[0]
    return found


def _difference(residuals: np.ndarray, raised: np.ndarray) -> str:
    groups = residuals[raised], residuals[~raised]
    error = 1.96 * np.sqrt(sum(group.var(ddof=1) / len(group) for group in groups))
    return f"{groups[0].mean() - groups[1].mean():+.1f} ± {error:.1f}".replace("-", "−")
