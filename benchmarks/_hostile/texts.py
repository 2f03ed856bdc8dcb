"""Structures, tables, settings, profiles and the index of the zoo, as files that somebody damaged."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from random import Random

from benchmarks._hostile.cases import Case, mangled, replaced
from benchmarks.common import published
from benchmarks.malformed import mutilate
from latency.api import predict
from PlainNet import cost, parse
from SearchSpace import load_space
from zennas.accuracy.tables import read
from zennas.budget.budgets import Budget
from zennas.common.config import config_text, read_config
from zennas.correlation.settings import CorrelateSettings
from zennas.searching.settings import SearchSettings
from zennas.training.job import RunOptions, TrainingJob

CELL = "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|"
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


def structures(rng: Random, folder: Path) -> Iterator[Case]:
    seeds = [str(structure) for structure in published().values()]
    for number in range(300):
        text = rng.choice(seeds)
        for _ in range(rng.randint(1, 3)):
            text = mutilate(text, rng)[:200_000]
        yield Case(f"structure {number}", lambda text=text: cost(parse(text), resolution=32, num_classes=10))


def cells(rng: Random, folder: Path) -> Iterator[Case]:
    space = load_space("nasbench201")
    for number in range(100):
        text = CELL.format(*(rng.choice(OPERATIONS) for _ in range(6)))
        broken = mangled(text.encode(), rng).decode("utf-8", "replace")
        yield Case(f"cell {number}", lambda text=broken: space.read(text))  # type: ignore[attr-defined]


def tables(rng: Random, folder: Path) -> Iterator[Case]:
    rows = [CELL.format(*(rng.choice(OPERATIONS) for _ in range(6))) for _ in range(20)]
    text = "arch,cifar10_test_200,params\n" + "".join(f"{row},{90 + i / 10},{1000 * i}\n" for i, row in enumerate(rows))
    for number in range(200):
        path = folder / f"table{number}.csv"
        path.write_bytes(mangled(text.encode(), rng))
        yield Case(f"table {number}", lambda path=path: read(path))


def configs(rng: Random, folder: Path) -> Iterator[Case]:
    kinds = {
        "search": (config_text(SearchSettings(budget=Budget(params=1000))), (SearchSettings,)),
        "correlate": (config_text(CorrelateSettings(table="t.csv")), (CorrelateSettings,)),
        "train": (config_text(RunOptions()) + "\n[recipe]\nepochs = 3\nlr = 0.1\n", (TrainingJob, RunOptions)),
    }
    for number in range(150):
        text, of = kinds[rng.choice(sorted(kinds))]
        path = folder / f"config{number}.toml"
        path.write_bytes(mangled(text.encode(), rng))
        yield Case(f"config {number}", lambda path=path, of=of: read_config(path, *of))


def profiles(rng: Random, folder: Path) -> Iterator[Case]:
    network = str(next(iter(published().values())))
    files = sorted((Path(__file__).resolve().parents[2] / "latency/profiles").glob("*.json"))
    contents = [json.loads(path.read_text()) for path in files]
    for number in range(200):
        path = folder / f"profile{number}.json"
        path.write_text(json.dumps(replaced(rng.choice(contents), rng)))

        def run(path: Path = path) -> None:
            found = predict(network, profile=path)
            assert math.isfinite(found), f"predicts {found} ms"
            assert found > 0, f"predicts {found} ms"

        yield Case(f"profile {number}", run)
