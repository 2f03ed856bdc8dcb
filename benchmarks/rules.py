"""How many children obey rules of operators: of a space as it is, and of its part that the rules leave."""

from __future__ import annotations

from random import Random

from PlainNet.cost import CostModel
from SearchSpace import SearchSpace, load_space
from zennas.budget.obeying import RuleModel
from zennas.budget.rules import Rules
from zennas.searching.targeting import obeying_space

RULES = (Rules(16), Rules(32), Rules(kernels=(3,)), Rules(16, (3, 5)))
SPACES = ("XXBL", "IDW_fixfc", "units")
CHILDREN = 1500
MOST_LAYERS = 25
"""Parents with more sub-layers than this begin again with the initial structure."""


def main() -> None:
    print(f"{'space':10} {'rules':46} space as it is  its part")
    for name in SPACES:
        for rules in RULES:
            space, model = load_space(name), CostModel(32, 10)
            breaks = RuleModel(model, rules)
            before, after = (_kept(one, breaks) for one in (space, obeying_space(space, model, rules)))
            print(f"{name:10} {rules!s:46} {before:12.1f} %  {after:6.1f} %")


def _kept(space: SearchSpace, breaks: RuleModel) -> float:
    """The share, in per cent, of children that obey; a child that obeys is the next parent, as is any of one that does
    not.
    """
    rng, kept = Random(0), 0
    parent = space.initial()
    for _ in range(CHILDREN):
        child = space.mutate(parent, rng, 2)
        obeys = not breaks(child)
        kept += obeys
        if obeys or breaks(parent):
            parent = child
        if sum(block.args[-1] for block in parent.blocks) > MOST_LAYERS:
            parent = space.initial()
    return 100 * kept / CHILDREN


if __name__ == "__main__":
    main()
