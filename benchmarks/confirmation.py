"""Confirming the best of a search: seconds of the search, of a race and of all repetitions, and whether they agree.

python -m benchmarks.confirmation [--seeds 20] [--races 24] [--full 24] [RECIPE…]

Seconds are those of the processor, so that other work on the machine hardly changes them; with OMP_NUM_THREADS=1 and
nothing else to do, they are those of a clock. The search runs on one thread in any case.

Every finalist is evaluated `--races` times at the batch size of a race and `--full` times at that of the settings, and
each of the seeds takes its rounds from these at random, without replacement: 20 confirmations of their own would take
hours. A confirmation takes its evaluations times their mean seconds. With `--full 0`, only one race is run.

The winner of a race is compared with that of all its rounds, and with those of the full confirmation, with other seeds
and batches: by the rule of the race, where the search's order decides between candidates that are not told apart, and
by the highest mean, where two full confirmations show how often it agrees with itself. What a winner is worth is
its mean over evaluations that did not choose it: those at the other of the two batch sizes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from benchmarks.common import print_machine
from PlainNet import Structure
from zennas.common.config import read_config
from zennas.common.settings import from_values
from zennas.runs.store import Store
from zennas.searching import runner
from zennas.searching.choosing.confirming import round_seed
from zennas.searching.choosing.racing import Raced, half_width, noise_of, race
from zennas.searching.result import read_result
from zennas.searching.scoring import confirmation_batch, confirmer
from zennas.searching.settings import SearchSettings
from ZeroShotProxy import ProxyInfo, score

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
Values = dict[int, list[float]]
"""The scores of each finalist, by its place in the search's order."""


@dataclass(frozen=True)
class Measured:
    """Evaluations of all finalists at one batch size. seconds: of one, on average."""

    batch: int
    values: Values
    seconds: float

    @property
    def spread(self) -> float:
        """The standard deviation of a single evaluation."""
        return statistics.fmean(map(statistics.stdev, self.values.values()))


def searches() -> list[str]:
    """The recipes whose best are confirmed."""
    found = [(path.stem, settings_of(path.stem)) for path in RECIPES.glob("*NAS*.toml")]
    return sorted(name for name, settings in found if confirmer(settings) is not None)


def settings_of(name: str) -> SearchSettings:
    values = read_config(RECIPES / f"{name}.toml", SearchSettings)
    return replace(from_values(SearchSettings, values), device="cpu")


