"""The budgets of the arena, and what a network costs in their terms. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from benchmarks._designs.peers import mobilenet_v2
from benchmarks._own_table.structures import resnet
from latency.predicting.predictor import Predictor
from latency.predicting.profile import load_profile
from PlainNet import Structure, parse
from PlainNet.cost import CostModel
from PlainNet.ram import RamModel
from zennas.searching.telling.resnets import resnet_of

RESOLUTION, CLASSES = 32, 10
PROFILE = "this-machine-fp32"
"""ONNX Runtime in float32 on one thread of the machine that this profile was made on."""
RESNET_8 = resnet((16, 32, 64), (1, 1, 1))
"""The network of MLPerf Tiny's benchmark of images, Banbury et al. 2021. Keras counts 78,666 parameters: those of
biases, which batch-norm makes idle, and the statistics of batch-norm are not counted here, which leaves 78,042."""


@dataclass(frozen=True)
class Costs:
    """What a network costs. flops: multiply–accumulates. ram: bytes in INT8. ms: predicted by `PROFILE`."""

    params: int
    flops: int
    ram: int
    ms: float


@cache
def _models() -> tuple[CostModel, RamModel, Predictor]:
    model = CostModel(RESOLUTION, CLASSES)
    predictor = Predictor(load_profile(PROFILE), resolution=RESOLUTION, num_classes=CLASSES)
    return model, RamModel(model), predictor


def costs_of(structure: Structure) -> Costs:
    model, ram, predictor = _models()
    found = model(structure)
    return Costs(found.params, found.flops, ram(structure), predictor(structure))


@dataclass(frozen=True)
class Limits:
    """A budget of the arena: the largest costs, None for no limit. name: for files. title: for people."""

    name: str
    title: str
    params: int | None
    flops: int | None
    ram: int | None
    ms: float

    def beyond(self, costs: Costs) -> tuple[str, ...]:
        """Return the names of the limits that a network is beyond."""
        pairs = {name: (getattr(costs, name), getattr(self, name)) for name in ("params", "flops", "ram", "ms")}
        return tuple(name for name, (cost, limit) in pairs.items() if limit is not None and cost > limit)


@cache
def budgets() -> tuple[Limits, ...]:
    """Return the budgets. Latencies are those of networks that people would take."""
    tiny, mobile = costs_of(parse(RESNET_8)), costs_of(mobilenet_v2(0.25, RESOLUTION))
    wide = resnet_of(20e6, RESOLUTION, CLASSES)
    assert wide is not None
    return (
        Limits("tiny", "MLPerf Tiny, at most ResNet-8 in all", tiny.params, tiny.flops, tiny.ram, tiny.ms),
        Limits(
            "quarter",
            "0.25M parameters, 20M FLOPs, latency of the ResNet with 20M FLOPs",
            250_000,
            20_000_000,
            None,
            costs_of(wide.structure).ms,
        ),
        Limits("latency", "latency of MobileNetV2 × 0.25", None, None, None, mobile.ms),
    )
