"""Small tasks for the tests of searches."""

from __future__ import annotations

from pathlib import Path
from random import Random

from zennas.discovering.choices import EvolutionSettings
from zennas.discovering.collecting import collect
from zennas.discovering.fitness import Task
from zennas.discovering.settings import CollectingSettings
from zennas.discovering.tasks import with_statistics

from .networks import images, networks

STATISTICS = ("weight", "pre_noise", "pre_perturbed", "grad_pre_data")
SMALL = EvolutionSettings(
    population=8, generations=3, mu=4, offspring=8, deepest=4, subset=4, finals=3, resamples=50, seed=5
)


def tasks(folder: Path, count: int = 14) -> tuple[list[Task], list[Task]]:
    """Two tasks with random accuracies, and the same with other networks that are held out."""
    structures = networks(count)
    cache = collect(structures, images(side=8), folder, CollectingSettings(STATISTICS))
    stored = [cache.network(structure) for structure in structures]
    half, rng, found = count // 2, Random(3), []
    for part in (stored[:half], stored[half:]):
        accuracies = [[rng.uniform(50, 95) for _ in part] for _ in range(2)]
        found.append([with_statistics(name, part, one) for name, one in zip("ab", accuracies, strict=True)])
    return found[0], found[1]
