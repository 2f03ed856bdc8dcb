"""The table of our own: small networks of the spaces that this project searches, each trained in the same short way.

    python -m benchmarks.own_table choose          choose the networks, and write their list
    python -m benchmarks.own_table add PROXY [N]   add what searches find with another proxy, or with its Nth form
    python -m benchmarks.own_table pick PROXY [N]  add its picks within parameters, FLOPs and latency as well
    python -m benchmarks.own_table train [COUNT]   train those that have no result yet, one process each, two at once
    python -m benchmarks.own_table confirm         train picks and the best made by hand beside them, with three seeds
    python -m benchmarks.own_table ship            write the table that comes with the package, and its card
    python -m benchmarks.own_table                 print what the table says so far

Training can be killed at any time and continued; each result is one line of results/own_table_trained.csv. The images
are CIFAR-10's JPEG archives in ../shared/data, or in the folder NB201_DATA.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks._nb201 import data_or_leave
from benchmarks._own_table import picks
from benchmarks._own_table.judging import judge
from benchmarks._own_table.results import TRAINED, Result, by_structure, deviation, results
from benchmarks._own_table.shipping import ship
from benchmarks._own_table.structures import Entry, choose, read_list, winners, write_list
from PlainNet import cost, parse

COLUMNS = ("structure", "seed", "rate", "accuracy", "loss", "cpu_seconds")
ACTIVATIONS = 600_000
"""Networks with more activations take a quarter of an hour each, and are left out."""
REPEATED = 21
"""So many networks of the list, spread evenly, are trained with three seeds."""

AT_ONCE = 2
"""Processes that train at the same time, each with one thread."""


def in_turn(entries: list[Entry]) -> list[Entry]:
    """Return the networks of each kind in turn, the quickest first, so that a part of the table is already a table."""
    kinds: dict[str, list[Entry]] = {}
    for entry in entries:
        kind = entry.origin.split(",")[0] if entry.group == "winner" else entry.group
        kinds.setdefault(kind, []).append(entry)
    for kind in kinds.values():
        kind.sort(key=_effort)
    longest = max(map(len, kinds.values()))
    return [kind[i] for i in range(longest) for kind in kinds.values() if i < len(kind)]


def _effort(entry: Entry) -> float:
    """Roughly the seconds of a training: memory is as slow as computation."""
    found = cost(parse(entry.structure))
    return found.flops / 4e5 + found.activations / 2e3


def jobs(entries: list[Entry]) -> list[tuple[str, int]]:
    """Return the trainings that are left, as structure and seed: every network once, then some again."""
    trained = done(results())
    entries = in_turn([entry for entry in entries if entry.group != picks.GROUP])
    wanted = [(entry.structure, 0) for entry in entries if cost(parse(entry.structure)).activations <= ACTIVATIONS]
    repeated = wanted[:: max(1, len(wanted) // REPEATED)]
    wanted += [(structure, seed) for seed in (1, 2) for structure, _ in repeated]
    return [job for job in wanted if job not in trained]


def train(wanted: list[tuple[str, int]]) -> None:
    def run(job: tuple[str, int]) -> None:
        structure, seed = job
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.own_table", "one", structure, str(seed)]
        subprocess.run(command, check=True)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(run, wanted))


def confirm() -> None:
    """Train what comparisons with the best made by hand need. It may be another one after the first seed."""
    entries = read_list()
    while left := [job for job in picks.wanted(entries, results()) if job not in done(results())]:
        train(left)


def extend(found: Iterable[Entry]) -> None:
    """Add networks to the list that it does not have."""
    known = read_list()
    have = {(entry.structure, entry.group == picks.GROUP) for entry in known}
    write_list([*known, *(one for one in found if (one.structure, one.group == picks.GROUP) not in have)])


def named(proxy: str, form: list[str]) -> str:
    """Return what the table calls a proxy, or its Nth form."""
    return f"{proxy} ({form[0]})" if form else proxy


def done(found: Iterable[Result]) -> set[tuple[str, int]]:
    return {(result.structure, result.seed) for result in found}


def one(structure: str, seed: int) -> None:
    """Train one network and append its result."""
    import torch

    from benchmarks._own_table.training import read_images, train_once

    torch.set_num_threads(1)
    train_images, test_images = map(read_images, data_or_leave("cifar10_jpeg_train.npz", "cifar10_jpeg_test.npz"))
    found = train_once(structure, train_images, test_images, seed)
    new = not TRAINED.is_file()
    with TRAINED.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        row = (structure, seed, found.rate, f"{found.accuracy:.2f}", f"{found.loss:.4f}", f"{found.seconds:.0f}")
        writer.writerow(row)
    print(f"{found.accuracy:.2f} % at {found.rate} in {found.seconds:.0f} s: {structure}", flush=True)


def report() -> None:
    known = read_list()
    entries = {entry.structure: entry for entry in known if entry.group != picks.GROUP}
    found = results()
    seeds = by_structure(found)
    trained, left = entries.keys() & seeds.keys(), jobs(list(entries.values()))
    print(f"{len(trained)} of {len(entries)} networks trained, {len(left)} trainings left")
    noise, repeated = deviation(found)
    if repeated:
        print(f"standard deviation between seeds {noise:.2f} points ({repeated} networks)")
    for group in ("hand", "random", "winner"):
        accuracies = [np.mean(v) for s, v in seeds.items() if s in entries and entries[s].group == group]
        if accuracies:
            low, middle, high = np.quantile(accuracies, [0, 0.5, 1])
            print(f"{group:7} {len(accuracies):3} networks, accuracy {low:.1f} to {high:.1f} %, median {middle:.1f} %")
    judge(list(entries.values()), {structure: float(np.mean(values)) for structure, values in seeds.items()})
    picks.compare(known, found)


def main() -> None:
    match sys.argv[1:]:
        case ["choose"]:
            write_list(choose())
        case ["add", proxy, *form]:
            extend(winners({named(proxy, form): proxy}))
        case ["pick", proxy, *form]:
            extend(picks.picks(named(proxy, form), proxy))
        case ["train", *count]:
            train(jobs(read_list())[: int(count[0]) if count else None])
        case ["confirm"]:
            confirm()
        case ["ship"]:
            ship(read_list(), results())
        case ["one", structure, seed]:
            one(structure, int(seed))
        case _:
            report()


if __name__ == "__main__":
    main()
