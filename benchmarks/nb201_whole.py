"""All 15,625 networks of NAS-Bench-201 by closed forms: how long it takes, and how much memory."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._nb201 import ACCURACIES, DATA
from benchmarks.common import print_machine
from PlainNet import Options
from PlainNet.cost import CostModel
from SearchSpace.nasbench201 import all_cells, network
from zennas.api import correlate

LIMIT = 10.0


def peak() -> str:
    """Return the peak memory of this process."""
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB at most"


def say(what: str, seconds: float) -> None:
    verdict = "" if seconds < LIMIT else f"; MISSED: at most {LIMIT:.0f} s"
    print(f"{what}: {seconds:.1f} s, {peak()}{verdict}", flush=True)


def main() -> None:
    print_machine()
    began = time.perf_counter()
    model = CostModel(32, 10, Options())
    costs = [model(network(cell)) for cell in all_cells()]
    say(f"params and flops of {len(costs):,} networks, from cells to numbers", time.perf_counter() - began)
    table = DATA / ACCURACIES
    if not table.is_file():
        print(f"skipped zennas correlate: {table} not there")
        return
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        correlate(table=table, proxies=("params", "flops"), sample=15_625, save_dir=Path(folder) / "run", resamples=100)
        whole = "zennas correlate with params and flops: table, scores, statistics, report, pictures"
        say(whole, time.perf_counter() - began)
        run = Path(folder) / "closed"
        found = correlate(table=table, proxies=("zen_expected",), sample=15_625, save_dir=run, resamples=100)
        scored = len(found.sample.distinct)
        say(f"zen_expected of {len(found.sample):,} networks, {scored:,} of which differ, on all cores", found.seconds)
    print("torch was" + ("" if "torch" in sys.modules else " not") + f" imported; {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
