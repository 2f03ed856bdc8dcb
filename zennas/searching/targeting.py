"""From a target to the limits and rules of a search, and from rules to the part of a space that obeys them."""

from __future__ import annotations

from dataclasses import replace
from math import lcm

from PlainNet.cost import CostModel
from SearchSpace import SearchSpace
from SearchSpace.superblocks import BASE, SuperBlockSpace
from zennas.budget.obeying import allowed_kinds
from zennas.budget.rules import Rules
from zennas.budget.target import find_target, lasting_target
from zennas.searching.depth import deepest
from zennas.searching.settings import SearchSettings


def with_target(settings: SearchSettings) -> SearchSettings:
    """Return settings whose budget and rules contain those of their target; the same if they have none.

    Of two limits the lower one holds, and of two rules both. The target's space is used unless another one than the
    default is asked for. If the user limits nothing but RAM and latency, depth is limited as well.

    Raises UnknownNameError, ConfigError, or WrongSettingError if rules contradict each other.
    """
    if settings.target is None:
        return settings
    target, asked = find_target(settings.target), settings.budget
    default = settings.search_space == SearchSettings.search_space and settings.initial is None
    limited = replace(
        settings,
        target=lasting_target(settings.target),
        search_space=target.search_space if default else settings.search_space,
        budget=target.within(asked),
        rules=settings.rules & target.rules,
    )
    if asked.limits() or asked.flash or asked.any_depth or not limited.budget:
        return limited
    return replace(limited, budget=replace(limited.budget, layers=deepest(limited)))


def obeying_space(space: SearchSpace, model: CostModel, rules: Rules) -> SearchSpace:
    """Return the part of a space of super-blocks that obeys rules, as far as kinds and widths decide it.

    Other spaces are returned as they are: what breaks a rule there is rejected. That also holds if no kind is left.
    """
    if not rules or not isinstance(space, SuperBlockSpace):
        return space
    kinds = allowed_kinds(space.kinds, model.options, rules)
    if not kinds:
        return space
    base = lcm(BASE, rules.channel_multiple or 1)
    most = space.most if rules.most_channels is None else max(base, min(space.most, rules.most_channels))
    return space.restricted(kinds, base, most)
