"""Options that all strategies with a policy share."""

from __future__ import annotations

from dataclasses import dataclass

from SearchSpace import walks
from zennas.common.errors import WrongSettingError
from zennas.common.settings import check, setting


@dataclass(frozen=True)
class PolicyOptions:
    """How a policy is warmed up, and how it sees an open space. A strategy inherits them, and adds its own."""

    warm_up_certainty: float = setting(
        0.5,
        "Share of its entropy that the policy may lose in a warm-up, which then ends early: a policy that follows a "
        "cheap score to the end learns nothing from trained networks. 1: never.",
        least=0,
        most=1,
    )
    walk_steps: int = setting(walks.STEPS, "Steps of the walks in spaces that are not a list of decisions.", least=1)
    walk_mutations: int = setting(walks.MUTATIONS, "Mutations that each step of a walk chooses from.", least=1)

    def __post_init__(self) -> None:
        check(self, WrongSettingError)
