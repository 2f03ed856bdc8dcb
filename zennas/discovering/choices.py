"""The settings of a search for programs. This file does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zennas.common.errors import WrongSettingError
from zennas.common.settings import check, setting
from zennas.common.settings_text import restored, to_json
from ZeroShotProxy.programs.running import ToScalar

MOST_NODES = 800
"""Texts of programs with so many nodes are still shorter than `tree.LONGEST`."""

MOST_INSTRUCTIONS = 200
"""Texts of so many instructions are still shorter than `tree.LONGEST`."""


@dataclass(frozen=True)
class EvolutionSettings:
    """Settings of a search for programs. Defaults are those of EZNAS (Akhauri et al., NeurIPS 2022) where it has them.

    The same settings and tasks give the same programs, also after a resume.

    Raises WrongSettingError if a setting is not valid.
    """

    population: int = setting(50, "Number of programs in the first generation, as in EZNAS.", least=2)
    generations: int = setting(15, "Number of generations with the first, as in EZNAS.", least=1)
    tournament: int = setting(4, "Programs that are drawn; the best is selected. As in EZNAS.", least=1)
    mu: int = setting(25, "Number of tournaments, whose winners are the parents, as in EZNAS.", least=2)
    offspring: int = setting(50, "Number of programs in each later generation, half of them new, as in EZNAS.", least=2)
    crossover: float = setting(0.4, "Share of children from two parents, as in EZNAS.", least=0, most=1)
    mutation: float = setting(
        0.4, "Share of children with a new subtree, as in EZNAS; the other children are copies.", least=0, most=1
    )
    shallowest: int = setting(2, "Smallest depth of a program, as in EZNAS.", least=1, most=10)
    deepest: int = setting(10, "Largest depth of a program, as in EZNAS.", least=1, most=20)
    nodes: int = setting(200, "Largest number of nodes of a program.", least=1, most=MOST_NODES)
    subset: int = setting(
        20, "Networks of each task that a generation is evaluated on, drawn anew for each. As in EZNAS.", least=2
    )
    tries: int = setting(50, "How often a program that is not valid is replaced by a new one.", least=0)
    parsimony: float | None = setting(
        None,
        "What each node of a program takes from its fitness in tournaments, where the smaller of equal programs wins.",
        least=0,
        shown="sizes do not count",
    )
    select: str = setting(
        "tournament",
        "How parents are chosen: by tournaments, as in EZNAS, or by NSGA-II for a high tau and a low cost.",
        choices=("tournament", "nsga2"),
    )
    sizes: bool = setting(
        True, "Programs may rank networks by nothing but their sizes. Without it, such programs are not valid."
    )
    form: str = setting(
        "tree",
        "What programs are while they evolve: expression trees, or instructions on addresses, one after the other.",
        choices=("tree", "sequential"),
    )
    instructions: int = setting(
        20, "Largest number of instructions of a sequential program.", least=1, most=MOST_INSTRUCTIONS
    )
    to_scalar: str = setting(
        "mean",
        "How a result on a unit becomes a number: by its mean, as in EZNAS, its sum, or L2 norm.",
        choices=("mean", "sum", "l2"),
    )
    candidates: int = setting(
        100,
        "How many of the best of the last generation, and of all, are ranked again on all networks of the tasks; the "
        "best of these are compared. 0: those with the best fitness are.",
        least=0,
    )
    finals: int = setting(
        10, "How many of the best of the last generation, and of all, are compared on other networks.", least=1
    )
    resamples: int = setting(1000, "Number of bootstrap resamples for the intervals.", least=2)
    seed: int = setting(0, "Seed of all randomness.", least=0)

    def __post_init__(self) -> None:
        check(self, WrongSettingError)
        if self.crossover + self.mutation > 1:
            raise WrongSettingError(
                f"crossover {self.crossover:g} and mutation {self.mutation:g} are more than 1 together"
            )
        if self.shallowest > self.deepest:
            raise WrongSettingError(f"shallowest is {self.shallowest}, expected at most {self.deepest}, the deepest")
        if self.form == "sequential" and self.instructions < self.shallowest:
            raise WrongSettingError(
                f"instructions is {self.instructions}, expected at least the smallest depth {self.shallowest}"
            )
        if self.form == "tree" and self.instructions != EvolutionSettings.instructions:
            raise WrongSettingError(
                f"instructions is {self.instructions}, but trees have none: leave it out, or choose the form sequential"
            )
        if self.select == "nsga2" and self.parsimony is not None:
            raise WrongSettingError(
                f"parsimony is {self.parsimony:g}, but NSGA-II weighs costs, not nodes: leave it out, or select by "
                "tournament"
            )
        if self.nodes <= self.shallowest:
            raise WrongSettingError(f"nodes is {self.nodes}, expected more than the smallest depth {self.shallowest}")

    @property
    def scalar(self) -> ToScalar:
        """`to_scalar`, which has been checked."""
        return "l2" if self.to_scalar == "l2" else "sum" if self.to_scalar == "sum" else "mean"

    def to_json(self) -> dict[str, Any]:
        return to_json(self)

    @classmethod
    def from_json(cls, stored: Any) -> EvolutionSettings:
        """Return the settings that a run has stored. Raises SettingsError if another version wrote them."""
        return restored(cls, stored)
