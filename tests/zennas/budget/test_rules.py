"""Rules of operators: block by block and as arrays they count what the whole network breaks."""

from __future__ import annotations

from random import Random

import pytest

from PlainNet import Options, Structure, lower, parse
from PlainNet.arrays.blocks import Blocks
from PlainNet.arrays.structures import Structures
from PlainNet.cost import CostModel
from PlainNet.deployed.deploy import deploy
from SearchSpace import SPACES, SearchSpace, SpaceArrays, load_space
from zennas.budget.obeying import RuleModel, broken_rules
from zennas.budget.rule_arrays import RuleArrays
from zennas.budget.rules import NO_RULES, OPERATORS, Rules
from zennas.common.errors import WrongSettingError
from zennas.testing.arrays import spaces_with_arrays, walked

MANY = (
    Rules(channel_multiple=16),
    Rules(kernels=(3,), strides=(1,)),
    Rules(se=False, groups=False, most_pooled=12),
    Rules(operators=("CONV_2D", "ADD", "FULLY_CONNECTED"), most_channels=100),
)
IDW = "SuperConvK3BNRELU(3,8,2,1)SuperResIDWE4K5(8,24,2,8,1)SuperConvK1BNRELU(24,32,1,1)"


def whole(structure: Structure, rules: Rules, options: Options = Options()) -> list[str]:
    return broken_rules(deploy(lower(structure, resolution=32, num_classes=10, options=options)), rules)


@pytest.mark.parametrize("rules", MANY, ids=str)
@pytest.mark.parametrize("name", [name for name in SPACES.names() if name != "darts"])
def test_a_structure_breaks_what_its_network_breaks(name: str, rules: Rules) -> None:
    model = RuleModel(CostModel(32, 10), rules)
    for structure in walked(load_space(name), 4):
        assert model(structure) == len(whole(structure, rules))


@pytest.mark.parametrize("use_se", [False, True])
@pytest.mark.parametrize("rules", MANY, ids=str)
@pytest.mark.parametrize(("space", "form"), list(spaces_with_arrays()), ids=lambda one: getattr(one, "name", ""))
def test_arrays_say_the_same(space: SearchSpace, form: SpaceArrays, rules: Rules, use_se: bool) -> None:
    options, structures = Options(use_se=use_se), walked(space, 60)
    blocks = Blocks(form.layout, 32)
    placed = blocks.place(Structures.of(structures, form.layout))
    model = RuleModel(CostModel(32, 10, options), rules)
    found = RuleArrays(blocks, 10, options, rules)(placed)
    for structure, obeys, works in zip(structures, found, placed.works, strict=True):
        assert not works or obeys == (model(structure) == 0)


@pytest.mark.parametrize(
    ("rules", "line"),
    [
        (Rules(channel_multiple=16), "CONV_2D of block 0 has 8 channels, expected a multiple of 16"),
        (Rules(kernels=(3,)), "DEPTHWISE_CONV_2D of block 1 has a 5x5 kernel, expected 1 or 3"),
        (Rules(strides=(1,)), "CONV_2D of block 0 has stride 2, expected 1"),
        (Rules(groups=False), "DEPTHWISE_CONV_2D of block 1 has groups, which are not allowed"),
        (Rules(se=False), "MUL of block 1 is the gate of squeeze and excitation, which is not allowed"),
        (Rules(most_channels=20), "CONV_2D of block 1 has 32 channels, expected at most 20"),
        (Rules(most_pooled=9), "MEAN of the classifier reads 64 positions at once, expected at most 9"),
        (
            Rules(operators=tuple(name for name in OPERATORS if name != "ADD")),
            "ADD of block 1 has ADD, expected some of",
        ),
    ],
    ids=str,
)
def test_a_line_names_the_operator_and_the_rule(rules: Rules, line: str) -> None:
    assert any(one.startswith(line) for one in whole(parse(IDW), rules, Options(use_se=True)))


def test_both_of_two_rules_hold() -> None:
    ours, theirs = Rules(channel_multiple=4, kernels=(3, 5), most_pooled=9), Rules(6, (5, 7), groups=False)
    both = ours & theirs
    assert both == theirs & ours == Rules(12, (5,), groups=False, most_pooled=9)
    assert ours & NO_RULES == ours
    assert (Rules(kernels=(3,)) & Rules(kernels=(5,))).kernels == (1,)
    with pytest.raises(WrongSettingError, match="none in common"):
        Rules(operators=("ADD",)) & Rules(operators=("MUL",))


@pytest.mark.parametrize(
    "values", [{"channel_multiple": 0}, {"kernels": (0,)}, {"operators": ("CONV",)}, {"strides": "2"}], ids=str
)
def test_wrong_rules_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(WrongSettingError, match=next(iter(values))):
        Rules(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["XXBL", "IDW_fixfc"])
def test_a_restricted_space_keeps_its_promises(name: str) -> None:
    space = load_space(name)
    kinds = space.kinds[1:3]  # type: ignore[attr-defined]
    part = space.restricted(kinds, 32, 200)  # type: ignore[attr-defined]
    rng = Random(0)
    structure = part.initial()
    for _ in range(50):
        assert part.contains(structure)
        assert {block.kind for block in structure.blocks if len(block.args) == 5} <= {*kinds}
        assert all(block.args[1] % 32 == 0 for block in structure.blocks)
        structure = part.mutate(structure, rng)
