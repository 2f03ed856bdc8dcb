"""The report of a correlation: the protocol, a table, and the files in the folder of the run."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np

from PlainNet.files import write_text
from PlainNet.sizes import size_text
from zennas.common.environment import can_draw
from zennas.common.numbers import counted
from zennas.correlation.choices import Choices, Regret
from zennas.correlation.regret import TOP
from zennas.correlation.result import CorrelateResult, Row
from zennas.correlation.sample import Sample
from zennas.correlation.settings import CorrelateSettings
from zennas.correlation.statistics import Estimate, resamples_for, top_count

SCORES_FILE = "scores.csv"
JSON_FILE = "report.json"
TEXT_FILE = "report.md"
PICTURES = "pictures"

COLUMNS = (
    "proxy",
    "Spearman",
    "Kendall",
    "Spearman top 10 %",
    "Kendall top 10 %",
    "nDCG",
    "scored",
    "failed",
    "weights",
)
NUMBERS = COLUMNS[1:-1]
REGRET_COLUMNS = ("proxy", "mean regret", "median", f"best of {TOP}", f"mean of {TOP}")


def protocol(result: CorrelateResult) -> list[str]:
    """Return how the numbers were obtained, in a few lines."""
    settings, sample = result.settings, result.sample
    lines = [
        f"{len(sample):,} of {counted(sample.population, 'architecture')} of {settings.space}, drawn with seed "
        f"{settings.seed}; {len(sample.distinct):,} of them differ in function or cost and were scored"
        + (f", {result.done:,} so far" if result.done < len(sample.distinct) else ""),
        f"accuracy: {settings.dataset} {settings.split}{_trained(settings)}, from {Path(settings.table).name}",
        _scoring_line(result),
        _statistics_line(settings, sample),
        *_column_lines(result),
        "layers are the sum of sub_layers; FLOPs are multiply–accumulates of conv and linear layers, activations their "
        "output elements",
        _regret_line(result),
    ]
    return [line for line in lines if line]


def _trained(settings: CorrelateSettings) -> str:
    length = "" if settings.epochs is None else f" after {counted(settings.epochs, 'epoch')}"
    return length + ("" if settings.training is None else f", training {settings.training}")


def _scoring_line(result: CorrelateResult) -> str:
    settings = result.settings
    if not any(row.initialisation for row in result.rows):
        return ""
    shown = "" if result.images is None else f"batch of {settings.batch_size} from {result.images}, "
    seeds = f"seed {settings.seed}"
    if settings.seeds > 1:
        seeds = f"seeds {settings.seed} to {settings.seed + settings.seeds - 1}, scores averaged"
    # Only the Zen-score supports other precisions.
    precision = settings.precision if settings.precision == "fp32" else f"fp32, zen in {settings.precision},"
    return (
        f"scoring: {shown}{size_text(settings.resolution)} pixels, {settings.num_classes} classes, weights "
        f'and batch from {seeds}, {precision} on {settings.device}; weights "own" are PyTorch\'s default'
    )


def _statistics_line(settings: CorrelateSettings, sample: Sample) -> str:
    return (
        f"intervals: 95 %, percentiles of {resamples_for(len(sample), settings.resamples):,} bootstrap resamples, seed "
        f"{settings.seed}; top 10 %: among the {top_count(len(sample)):,} with the best accuracy; nDCG: gain is the "
        "rank by accuracy, 0 to 1, over the first tenth by score, about 0.5 for a random order"
    )


def _column_lines(result: CorrelateResult) -> list[str]:
    found = []
    for column in result.columns.values():
        there = int((~np.isnan(column.values)).sum())
        found.append(f"{column.name}: from {column.file}, for {there:,} of {len(column.values):,} architectures")
    return found


def _regret_line(result: CorrelateResult) -> str:
    if not result.regret:
        return ""
    return (
        "design regret: the best accuracy within a budget minus that of the architecture that the score ranks first "
        f"there, in points; means and median are over the budgets; best and mean of {TOP}: of the {TOP} ranked first; "
        "equal scores are picked with equal chance; baselines pick the largest"
    )


def regret_title(regret: Regret) -> str:
    """Return the heading of a table of design regrets: the cost, and its budgets with what fits them."""
    budgets = ", ".join(one.label for one in regret.kind.scenarios)
    return f"design regret in points, {budgets if regret.kind.costs is None else f'{regret.kind.name} ≤ {budgets}'}"


def regret_cells(row: Choices) -> tuple[str, ...]:
    """Return the texts of a row, in the order of `REGRET_COLUMNS`."""
    return (row.name, *map(points_text, (row.mean, row.median, row.best_of_top, row.mean_of_top)))


def points_text(estimate: Estimate | None) -> str:
    """Return percentage points with their interval."""
    return "–" if estimate is None else f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def cells(row: Row) -> tuple[str, ...]:
    """Return the texts of a row, in the order of `COLUMNS`."""
    s = row.statistics
    name = row.name
    return (
        name,
        *map(estimate_text, (s.spearman, s.kendall, s.spearman_top, s.kendall_top, s.ndcg)),
        f"{row.count:,}",
        f"{row.failures:,}" if row.failures else "",
        row.initialisation or "",
    )


def estimate_text(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{estimate.value:.3f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def notes(result: CorrelateResult) -> list[str]:
    """Return remarks on the table: failures with their reason, and how seeds differ."""
    found = []
    for row in result.rows:
        if row.by_seed:
            each = ", ".join(f"{value:.3f}" for value in row.by_seed)
            found.append(f"{row.name}: Spearman of each seed alone {each}")
        if row.failures:
            last = "" if row.failures_last is None else f"; ranked last, Spearman {row.failures_last:.3f}"
            found.append(
                f"{row.name}: {counted(row.failures, 'architecture')} without a score{last}; mostly: {row.error}"
            )
    return found


def markdown(result: CorrelateResult) -> str:
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" + "|--:" * len(NUMBERS) + "|---|"]
    lines += ["| " + " | ".join(cells(one)) + " |" for one in result.rows]
    for regret in result.regret:
        lines += ["", f"{regret_title(regret)}:", ""]
        titles = (*REGRET_COLUMNS, *(one.label for one in regret.kind.scenarios))
        lines += ["| " + " | ".join(titles) + " |", "|---" + "|--:" * (len(titles) - 1) + "|"]
        for row in regret.rows:
            each = ("–" if one is None else f"{one.value:.2f}" for one in row.by_budget)
            lines.append("| " + " | ".join((*regret_cells(row), *each)) + " |")
        best = ("", "", "", "", *(f"{one.best:.2f} % of {one.fitting:,}" for one in regret.kind.scenarios))
        lines.append("| " + " | ".join(("best accuracy that fits", *best)) + " |")
    return "\n".join([*lines, "", *(f"* {line}" for line in (*protocol(result), *notes(result))), ""])


def write_report(result: CorrelateResult) -> None:
    """Write scores, table and plots to the folder of the run. Raises OSError."""
    write_text(result.folder / SCORES_FILE, scores_csv(result))
    write_text(result.folder / JSON_FILE, json.dumps(result.to_json(), indent=2, allow_nan=False) + "\n")
    write_text(result.folder / TEXT_FILE, markdown(result))
    if can_draw():
        from zennas.correlation.pictures import write_pictures

        write_pictures(result, result.folder / PICTURES)


def scores_csv(result: CorrelateResult) -> str:
    """Return one line per architecture: notation, accuracy and scores; empty where scoring failed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["arch", "accuracy", *result.scores])
    columns = list(result.scores.values())
    for i, notation in enumerate(result.sample.notations):
        values = (float(column[i]) for column in columns)
        writer.writerow(
            [notation, result.sample.accuracies[i], *("" if np.isnan(value) else f"{value:.10g}" for value in values)]
        )
    return text.getvalue()
