"""Every registered block: all interpreters of its operations agree. A new block is tested by being there."""

from __future__ import annotations

from random import Random

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from PlainNet import Options, Structure, StructureError, cost, lower, parse
from PlainNet.blocktype import BLOCKS, BlockType
from PlainNet.cost import FREE, CostModel, block_cost, op_cost
from PlainNet.lowering import lower_block
from PlainNet.masternet import MasterNet
from tests.conftest import network_around, random_block
from ZeroShotProxy.proxies.zen_expected import FEATURES, _terms, _walk, block_terms

KINDS = list(BLOCKS)
VARIANTS = [Options(), Options(use_se=True), Options(no_reslink=True), Options(use_se=True, no_reslink=True)]


def cases(kind: BlockType, count: int, multiple: int = 8) -> list[tuple[Structure, int]]:
    """Random networks with the block in them, and a resolution, odd ones included."""
    rng = Random(kind.kind)
    found = []
    while len(found) < count:
        channels = 32 * rng.randint(1, 2) if kind.kind.startswith("ConvKXG") else multiple * rng.randint(1, 4)
        block = random_block(kind, rng, channels, 32 if kind.kind.startswith("ConvKXG") else multiple)
        resolution = rng.choice([7, 8, 15, 33])
        structure = network_around(block, channels)
        found.append((structure, resolution))
    return found


def outputs_of_weighted_layers(network: torch.nn.Module) -> list[int]:
    """A list that every forward pass of the network adds the sizes of its convolution and linear outputs to."""
    made: list[int] = []
    for module in network.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            module.register_forward_hook(lambda _, __, y: made.append(y[0].numel()))
    return made


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_text_round_trip(kind: BlockType) -> None:
    for structure, _ in cases(kind, 5):
        assert parse(str(structure)) == structure


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_cost_equals_module(kind: BlockType) -> None:
    """Parameters, multiply–accumulates, activations and shapes: counted on the structure and on the module."""
    for i, (structure, resolution) in enumerate(cases(kind, 4)):
        options = VARIANTS[i % len(VARIANTS)]
        counted = CostModel(resolution, 5, options)(structure)
        graph = lower(structure, resolution=resolution, num_classes=5, options=options)
        network = MasterNet(structure, 5, options).eval()
        made = outputs_of_weighted_layers(network)
        x = torch.randn(1, 3, resolution, resolution)
        with torch.no_grad():
            features = network.forward_pre_GAP(x)
            made.clear()
            with FlopCounterMode(display=False) as counter:
                assert network(x).shape == (1, 5)
        assert counted.params == sum(p.numel() for p in network.parameters())
        assert 2 * counted.flops == counter.get_total_flops()
        assert counted.activations == sum(made)
        assert tuple(features.shape[1:]) == graph.shape_of(graph.block_outputs[-1]).dims


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.linear], ids=lambda kind: kind.kind)
def test_template_counts_like_lowering(kind: BlockType) -> None:
    """The promise of `BlockType.linear`: the closed forms equal the sums over the lowered operations, exactly."""
    rng = Random(kind.kind)
    for _ in range(30):
        spec = random_block(kind, rng, 8 * rng.randint(1, 40))
        size, options = rng.choice([2, 7, 16, 33]), rng.choice(VARIANTS)
        nodes, shape = lower_block(spec, size, options)
        total = sum((op_cost(node.op, node.shape) for node in nodes), start=FREE)
        found = block_cost(spec, size, options)
        assert (found.params, found.flops, found.activations) == (total.params, total.flops, total.activations)
        assert found.shape == shape


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.linear], ids=lambda kind: kind.kind)
def test_template_scores_like_a_walk(kind: BlockType) -> None:
    rng = Random(kind.kind)
    options = Options(no_reslink=True)
    for _ in range(8):
        spec = random_block(kind, rng, 8 * rng.randint(1, 40))
        size = rng.choice([4, 7, 16])
        found = block_terms(spec, size, FEATURES, options)
        nodes, shape = lower_block(spec, size, options)
        logs, values = _walk(nodes, size, FEATURES)
        walked = _terms(logs, values[-1], shape)
        assert found.logs == pytest.approx(walked.logs, abs=1e-9)
        assert found.tail == pytest.approx(walked.tail, abs=1e-12)
        assert found.decorrelation == pytest.approx(walked.decorrelation, abs=1e-9)
        assert found.distance == pytest.approx(walked.distance, abs=1e-9)
        assert (found.exit, found.shape) == (walked.exit, walked.shape)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_wrong_input_is_refused(kind: BlockType) -> None:
    structure, resolution = cases(kind, 1)[0]
    stem, *rest = structure.blocks
    wider = stem._replace(args=(3, stem.args[1] + 1, 3, 1))
    with pytest.raises(StructureError, match="takes"):
        cost(Structure.of([wider, *rest]), resolution=resolution)
