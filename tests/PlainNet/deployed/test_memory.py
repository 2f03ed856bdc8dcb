"""The arena of activations: examples whose bytes TensorFlow Lite Micro reports, and properties of both plans."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from struct import unpack

import pytest

from PlainNet import Options, Structure, lower, parse
from PlainNet.deployed.buffers import Buffer, buffers_of, live_bytes
from PlainNet.deployed.deploy import deploy
from PlainNet.deployed.memory import Memory, block_profile, memory_of, plan_metadata
from PlainNet.deployed.offline import own_plan, section_bytes
from PlainNet.deployed.operators import Deployed
from PlainNet.deployed.planner import Plan, planned
from PlainNet.ops import HEAD
from SearchSpace import SPACES, load_space
from zennas.testing.arrays import walked

VWW = "ConvKX(3,8,3,2)BN(8)RELU(8)" + "".join(
    f"ConvDW({a},3,{stride})BN({a})RELU({a})ConvKX({a},{b},1,1)BN({b})RELU({b})"
    for a, b, stride in [
        (8, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 128, 2),
        *[(128, 128, 1)] * 5, (128, 256, 2), (256, 256, 1),
    ]
)  # fmt: skip
"""The network of MLPerf Tiny's visual wake words: MobileNet with a quarter of the channels, at 96 pixels."""
RESNET = "ConvKX(3,16,3,1)BN(16)RELU(16)BasicBlock(16,16,3,1)BasicBlock(16,32,3,2)BasicBlock(32,64,3,2)"
"""That of its image classification: ResNet-8 for CIFAR-10."""


def deployed_of(
    structure: Structure | str, resolution: int, classes: int | None = 10, options: Options = Options()
) -> Deployed:
    found = parse(structure) if isinstance(structure, str) else structure
    return deploy(lower(found, resolution=resolution, num_classes=classes, options=options))


def chain(*widths: int) -> str:
    return "".join(f"ConvKX({a},{b},3,1)" for a, b in pairwise(widths))


def overlaps(buffers: tuple[Buffer, ...], plan: Plan) -> list[tuple[int, int]]:
    """Pairs of buffers that are in use at a common time and share bytes."""
    return [
        (i, j)
        for j, two in enumerate(buffers)
        for i, one in enumerate(buffers[:j])
        if one.first <= two.last
        and two.first <= one.last
        and plan.offsets[i] < plan.offsets[j] + two.bytes
        and plan.offsets[j] < plan.offsets[i] + one.bytes
    ]


@pytest.mark.parametrize(
    ("structure", "resolution", "classes", "planner", "own"),
    [
        (chain(*[48] * 6), 16, None, 24_576, 24_576),
        (chain(48, 48, 48, 40, 48, 48), 16, None, 34_816, 24_576),
        (VWW, 96, 2, 73_728, 55_296),
        (RESNET, 32, 10, 49_152, 49_152),
    ],
    ids=["equal widths", "one narrower", "visual wake words", "image classification"],
)
def test_what_is_known(structure: str, resolution: int, classes: int | None, planner: int, own: int) -> None:
    memory = memory_of(deployed_of(structure, resolution, classes))
    assert (memory.ram_bytes_planner, memory.ram_bytes) == (planner, own)


def test_buffers_are_rounded_up_and_equal_ones_placed_from_the_last() -> None:
    buffers = buffers_of(deployed_of("ConvKX(3,5,3,1)AdaptiveAvgPool(5,1)", 5, None))
    assert buffers == (
        Buffer(80, 0, 1), Buffer(128, 1, 2), Buffer(16, 2, 2), Buffer(32, 2, 2, True), Buffer(16, 2, 2, True),
        Buffer(16, 2, 2, True),
    )  # fmt: skip
    assert planned(buffers) == Plan((128, 0, 192, 128, 176, 160), 208)
    assert live_bytes(buffers) == [80, 208, 208]


@pytest.mark.parametrize("use_se", [False, True])
@pytest.mark.parametrize("name", [name for name in SPACES.names() if name != "darts"])
def test_plans_of_every_space_hold_and_ours_needs_no_more_than_is_in_use(name: str, use_se: bool) -> None:
    for i, structure in enumerate(walked(load_space(name), 6)):
        deployed = deployed_of(structure, (32, 33, 96)[i % 3], options=Options(use_se=use_se))
        buffers = buffers_of(deployed)
        plan = own_plan(buffers, deployed.output)
        assert not overlaps(buffers, plan)
        assert all(offset % 16 == 0 for offset in plan.offsets)
        assert plan.bytes == max(live_bytes(buffers)) <= section_bytes(buffers, deployed.output)
        if i == 0:
            assert not overlaps(buffers, planned(buffers))


def test_random_buffers_have_plans() -> None:
    """Graphs of any shape, which have no sections, and times at which scratch memory is in use."""
    rng = Random(0)
    for _ in range(20):
        steps = rng.randint(3, 12)
        values = [
            Buffer(16 * rng.randint(1, 40), i, min(steps, i + (1 if i == 0 else rng.randint(0, 4))))
            for i in range(steps + 1)
        ]
        scratch = [Buffer(16 * rng.randint(1, 9), i, i, True) for i in range(1, steps + 1) if rng.random() < 0.3]
        buffers = (*values[:-1], values[-1]._replace(last=steps), *scratch)
        plan = own_plan(buffers, steps)
        assert not overlaps(buffers, plan) and not overlaps(buffers, planned(buffers))
        assert max(live_bytes(buffers)) <= plan.bytes <= planned(buffers).bytes


def test_plans_are_the_same_again() -> None:
    from PlainNet.deployed.offline import packed

    buffers = buffers_of(deployed_of(next(iter(walked(load_space("nasbench101"), 1))), 32))
    first = own_plan(buffers, len(buffers) - 4)
    packed.cache_clear()
    assert own_plan(buffers, len(buffers) - 4) == first


def test_the_profile_has_the_peak() -> None:
    deployed = deployed_of(VWW, 96)
    memory = memory_of(deployed)
    profile = block_profile(deployed, memory)
    assert max(profile.values()) == memory.ram_bytes == memory.live[memory.peak]
    assert list(profile)[-1] == HEAD and deployed.operators[memory.peak].block == 6


def test_the_metadata_lists_an_offset_for_every_tensor() -> None:
    memory = Memory(96, 112, (0, 32, 64), (64, 96))
    assert unpack("<8i", plan_metadata(memory, 5)) == (1, 0, 5, 0, 32, 64, -1, -1)
