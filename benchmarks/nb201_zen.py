"""The expected Zen-score against NAS-Bench-Suite-Zero's published Zen-scores of NAS-Bench-201 networks."""

from __future__ import annotations

import csv
import gzip
import time

import numpy as np
from scipy.stats import spearmanr

from benchmarks._nb201 import VALUES, data_or_leave
from benchmarks.common import print_machine
from SearchSpace.nasbench201 import Cell201, network
from ZeroShotProxy import ProxyError
from ZeroShotProxy.proxies.zen_expected import ExpectedZen


def main() -> None:
    (path,) = data_or_leave(VALUES)
    print_machine()
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = ExpectedZen(32)
    ours, theirs = [], []
    began, disconnected = time.perf_counter(), 0
    for row in rows:
        try:
            ours.append(expected(network(Cell201.parse(row["arch_str"]))))
        except ProxyError:
            disconnected += 1
            continue
        theirs.append(float(row["zen"]))
    seconds = time.perf_counter() - began
    found, published = np.array(ours), np.array(theirs)
    known = np.isfinite(published)
    errors = found[known] / published[known] - 1
    low, middle, high = (100 * float(q) for q in np.quantile(errors, (0.05, 0.5, 0.95)))
    rank = float(spearmanr(found[known], published[known]).statistic)
    print(f"{known.sum():,} architectures, {disconnected} more whose input does not reach the output")
    print(f"Spearman {rank:.4f}; error {middle:+.1f} % in the middle, 90 % of them from {low:+.1f} % to {high:+.1f} %")
    print(f"{seconds:.1f} s, {1e3 * seconds / len(rows):.2f} ms an architecture")


if __name__ == "__main__":
    main()
