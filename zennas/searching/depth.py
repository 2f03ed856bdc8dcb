"""The limit of depth that a search has if only its latency or its RAM is limited.

Depth raises the Zen-score more than it costs time, and costs no RAM, so a search would end at hundreds of layers that
nobody can train.
"""

from __future__ import annotations

from dataclasses import replace

from PlainNet import parse
from PlainNet.cost import count_layers
from SearchSpace import DecisionSpace, load_space
from zennas.budget.budgets import DEFAULT_LAYERS, Budget
from zennas.searching.settings import SearchSettings


def with_depth_limit(settings: SearchSettings) -> SearchSettings:
    """Return the settings of a new search, with a limit of layers if only its latency or RAM is limited.

    The limit is `DEFAULT_LAYERS`, or the depth of the initial structure if that is deeper. Spaces of finitely many
    structures get none, and neither does a budget with `any_depth`.

    Raises UnknownNameError, SearchSpaceError or ParseError if the space or the initial structure is not valid.
    """
    if not _applies(settings.budget):
        return settings
    most = deepest(settings)
    return settings if most is None else replace(settings, budget=replace(settings.budget, layers=most))


def deepest(settings: SearchSettings) -> int | None:
    """Return the limit that `with_depth_limit` sets; None in spaces of finitely many structures. Raises what that
    raises.
    """
    space = load_space(settings.search_space, None if settings.initial is None else parse(settings.initial))
    if isinstance(space, DecisionSpace):
        return None
    return max(DEFAULT_LAYERS, count_layers(space.initial()))


def _applies(budget: Budget) -> bool:
    return bool(budget.latency or budget.ram) and not (budget.limits() or budget.flash or budget.any_depth)
