"""REINFORCE, a policy gradient: the strategy's options; the algorithm is in `searching/policies/reinforce.py`."""

from __future__ import annotations

from dataclasses import dataclass

from zennas.common.settings import setting
from zennas.searching.policies.options import PolicyOptions
from zennas.searching.strategies.base import Problem, Search, Strategy, register


@dataclass(frozen=True)
class ReinforceOptions(PolicyOptions):
    """Options of REINFORCE."""

    learning_rate: float = setting(
        0.04,
        "Learning rate of Adam (TEG-NAS: 0.04 in NAS-Bench-201, 0.07 in DARTS; NATS-Bench: 0.01).",
        above=0,
        most=10,
    )
    baseline: float = setting(
        0.9, "Decay of the moving average of the rewards, as in NAS-Bench-201.", least=0, most=0.999
    )
    entropy_bonus: float = setting(
        0.0, "Weight of the policy's entropy in nats, which keeps it exploring.", least=0, most=1000
    )
    reward: str | None = setting(
        None,
        "value (a hundredth of the value: accuracies as shares), rank (in the history) or difference (of the "
        "indicators from the candidate before, as in TEG-NAS).",
        choices=("value", "rank", "difference"),
        shown="value for accuracies, difference for several indicators, otherwise rank",
    )


def make(problem: Problem, options: ReinforceOptions) -> Search:
    """Return the search for a problem. Raises WrongSettingError if the objective has no such reward."""
    from zennas.searching.policies.reinforce import Reinforce  # imports numpy

    return Reinforce(problem, options)


register(
    Strategy(
        "reinforce",
        "a policy learns which options of each decision are good (REINFORCE)",
        "Williams, 1992, with the policy of Dong and Yang, NAS-Bench-201, ICLR 2020",
        ReinforceOptions,
        make,
        extensible=True,
        draws=True,
        moves=True,
        repeats=True,
    )
)
