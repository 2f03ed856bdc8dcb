"""The speed of a closed-form search against the commit before the division into rooms, alternating in one run."""

from __future__ import annotations

import statistics

from benchmarks._before import BEFORE_THE_ROOMS, ROOT, checked_out, seconds_of
from benchmarks.common import print_machine

ROUNDS = 15
SEARCH = """
import tempfile, time
from dataclasses import replace
from pathlib import Path
try:
    from zennas.searching.runner import start
    from zennas.searching.settings import SearchSettings
    from zennas.budget.budgets import Budget
except ImportError:
    from zennas.search.runner import start
    from zennas.search.settings import SearchSettings
    from zennas.budget import Budget
settings = SearchSettings(
    budget=Budget(params=10**6, layers=18), num_classes=100, proxy="zen_expected", iterations=100_000
)
with tempfile.TemporaryDirectory() as folder:
    start(Path(folder) / "first", replace(settings, iterations=10))  # imports what is imported at first use
    began = time.process_time()
    start(Path(folder) / "run", settings)
    print(time.process_time() - began)
"""


def main() -> None:
    print_machine()
    with checked_out(BEFORE_THE_ROOMS) as before:
        ratios, ours, theirs = [], [], []
        for number in range(ROUNDS + 1):
            pair = [(before, theirs), (ROOT, ours)]
            for folder, found in pair if number % 2 else pair[::-1]:
                found.append(seconds_of(folder, SEARCH))
            ratios.append(theirs[-1] / ours[-1])
    ratios, ours, theirs = ratios[1:], ours[1:], theirs[1:]  # the first round warms up
    print(
        f"a search of 100,000 iterations, processor time, median of {ROUNDS} rounds: "
        f"{statistics.median(theirs):.2f} s at {BEFORE_THE_ROOMS} and {statistics.median(ours):.2f} s now; "
        f"best {min(theirs):.2f} s and {min(ours):.2f} s"
    )
    print(
        f"speed now against then: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}); "
        f"of the medians {statistics.median(theirs) / statistics.median(ours):.3f}, of the best "
        f"{min(theirs) / min(ours):.3f}; target: at least 0.97"
    )


if __name__ == "__main__":
    main()
