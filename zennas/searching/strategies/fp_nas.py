"""FP-NAS: the strategy's options; the algorithm is in `searching/policies/fp_nas.py`."""

from __future__ import annotations

from dataclasses import dataclass

from zennas.common.settings import setting
from zennas.searching.policies.options import PolicyOptions
from zennas.searching.strategies.base import Problem, Search, Strategy, register


@dataclass(frozen=True)
class FpNasOptions(PolicyOptions):
    """Options of FP-NAS. Neither paper's numbers apply to training-free indicators; the defaults are this project's."""

    samples_per_nat: float = setting(
        1.0, "Samples of a step for each nat of the policy's entropy; at least 2.", above=0, most=1000
    )
    learning_rate: float = setting(0.1, "Learning rate of Adam.", above=0, most=10)
    least_entropy: float = setting(0.1, "Entropy in nats below which the search ends.", least=0)


def make(problem: Problem, options: FpNasOptions) -> Search:
    """Return the search for a problem."""
    from zennas.searching.policies.fp_nas import FpNas  # imports numpy

    return FpNas(problem, options)


register(
    Strategy(
        "fp_nas",
        "a policy learns from as many samples a step as it is uncertain (after FP-NAS's description)",
        "after the description of Yan et al., FP-NAS, CVPR 2021, and of Chen et al., TEG-NAS, 2021",
        FpNasOptions,
        make,
        extensible=True,
        draws=True,
        moves=True,
        repeats=True,
    )
)
