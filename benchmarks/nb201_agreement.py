"""Rank agreement of measures with NAS-Bench-Suite-Zero's published values, architecture by architecture."""

from __future__ import annotations

import csv
import gzip

import numpy as np
from scipy.stats import spearmanr

from benchmarks._nb201 import ACCURACIES, IMAGES, RUNS, VALUES, data_or_leave, run, sample_size
from benchmarks.common import print_machine
from zennas.accuracy.tables import AccuracyTable, read
from zennas.accuracy.tables.csvfile import write_csv
from zennas.correlation.summary import protocol

SAMPLE = 550
OURS = {
    "synflow": "synflow",
    "l2_norm": "l2_norm",
    "params": "params",
    "flops": "flops",
    "snip": "snip",
    "grad_norm": "grad_norm",
    "nwot": "naswot",
    "zen": "zen",
    "fisher": "fisher",
    "jacov": "jacob_cov",
    "epe_nas": "epe_nas",
    "grasp": "grasp",
    "plain": "plain",
}
"""The name of each measure in the published values, and its name here."""
EXPECTED = dict.fromkeys(("synflow", "l2_norm", "params", "flops"), 0.99) | {
    "snip": 0.95,
    "grad_norm": 0.95,
    "nwot": 0.95,
    "zen": 0.95,
    "fisher": 0.9,
}


def say_ceiling(published: dict[str, dict[str, str]]) -> None:
    """Print the highest possible agreement: the norm of random weights only reflects the number of convolutions."""
    counts = np.array([notation.count("nor_conv") for notation in published])
    norms = np.array([float(row["l2_norm"]) for row in published.values()])
    best = float(spearmanr(counts, norms).statistic)
    rng = np.random.default_rng(0)
    again = np.array([rng.choice(norms[counts == count]) for count in counts])
    redrawn = float(spearmanr(again, norms).statistic)
    print(
        f"l2_norm: the published values against the number of convolutions {best:.4f}, against published norms of as "
        f"many convolutions drawn at random {redrawn:.4f}; more agreement is not possible"
    )


def main() -> None:
    table_path, images, values_path = data_or_leave(ACCURACIES, IMAGES, VALUES)
    print_machine()
    with gzip.open(values_path, "rt", newline="") as file:
        published = {row["arch_str"]: row for row in csv.DictReader(file)}
    # A run of its own: a sample of the whole benchmark would meet too few of the published ones.
    table = read(table_path)
    known = np.array([notation in published for notation in table.architectures])
    RUNS.mkdir(parents=True, exist_ok=True)
    part = RUNS / "nb201-agreement.csv.gz"
    if not part.is_file():
        columns = {column: values[known] for column, values in table.columns.items()}
        write_csv(AccuracyTable("", tuple(n for n in table.architectures if n in published), columns), part)
    result = run(
        "nb201-agreement", table=part, proxies=tuple(OURS.values()), sample=sample_size(SAMPLE), data=str(images)
    )
    print(f"{'published':10} {'here':10} Spearman  expected  architectures")
    for theirs, ours in OURS.items():
        scores = result.scores[ours]
        values = np.array([float(published[notation][theirs] or "nan") for notation in result.sample.notations])
        both = np.isfinite(scores) & np.isfinite(values)
        found = float(spearmanr(scores[both], values[both]).statistic)
        least = EXPECTED.get(theirs)
        verdict = "" if least is None else f"≥ {least}" + ("" if found >= least else " MISSED")
        print(f"{theirs:10} {ours:10} {found:8.4f}  {verdict:8}  {both.sum():,}")
    say_ceiling(published)
    for line in protocol(result):
        print(line)


if __name__ == "__main__":
    main()