def finalists(settings: SearchSettings) -> tuple[list[Structure], float]:
    """Return the best candidates of a search that does not confirm them, and its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "run"
        began = time.process_time()
        runner.start(place, replace(settings, confirmation="none"))
        took = time.process_time() - began
        result = read_result(place)
        with Store.read(place) as store:
            kept = [candidate for candidate in store.candidates() if candidate.status == "member"]
    kept.sort(key=lambda candidate: (-candidate.measures["zen_expected"].value, candidate.id))
    assert result.best is not None
    assert kept[0].id == result.best.id
    return [candidate.structure for candidate in kept[: settings.top]], took


def evaluation(
    structure: Structure, settings: SearchSettings, info: ProxyInfo, batch: int, seed: int
) -> tuple[float, float]:
    """Return the score of one evaluation, and its seconds."""
    chosen = replace(settings.scoring(), batch_size=batch, repeats=1, seed=seed)
    began = time.process_time()
    value = score(structure, [info.name], chosen)[info.name].value
    return value, time.process_time() - began


def measured(
    structures: list[Structure], settings: SearchSettings, info: ProxyInfo, batch: int, count: int, paired: bool
) -> Measured:
    """Evaluate every finalist `count` times. paired: whether they have the same seeds, as in a race."""
    values: Values = {place: [] for place in range(len(structures))}
    took = 0.0
    for i in range(count):
        for place, structure in enumerate(structures):
            value, seconds = evaluation(structure, settings, info, batch, round_seed(0 if paired else place + 1, i))
            values[place].append(value)
            took += seconds
    return Measured(batch, values, took / (count * len(structures)))


def once(name: str, structures: list[Structure], took: float, settings: SearchSettings, info: ProxyInfo) -> None:
    """Print what one race costs, with the seeds of the search."""
    batch, seconds = confirmation_batch(settings, info), list[float]()

    def evaluate(place: int, i: int) -> float:
        value, one = evaluation(structures[place], settings, info, batch, round_seed(settings.seed, i))
        seconds.append(one)
        return value

    found = race(range(len(structures)), evaluate, settings.repeats, settings.confirmation_difference)
    print(
        f"{name}: search {took:.1f} s; racing {sum(seconds):.1f} s = {sum(seconds) / took:.2f} searches (one race of "
        f"{found.evaluations} evaluations, {statistics.fmean(seconds):.3f} s each at batch {batch}); {found.stopped}; "
        f"the winner is number {found.order[0] + 1} of the search's order, {found.left} are not told apart",
        flush=True,
    )


def raced(values: Values, rounds: list[int], difference: float) -> Raced:
    return race(list(values), lambda place, i: values[place][rounds[i]], len(rounds), difference)


def ruled(values: Values, rounds: list[int]) -> int:
    """The winner of all rounds, without an early end: the first that they do not put behind the leader."""
    chosen = {place: [found[i] for i in rounds] for place, found in values.items()}
    means = {place: statistics.fmean(found) for place, found in chosen.items()}
    sure = half_width(*noise_of(chosen), len(rounds), len(values), len(rounds))
    return next(place for place, mean in means.items() if max(means.values()) - mean <= sure)


def highest(values: Values, rounds: list[int]) -> int:
    return max(values, key=lambda place: statistics.fmean(values[place][i] for i in rounds))


def show(name: str, seeds: int, races: int, full: int) -> None:
    settings = settings_of(name)
    info = confirmer(settings)
    assert info is not None
    structures, took = finalists(settings)
    if not full:
        once(name, structures, took, settings, info)
        return
    fast = measured(structures, settings, info, confirmation_batch(settings, info), races, paired=True)
    repeats, rng = settings.repeats, Random(0)
    drawn = [rng.sample(range(races), repeats) for _ in range(seeds)]
    won = [raced(fast.values, rounds, settings.confirmation_difference) for rounds in drawn]
    ours = [one.order[0] for one in won]

    def same(a: list[int], b: list[int]) -> str:
        return f"{sum(x == y for x, y in zip(a, b, strict=True))} of {seeds}"

    counts = [one.evaluations for one in won]
    seconds = statistics.fmean(counts) * fast.seconds
    print(
        f"{name}: search {took:.1f} s; racing {seconds:.1f} s = {seconds / took:.2f} searches ({min(counts)} to "
        f"{max(counts)} evaluations, {statistics.fmean(counts):.1f} on average, {fast.seconds:.3f} s each at batch "
        f"{fast.batch}, standard deviation {fast.spread:.3f})",
        flush=True,
    )
    whole = [ruled(fast.values, rounds) for rounds in drawn]
    print(
        f"  the same winner as the race: all rounds with its seeds, {same(ours, whole)}; the search's best, "
        f"{same(ours, [0] * seeds)}"
    )
    slow = measured(structures, settings, info, settings.batch_size, full, paired=False)
    every = repeats * len(structures)
    print(
        f"  full {every * slow.seconds:.1f} s = {every * slow.seconds / took:.2f} searches ({every} evaluations, "
        f"{slow.seconds:.3f} s each at batch {slow.batch}, standard deviation {slow.spread:.3f})"
    )
    others = [rng.sample(range(full), repeats) for _ in range(seeds)]
    means = [highest(slow.values, rounds) for rounds in others]
    by_rule = [ruled(slow.values, rounds) for rounds in others]
    again = [highest(slow.values, rng.sample(range(full), repeats)) for _ in range(seeds)]
    print(
        f"  with other seeds: the rule of the race on all repetitions, {same(ours, by_rule)}; their highest mean, "
        f"{same(ours, means)}; two such means of different seeds agree in {same(means, again)}"
    )
    gains = {
        "race": gain(ours, slow),
        "the rule on all": gain(by_rule, fast),
        "highest mean": gain(means, fast),
    }
    print(
        "  the winner's mean less that of the search's best, on average, by evaluations that did not choose it: "
        + ", ".join(f"{way} {value:+.3f}" for way, value in gains.items()),
        flush=True,
    )


def gain(winners: list[int], by: Measured) -> float:
    """How much higher the means of the winners are than that of the search's best, on average."""
    worth = {place: statistics.fmean(found) for place, found in by.values.items()}
    return statistics.fmean(worth[place] - worth[0] for place in winners)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help="names in recipes/; default: all confirmed ones")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--races", type=int, default=24, help="evaluations of each finalist at the batch of a race")
    parser.add_argument("--full", type=int, default=24, help="evaluations of each at the batch of the settings")
    parser.add_argument("--quick", action="store_true", help="10 evaluations of each instead of 24")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.races, chosen.full = min(chosen.races, 10), min(chosen.full, 10)
    print_machine()
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    print(f"OMP_NUM_THREADS: {threads}, load average {os.getloadavg()[0]:.1f} before the run")
    for name in chosen.recipes or searches():
        show(name, chosen.seeds, chosen.races, chosen.full)
    print(f"load average {os.getloadavg()[0]:.1f} after the run")


if __name__ == "__main__":
    main()
