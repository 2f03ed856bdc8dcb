"""Trainability, expressivity and generalisation together, as TEG-NAS ranks them: `teg[:IMAGES]`.

Each candidate has three measures (`ZeroShotProxy/teg/`). What it is worth is the sum of its three ranks among other
candidates, so no candidate has such a number by itself, and none is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING

from PlainNet import Structure, parse
from SearchSpace import load_space
from zennas.runs.candidate import Candidate, Measure, Missing
from zennas.searching.objectives.base import ObjectiveKind, register
from zennas.searching.settings import SearchSettings
from zennas.searching.teg_images import TegImaging, drawn, imaging_of
from ZeroShotProxy.teg.supernets import architecture_of

if TYPE_CHECKING:
    from ZeroShotProxy.teg.evaluator import Evaluator

NAME = "teg"
SIGNS = {"teg_trainability": -1, "teg_expressivity": 1, "teg_generalisation": -1}
"""The measures, as they are published, and what makes higher better."""


class Teg:
    """The ranks of a network by trainability, expressivity and generalisation, added."""

    name, relative, torch = NAME, True, True
    measures = tuple(SIGNS)

    def __init__(self, settings: SearchSettings) -> None:
        architecture_of(load_space(settings.search_space).initial())  # raises if the space has no supernet
        self._settings = settings
        self._imaging = imaging_of(settings)

    def measure(self, candidate: Candidate) -> dict[str, Measure | Missing]:
        from ZeroShotProxy.teg.kernels import NoValue

        found = _evaluator(self._imaging, self._settings.device)(candidate.structure)
        return {
            name: Missing(one.reason) if isinstance(one, NoValue) else Measure(one)
            for name, one in zip(SIGNS, found, strict=True)
        }

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        """Return minus the sum of each candidate's ranks among these. The best has rank 1; ties share their mean rank,
        and so do those without a score, which are behind all others."""
        import numpy as np
        from scipy.stats import rankdata  # takes long to import

        if not candidates:
            return []
        ranks = rankdata(-np.array(self.indicators(candidates)), axis=0)
        return [float(value) for value in -ranks.sum(1)]

    def indicators(self, candidates: Sequence[Candidate]) -> list[tuple[float, ...]]:
        """Return the three scores, higher is better; minus infinity where there is none."""
        return [
            tuple(
                sign * candidate.measures[name].value if name in candidate.measures else -inf
                for name, sign in SIGNS.items()
            )
            for candidate in candidates
        ]


def is_teg(objective: str) -> bool:
    """Return whether the objective of a search is this one, so that a candidate has no value of its own."""
    return objective.partition(":")[0].casefold() == NAME


@lru_cache(maxsize=2)
def _evaluator(imaging: TegImaging, device: str) -> Evaluator:
    """One for each process, as it keeps what it has evaluated."""
    from PlainNet.device import device_of
    from ZeroShotProxy.teg.evaluator import Evaluator

    return Evaluator(drawn(imaging), seed=imaging.seed, networks=imaging.options.networks, device=device_of(device))


def complete(settings: SearchSettings) -> SearchSettings:
    """Return settings that name the images so that they are found from any folder, and all options."""
    return replace(settings, objective=f"{NAME}:{imaging_of(settings)}")


def digest(settings: SearchSettings) -> str:
    """Return a digest of the images, as a run that is continued must use the same."""
    return drawn(imaging_of(settings)).digest


def _example(settings: SearchSettings) -> tuple[SearchSettings, list[Structure]]:
    chosen = replace(
        settings,
        objective=f"{NAME}:noise,images=6,networks=1,crops=20,seed=0",
        search_space="nasbench201",
        resolution=8,
    )
    cells = ("3,2,4,1,0,3", "3,0,1,2,3,3", "2,2,3,0,0,0", "0,0,0,0,0,0", "4,3,1,3,2,1", "1,3,3,0,2,4")
    return chosen, [parse(f"ConvKX(3,4,3,1)BN(4)NB201Cell(4,{edges})BN(4)RELU(4)") for edges in cells]


register(
    ObjectiveKind(
        NAME,
        "ranks by trainability, expressivity and generalisation without training, added (TEG-NAS)",
        Teg,
        _example,
        complete,
        digest,
    )
)
