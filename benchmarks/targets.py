"""Short searches for every target: whether each winner converts, runs, obeys the rules, and stays on the NPU.

--searches N: how many, 500 by default, spread over the targets; --minutes M ends earlier. Winners are exported as INT8
LiteRT with random weights, run in LiteRT's interpreter and, where tflite-micro is installed, in that for
microcontrollers, and in the target's own format where that is another one; those for Ethos are compiled by Vela. `same
class` is the share of images of noise for which both interpreters predict the same class: deep networks with random
weights amplify the last bit. The last column is the share of tried structures that no rule rejects.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import zennas
from benchmarks.common import print_machine
from latency.estimators.vela import Vela, compiled
from latency.measuring.conditions import version_of
from PlainNet.errors import ZennasError
from zennas.budget.sources import compiler_of
from zennas.budget.target import TARGETS, Target
from zennas.searching.result import SearchResult

LITERT = "litert-int8"
EXTRA: dict[str, dict[str, Any]] = {
    "esp32-s3": {"budget_flash": 1_000_000},
    "ethos-u55-128": {"budget_flash": 1_000_000},
    "ethos-u65-256": {"budget_params": 2_000_000},
    "raspberry-pi-5": {"budget_flops": 40_000_000},
    "rk3588": {"budget_flops": 40_000_000},
    "coral-edge-tpu": {"budget_flops": 40_000_000},
    "stm32n6": {"budget_params": 1_000_000},
}
"""Limits of those whose memories do not bound a network."""
SIZES = (24, 32, "24x32", "32x20")
LAYERS, CALIBRATION = 18, 32
"""Deeper networks with random weights amplify the noise of INT8 until nothing else is left of their logits."""
ITERATIONS, SLOW_ITERATIONS = 1_000, 100
"""Structures that are tried, in the array engine and one at a time."""


@dataclass
class Tally:
    """What came out for one target. wrong: in one line each."""

    searches: int = 0
    tried: int = 0
    ruled_out: int = 0
    cycles: list[int] = field(default_factory=list)
    ran_micro: int = 0
    images: int = 0
    same: int = 0
    wrong: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=500)
    parser.add_argument("--minutes", type=float, help="begin no further search after so many")
    asked = parser.parse_args()
    count, minutes = asked.searches, asked.minutes
    print_machine()
    print(f"at most {LAYERS} layers, {ITERATIONS:,} structures a search ({SLOW_ITERATIONS} in pooled), random weights")
    print(", ".join(f"{name} {version_of(name)}" for name in ("ai-edge-litert", "tflite-micro", "ethos-u-vela")))
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    began, targets = time.monotonic(), list(TARGETS)
    for number in range(count):
        if minutes is not None and time.monotonic() - began > 60 * minutes:
            count = number
            break
        target = targets[number % len(targets)]
        _search(target, number // len(targets), tallies[target.name])
        print(f"{number + 1} of {count}: {target.name}", file=sys.stderr, flush=True)
    print(f"{'target':16} searches  fits, converts, runs  in tflite-micro  same class  on the NPU  share kept")
    for name, tally in tallies.items():
        _print(name, tally)
    failed = [line for tally in tallies.values() for line in tally.wrong]
    good = count - len(failed)
    met = "met" if not failed else "NOT met"
    print(f"{good} of {count} winners are what they should be: {met}; {(time.monotonic() - began) / count:.1f} s each")
    for line in failed:
        print(f"  {line}")


def _search(target: Target, seed: int, tally: Tally) -> None:
    rng = Random(f"{target.name}-{seed}")
    space = target.search_space if target.search_space == "pooled" or rng.random() < 0.7 else "IDW_fixfc"
    with tempfile.TemporaryDirectory() as folder:
        tally.searches += 1
        try:
            found = zennas.search(
                target=target.name,
                search_space=space,
                resolution=rng.choice(SIZES),
                in_channels=rng.choice((1, 3)),
                num_classes=rng.choice((2, 10)),
                proxy="zen_expected",
                confirmation="none",
                iterations=SLOW_ITERATIONS if space == "pooled" else ITERATIONS,
                strategy_options={"population_size": 32},
                max_layers=LAYERS,
                seed=seed,
                save_dir=Path(folder) / "run",
                **EXTRA.get(target.name, {}),
            )
            tally.tried += found.counts["tried"]
            tally.ruled_out += found.counts["rejected"].get("rules", 0)
            _check(target, found, Path(folder), tally)
        except (ZennasError, AssertionError) as error:
            tally.wrong.append(f"{target.name}, {space}, seed {seed}: {' '.join(str(error).split())[:200]}")


def _check(target: Target, found: SearchResult, folder: Path, tally: Tally) -> None:
    """Raises AssertionError or a ZennasError if the winner is not what it should be."""
    assert found.fit is not None
    assert not found.fit.broken, str(found.fit)
    made = zennas.export(
        found.folder,
        LITERT,
        out=folder / "n.tflite",
        untrained=True,
        calibration_images=CALIBRATION,
        memory_plan="offline",
    )
    micro = made.sidecar["microcontroller"]
    if micro is not None:
        tally.ran_micro += 1
        tally.images += micro["images"]
        tally.same += micro["same_class"]
    if target.export.format != LITERT:
        zennas.export(found.folder, out=folder / "n.onnx", target=target.name, untrained=True)
    compiler = None if target.latency is None else compiler_of(target.latency)
    if compiler is not None and Vela().available() is None:
        estimate = compiled(made.path.read_bytes(), compiler.configuration)
        assert not estimate.elsewhere, f"not on the NPU: {', '.join(estimate.elsewhere)}"
        tally.cycles.append(estimate.cycles)


def _print(name: str, tally: Tally) -> None:
    good = tally.searches - len(tally.wrong)
    micro = str(tally.ran_micro) if tally.ran_micro else "–"
    same = f"{100 * tally.same / tally.images:.0f} %" if tally.images else "–"
    npu = f"all of {len(tally.cycles)}" if tally.cycles else "–"
    kept = 100 * (1 - tally.ruled_out / max(tally.tried, 1))
    print(f"{name:16} {tally.searches:8}  {good:20}  {micro:>15}  {same:>10}  {npu:>10}  {kept:8.1f} %")


if __name__ == "__main__":
    main()
