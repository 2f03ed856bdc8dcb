"""Contracts of blocks: all interpreters of their operations agree. Imports torch."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import torch
from torch.utils.flop_counter import FlopCounterMode

from PlainNet import Options, Structure, StructureError, cost, lower, parse
from PlainNet.arrays.blocks import Blocks
from PlainNet.arrays.costs import CostArrays
from PlainNet.arrays.flash import FlashArrays
from PlainNet.arrays.ram import RamArrays
from PlainNet.arrays.structures import Layout, Structures, has_form
from PlainNet.blocktype import BlockType
from PlainNet.cost import FREE, CostModel, block_cost, op_cost
from PlainNet.deployed.deploy import DeployError, deploy
from PlainNet.deployed.flash import flash_bytes
from PlainNet.deployed.memory import memory_of
from PlainNet.flash import FlashModel
from PlainNet.ir import CHOICE
from PlainNet.lowering import lower_block
from PlainNet.masternet import MasterNet
from PlainNet.ram import RamModel
from PlainNet.sizes import Sides, Size, sides
from zennas.testing.expecting import expect, expect_equal, expect_near, expect_refused
from zennas.testing.networks import network_around, random_block
from ZeroShotProxy.proxies.zen_expected import FEATURES, _terms, _walk, block_terms

VARIANTS = [Options(), Options(use_se=True), Options(no_reslink=True), Options(use_se=True, no_reslink=True)]


SQUARES: tuple[Size, ...] = (7, 8, 15, 33)
RECTANGLES: tuple[Size, ...] = (Sides(7, 16), Sides(9, 14), Sides(33, 8))


def cases(kind: BlockType, count: int, multiple: int = 8) -> list[tuple[Structure, Size]]:
    """Return `count` pairs of a random network that contains the block and a resolution, square ones among them."""
    rng = Random(kind.kind)
    found: list[tuple[Structure, Size]] = []
    while len(found) < count:
        channels = 32 * rng.randint(1, 2) if kind.kind.startswith("ConvKXG") else multiple * rng.randint(1, 4)
        block = random_block(kind, rng, channels, 32 if kind.kind.startswith("ConvKXG") else multiple)
        resolution = rng.choice(RECTANGLES if len(found) % 3 else SQUARES)
        structure = network_around(block, channels)
        found.append((structure, resolution))
    return found


def _outputs_of_weighted_layers(network: torch.nn.Module) -> list[int]:
    """A list to which each forward pass of the network appends the sizes of its convolution and linear outputs."""
    made: list[int] = []
    for module in network.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            module.register_forward_hook(lambda _, __, y: made.append(y[0].numel()))
    return made


def text_round_trip(kind: BlockType) -> str | None:
    """A structure with the block can be read from its text."""
    for structure, _ in cases(kind, 5):
        expect_equal(parse(str(structure)), structure, f"{structure} read from its text")
    return None


def cost_equals_module(kind: BlockType) -> str | None:
    """Parameters, multiply–accumulates, activations and shapes of the structure equal those of the module."""
    if kind.kind == CHOICE:
        structure, _ = cases(kind, 1)[0]
        expect_refused(StructureError, lambda: cost(structure), "choose first", f"{structure}")
        return "a choice has a cost and a module once it is made"
    for i, (structure, resolution) in enumerate(cases(kind, 4)):
        options = VARIANTS[i % len(VARIANTS)]
        counted = CostModel(resolution, 5, options)(structure)
        graph = lower(structure, resolution=resolution, num_classes=5, options=options)
        network = MasterNet(structure, 5, options).eval()
        made = _outputs_of_weighted_layers(network)
        x = torch.randn(1, 3, *sides(resolution))
        with torch.no_grad():
            features = network.forward_pre_GAP(x)
            made.clear()
            with FlopCounterMode(display=False) as counter:
                expect_equal(network(x).shape, (1, 5), f"shape of the logits of {structure}")
        of = f"of {structure} at {resolution} pixels, counted"
        expect_equal(counted.params, sum(p.numel() for p in network.parameters()), f"parameters {of}")
        expect_equal(2 * counted.flops, counter.get_total_flops(), f"twice the multiply–accumulates {of}")
        expect_equal(counted.activations, sum(made), f"activations {of}")
        shape = graph.shape_of(graph.block_outputs[-1]).dims
        expect_equal(tuple(features.shape[1:]), shape, f"shape of the features of {structure}")
    return None


def template_counts_like_lowering(kind: BlockType) -> str | None:
    """If `BlockType.linear` is set, closed forms of the cost equal the sums over the lowered operations exactly."""
    rng = Random(kind.kind)
    for _ in range(30 if kind.linear else 0):
        spec = random_block(kind, rng, 8 * rng.randint(1, 40))
        size, options = rng.choice((2, *SQUARES, *RECTANGLES)), rng.choice(VARIANTS)
        nodes, shape = lower_block(spec, size, options)
        total = sum((op_cost(node.op, node.shape) for node in nodes), start=FREE)
        found = block_cost(spec, size, options)
        expect_equal(
            (found.params, found.flops, found.activations),
            (total.params, total.flops, total.activations),
            f"params, FLOPs and activations of {spec}, declared linear, computed by its template",
        )
        expect_equal(found.shape, shape, f"output shape of {spec}, computed by its template")
    return None


def template_scores_like_a_walk(kind: BlockType) -> str | None:
    """If `BlockType.linear` is set, closed forms of the expected Zen-score equal a walk over the lowered operations."""
    rng = Random(kind.kind)
    options = Options(no_reslink=True)
    for _ in range(8 if kind.linear else 0):
        spec = random_block(kind, rng, 8 * rng.randint(1, 40))
        size = rng.choice((4, 7, 16, Sides(4, 7), Sides(16, 7)))
        found = block_terms(spec, size, FEATURES, options)
        nodes, shape = lower_block(spec, size, options)
        logs, values = _walk(nodes, size, FEATURES)
        walked = _terms(logs, values[-1], shape)
        for name, tolerance in (("logs", 1e-9), ("tail", 1e-12), ("decorrelation", 1e-9), ("distance", 1e-9)):
            what = f"{name} of {spec}, computed by its template"
            expect_near(getattr(found, name), getattr(walked, name), what, absolute=tolerance)
        expect_equal(
            (found.exit, found.shape), (walked.exit, walked.shape), f"output of {spec}, computed by its template"
        )
    return None


def arrays_count_like_one_by_one(kind: BlockType) -> str | None:
    """If the kind has an array form, costs of many structures at once equal those of each."""
    if not has_form(kind.kind):
        return f"{kind.kind} has no array form"
    rng = Random(kind.kind)
    structures = [_joined(kind, rng) for _ in range(40)]
    layout = Layout((kind.kind,), in_channels=3, stride=2, depth=9)
    sizes: tuple[Size, ...] = (1, 7, 32, Sides(33, 18))
    for resolution, options in zip(sizes, VARIANTS, strict=True):
        blocks, model = Blocks(layout, resolution), CostModel(resolution, 5, options)
        for part in (structures[:15], structures):
            placed = blocks.place(Structures.of(part, layout))
            expect(placed.works.all(), f"structures with {kind.kind} do not work at {resolution} pixels")
            counted = CostArrays(blocks, 5, options)(placed)
            what = f"the costs of structures with {kind.kind} at {resolution} pixels, as arrays"
            expect_equal(counted.all(), [model(structure) for structure in part], what)
        if resolution == 7:  # once, as each family of blocks is deployed
            placed = blocks.place(Structures.of(structures[:15], layout))
            for name, arrays, one_by_one in (("RAM", RamArrays, RamModel), ("flash", FlashArrays, FlashModel)):
                found = arrays(blocks, 5, options)(placed).tolist()
                wanted = list(map(one_by_one(model), structures[:15]))
                expect_equal(found, wanted, f"{name} of structures with {kind.kind} at {resolution} pixels, as arrays")
    return None


def memories_equal_the_file(kind: BlockType) -> str | None:
    """RAM and flash, block by block, are those of the whole network as it stands in a file; also by a template."""
    if kind.kind == CHOICE:
        return "a choice has a file once it is made"
    rng, missing = Random(kind.kind), None
    for i, (structure, resolution) in enumerate(cases(kind, 4)):
        options = VARIANTS[i % len(VARIANTS)]
        structures = [structure, *([_joined(kind, rng)] if has_form(kind.kind) else [])]
        for one in structures:
            model = CostModel(resolution, 5, options)
            try:
                deployed = deploy(lower(one, resolution=resolution, num_classes=5, options=options))
            except DeployError as error:
                missing = str(error)
                continue
            of = f"of {one} at {resolution} pixels"
            expect_equal(RamModel(model)(one), memory_of(deployed).ram_bytes, f"RAM {of}")
            expect_equal(FlashModel(model)(one), flash_bytes(deployed), f"flash {of}")
    return missing


def _joined(kind: BlockType, rng: Random) -> Structure:
    """A random structure of up to five blocks of a kind that has `in_channels` and `out_channels`."""
    blocks, channels = [], 3
    for _ in range(rng.randint(1, 5)):
        blocks.append(random_block(kind, rng, channels))
        channels = blocks[-1].args[1]
        while channels % 8:  # of the first block, whose output may be as wide as its input
            blocks[-1] = random_block(kind, rng, 3)
            channels = blocks[-1].args[1]
    return Structure.of(blocks)


def wrong_input_is_refused(kind: BlockType) -> str | None:
    """Channels that do not fit the previous block raise StructureError."""
    if kind.kind == CHOICE:
        return "a choice is refused whatever its input is, until it is made"
    structure, resolution = cases(kind, 1)[0]
    stem, *rest = structure.blocks
    wider = Structure.of([stem._replace(args=(3, stem.args[1] + 1, 3, 1)), *rest])
    expect_refused(StructureError, lambda: cost(wider, resolution=resolution), "takes", f"{wider}")
    return None


CONTRACTS: tuple[Callable[[BlockType], str | None], ...] = (
    text_round_trip,
    cost_equals_module,
    template_counts_like_lowering,
    template_scores_like_a_walk,
    arrays_count_like_one_by_one,
    memories_equal_the_file,
    wrong_input_is_refused,
)
