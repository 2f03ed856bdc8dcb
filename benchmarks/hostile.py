"""Some 3,000 hostile files, names, tables, networks and command lines: each is read, or refused in one clear line.

Searches and trainings that are killed and continued end like others. Arguments choose areas.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from benchmarks._hostile import commands, images, kills, networks, runs, texts, weights
from benchmarks._hostile.cases import Case, outcome
from benchmarks.common import print_machine

AREAS: dict[str, Callable[[Random, Path], Iterator[Case]]] = {
    "structures": texts.structures,
    "cells": texts.cells,
    "tables of accuracies": texts.tables,
    "files of settings": texts.configs,
    "latency profiles": texts.profiles,
    "databases of runs": runs.databases,
    "files of runs": runs.files,
    "cards of trainings": runs.cards,
    "names": runs.names,
    "image folders": images.folders,
    "image archives": images.archives,
    "checkpoints": weights.checkpoints,
    "networks and batches": networks.measures,
    "command lines": commands.lines,
    "kills": kills.kills,
}


def main() -> None:
    print_machine()
    warnings.simplefilter("ignore")
    chosen = sys.argv[1:] or list(AREAS)
    tried, wrong = 0, []
    began = time.perf_counter()
    for number, name in enumerate(AREAS):
        if name not in chosen:
            continue
        found: Counter[str] = Counter()
        with tempfile.TemporaryDirectory() as folder:
            for case in AREAS[name](Random(number), Path(folder)):
                said = outcome(case)
                found[said if said in ("accepted", "refused") else "wrong"] += 1
                if said not in ("accepted", "refused"):
                    wrong.append(said)
        tried += sum(found.values())
        counts = f"{found['accepted']:,} accepted, {found['refused']:,} refused, {found['wrong']:,} wrong"
        print(f"{name:22} {sum(found.values()):5,} tried: {counts}", flush=True)
    for said in wrong:
        print(f"  {said}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{tried:,} inputs, {len(wrong)} wrong; {time.perf_counter() - began:.0f} s, {memory:,.0f} MB")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
