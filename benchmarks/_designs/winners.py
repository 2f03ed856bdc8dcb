"""The winners of searches under the budgets of this page, kept in a file so that they can be looked at again."""

from __future__ import annotations

import csv
import fcntl
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from benchmarks._designs.budgets import CASES, Case, Space
from PlainNet import Structure, parse
from zennas.api import search

FILE = Path(__file__).with_name("winners.csv")
SEEDS = range(5)
ITERATIONS = 24_000
"""Structures that a search tries, a twentieth of Zen-NAS's."""
OPTIONS = {"population_size": 256, "children": 1}
"""Half of Zen-NAS's population, for fewer structures. One at a time for both scores, so that the search is the same."""

LONG, TIMES = ":long", 10
"""What the names of scores end with whose searches are so many times as long, with twice the population and many
children at once. `units` makes none at once, and has no such search."""
BEFORE = ":before", ":10k", ":100k"
"""What the names of scores end with whose winners are those of older forms of the score: one without equation 24 of
docs/mean-field.md, and two with it, with S = 10,000 and S = 100,000, and with the square root of γ in equation 22."""


@dataclass(frozen=True)
class Winner:
    """The best network of one search. case, space: names, see `budgets.py`.

    score: the name of what was maximised, which may end with one of `BEFORE` or with `LONG`.
    """

    score: str
    case: str
    space: str
    seed: int
    value: float
    text: str

    @property
    def structure(self) -> Structure:
        """The network."""
        return parse(self.text)

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What the search was: score, case, space and seed."""
        return self.score, self.case, self.space, self.seed


_COLUMNS = tuple(field.name for field in fields(Winner))


def read_winners() -> list[Winner]:
    """Return the winners that were found, ordered by case, space, score and seed."""
    if not FILE.is_file():
        return []
    with FILE.open(newline="") as file:
        found = [
            Winner(row["score"], row["case"], row["space"], int(row["seed"]), float(row["value"]), row["text"])
            for row in csv.DictReader(file)
        ]
    cases = [case.name for case in CASES]
    return sorted(found, key=lambda winner: (cases.index(winner.case), winner.space, winner.score, winner.seed))


def find_winners(scores: tuple[str, ...], at_once: int = 2) -> None:
    """Search for the winners of these scores that are not in the file, and add each as soon as it is found."""
    have = {winner.key for winner in read_winners()}
    left = [job for job in _jobs(scores) if (job[0], job[1].name, job[2].name, job[3]) not in have]
    with ProcessPoolExecutor(at_once) as processes:
        list(processes.map(_find, left))


def _jobs(scores: tuple[str, ...]) -> Iterator[tuple[str, Case, Space, int]]:
    for case in CASES:
        for seed in SEEDS:  # all spaces and scores early, so that a part of the file is already a comparison
            for space in case.spaces:
                for score in scores:
                    if not (score.endswith(LONG) and space.name == "units"):
                        yield score, case, space, seed


def _find(job: tuple[str, Case, Space, int]) -> None:
    score, case, space, seed = job
    proxy, long = score.partition(":")[0], score.endswith(LONG)
    options = {"population_size": 2 * OPTIONS["population_size"]} if long else OPTIONS
    with tempfile.TemporaryDirectory() as folder:
        best = search(
            search_space=space.name,
            proxy=proxy,
            initial=space.initial,
            resolution=case.resolution,
            num_classes=case.num_classes,
            iterations=ITERATIONS * (TIMES if long else 1),
            seed=seed,
            strategy_options=options,
            top=1,  # a search measures so many on this machine, if a profile of it is the budget
            save_dir=Path(folder) / "run",
            **case.limits(space),
        ).best
    value = best.measures[proxy].value
    _add(Winner(score, case.name, space.name, seed, value, str(best.structure)))


def _add(winner: Winner) -> None:
    with FILE.open("a", newline="") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        writer = csv.writer(file, lineterminator="\n")
        if not file.tell():
            writer.writerow(_COLUMNS)
        writer.writerow(astuple(winner))
