"""A search that runs networks, with one worker, with two, and on a local Ray cluster: winners and speed."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.common import print_machine
from zennas.budget.budgets import Budget
from zennas.searching.executors.base import EXECUTORS, ExecutorSettings
from zennas.searching.result import read_result
from zennas.searching.runner import start
from zennas.searching.settings import SearchSettings

ROUNDS = 1
"""A round takes about three minutes."""
SETTINGS = SearchSettings(
    search_space="nasbench201", budget=Budget(params=10**7), proxy="az_nas", iterations=300, device="cpu"
)
WAYS = {
    "1 worker": ExecutorSettings("serial"),
    "2 workers": ExecutorSettings("pool", 2),
    "Ray, 2 workers": ExecutorSettings("ray", 2),
}


def search(executor: ExecutorSettings) -> tuple[float, float, int, str]:
    """Return total seconds, seconds of searching, the number of evaluated candidates, and the winner."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        start(Path(folder) / "run", SETTINGS, executor=executor)
        took = time.perf_counter() - began
        result = read_result(Path(folder) / "run")
    assert result.best is not None
    evaluated = result.counts["scored"] + result.counts["rejected"].get("failed", 0)
    return took, result.seconds, evaluated, str(result.best.structure)


def main() -> None:
    print_machine()
    print("zennas search --proxy az_nas --search-space nasbench201 --budget-params 10M --iterations 300")
    ways = {name: way for name, way in WAYS.items() if EXECUTORS.get(way.executor or "").available() is None}
    found: dict[str, list[tuple[float, float, int, str]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            found[name].append(search(way))
    winners = {winner for rounds in found.values() for *_, winner in rounds}
    whole = {name: statistics.median(took for took, *_ in rounds) for name, rounds in found.items()}
    for name, rounds in found.items():
        took = [one[0] for one in rounds]
        evaluated = rounds[0][2]
        print(
            f"{name}: {whole[name]:.1f} s ({min(took):.1f} to {max(took):.1f}), {evaluated} networks evaluated, "
            f"{whole['1 worker'] / whole[name]:.2f} times as fast as 1 worker"
        )
    print(f"winners: {len(winners)}, {'the same' if len(winners) == 1 else 'NOT THE SAME'} by all")
    if "Ray, 2 workers" in found:
        evaluated = found["1 worker"][0][2]
        pool, ray = (statistics.median(one[1] for one in found[name]) for name in ("2 workers", "Ray, 2 workers"))
        outside = {name: statistics.median(one[0] - one[1] for one in rounds) for name, rounds in found.items()}
        print(
            f"Ray costs {1000 * (ray - pool) / evaluated:.1f} ms per candidate more than the pool while searching, and "
            f"{outside['Ray, 2 workers'] - outside['2 workers']:.1f} s more to start and end"
        )


if __name__ == "__main__":
    main()
