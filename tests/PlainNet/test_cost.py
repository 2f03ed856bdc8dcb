"""Cost of whole networks, and the memory of `CostModel`."""

from __future__ import annotations

import pytest

from PlainNet import Cost, Options, StructureError, cost, parse
from PlainNet.cost import FREE, CostModel
from tests.conftest import SMALL

# name: (resolution, classes, SE, params, FLOPs); FLOPs of the tables that say them to the digit
PUBLISHED = {
    "zennet_cifar_model_size05M_res32": (32, 10, False, 500_466, 136_096_768),
    "zennet_cifar_model_size1M_res32": (32, 10, False, 994_674, 159_213_568),
    "zennet_cifar_model_size2M_res32": (32, 10, False, 1_981_810, 481_432_576),
    "zennet_imagenet1k_flops400M_res224": (224, 1000, True, 7_466_024, 401_959_872),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks(published: dict[str, str], name: str) -> None:
    resolution, classes, use_se, params, flops = PUBLISHED[name]
    counted = cost(parse(published[name]), resolution=resolution, num_classes=classes, use_se=use_se)
    assert (counted.params, counted.flops) == (params, flops)


def test_layers_are_the_sum_of_sub_layers() -> None:
    assert cost(parse(SMALL)).layers == cost(parse(SMALL)).depth == 1 + 1 + 2 - 1 + 1 + 1
    assert cost(parse("ConvKX(3,8,3,1)BN(8)MultiSumBlock(ConvKX(8,8,3,1)ConvKX(8,8,3,1);ConvDW(8,3,1))")).layers == 3


def test_costs_add_up_over_blocks_and_head() -> None:
    model = CostModel(16, 7)
    structure = parse(SMALL)
    parts = sum((block.cost for block in model.blocks(structure)), start=FREE)
    whole = model(structure)
    assert parts == cost(structure, resolution=16, num_classes=None)
    assert whole.params - parts.params == 32 * 7 + 7
    assert whole.flops - parts.flops == 32 * 7
    assert whole.activations - parts.activations == 7


def test_options_reach_the_count() -> None:
    structure = parse(SMALL)
    plain = cost(structure, no_reslink=True)
    assert plain.params < cost(structure).params < cost(structure, use_se=True).params


def test_known_blocks_are_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    module = sys.modules["PlainNet.cost"]
    counted: list[str] = []
    original = module.block_cost
    monkeypatch.setattr(module, "block_cost", lambda spec, *rest: counted.append(spec.kind) or original(spec, *rest))
    model = CostModel(32, 10)
    before = model(parse("SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)SuperResK3K3(16,16,1,8,1)"))
    model(parse("SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)SuperResK5K5(16,16,1,8,1)"))
    assert counted == ["SuperConvK3BNRELU", "SuperResK3K3", "SuperResK3K3", "SuperResK5K5"]
    monkeypatch.setattr(CostModel, "_CAPACITY", 1)
    assert model(parse("SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)SuperResK3K3(16,16,1,8,1)")) == before


def test_errors_name_the_block() -> None:
    from PlainNet import BlockSpec, Structure

    broken = Structure.of([BlockSpec("ConvKX", (3, 8, 3, 1)), BlockSpec("ConvKX", (9, 8, 3, 1))])
    with pytest.raises(StructureError) as caught:
        CostModel(32, 10)(broken)
    assert caught.value.path == "1"
    pair = BlockSpec("Sequential", (), ((BlockSpec("BN", (3,)), BlockSpec("BN", (4,))),))
    inner = Structure.of([BlockSpec("BN", (3,)), pair])
    with pytest.raises(StructureError) as caught:
        CostModel(32, 10)(inner)
    assert caught.value.path == "1.1"
    for settings in ((0, 10), (32, 0)):
        with pytest.raises(StructureError, match="expected at least 1"):
            CostModel(*settings, Options())


def test_cost_is_a_value() -> None:
    assert Cost(1, 2, 3, 4) + Cost(10, 20, 30, 40) == Cost(11, 22, 33, 44)
    assert hash(Cost(1, 2, 3, 4)) == hash(Cost(1, 2, 3, 4))
