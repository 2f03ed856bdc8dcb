"""What a folder stores of a network, and how its other statistics follow from that. This file does not import torch.

Many of the 22 statistics are the same tensor as another one, or follow from others at once: the input of the
convolution is the ReLU of the unit's input, a perturbed statistic is a difference, what one unit makes is what the next
one reads, and addends have the gradient of their sum. Gradients by large weights follow from those by the smaller
tensor that the convolution makes. All of that is in the op graph, so what a network takes is known without running it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypeAlias

from PlainNet.ops import Add, OpGraph, Relu, Relu6
from zennas.discovering.settings import CollectingSettings
from ZeroShotProxy.programs.shapes import Dims, UnitValues, shapes_of_units, units_in
from ZeroShotProxy.programs.statistics import STATISTICS

How: TypeAlias = Literal["stored", "relu", "relu6", "minus", "masked", "gated", "convolved"]
_SOURCES: dict[str, int] = {
    "stored": 0,
    "relu": 1,
    "relu6": 1,
    "minus": 2,
    "masked": 2,
    "gated": 2,
    "convolved": 2,
}
"""How many parts each follows from."""
_WORTH = 16
"""A gradient by a weight has at least so many times the elements of that by what the convolution makes, or is stored
itself: the longer rows are along which it is summed, the longer it takes to compute it."""


class Part(NamedTuple):
    """A tensor. shape: its dimensions.

    how: "stored", or how it follows from parts `of`, which come before it: "relu" and "relu6" of a part; a part "minus"
    another one; a gradient "masked" by the sign of a tensor, which is multiplied by 0 or 1; one "gated" by it, which is
    0 or stays, as torch's ReLU does it; or the gradient by a weight that is "convolved" from that at the output of the
    convolution and from its input. options: the stride, padding, dilation and groups of that convolution.
    """

    how: How
    of: tuple[int, ...]
    shape: Dims
    options: tuple[int, ...] = ()

    @property
    def elements(self) -> int:
        """The number of its elements."""
        return math.prod(self.shape)


class Sample(NamedTuple):
    """Where a part is met in a network: in which unit, and as which statistic.

    difference: whether perturbed ones are as the settings have them; otherwise they are values.
    """

    unit: int
    name: str
    difference: bool


@dataclass(frozen=True)
class Plan:
    """What is stored of a network. units: for each unit, the part that is the statistic, by name.

    samples: for each part, where it is met; none if the plan is from a file.
    """

    parts: tuple[Part, ...]
    units: tuple[Mapping[str, int], ...]
    samples: tuple[Sample, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the parts and units for `read_plan`."""
        return {"parts": [list(part) for part in self.parts], "units": [list(unit.values()) for unit in self.units]}


def stored_whole(shapes: Sequence[Mapping[str, Dims]]) -> Plan:
    """Return the plan by which each statistic is stored as it is. shapes: of each unit, by name."""
    parts, units, samples = list[Part](), list[Mapping[str, int]](), list[Sample]()
    for number, unit in enumerate(shapes):
        units.append({name: len(parts) + i for i, name in enumerate(unit)})
        parts += [Part("stored", (), shape) for shape in unit.values()]
        samples += [Sample(number, name, True) for name in unit]
    return Plan(tuple(parts), tuple(units), tuple(samples))


def read_plan(parts: Any, units: Any, names: Sequence[str]) -> Plan:
    """Return a plan that has been stored as JSON, by `Plan.to_json`. Raises ValueError or TypeError if it is none.

    names: of the statistics.
    """
    found = [Part(how, tuple(of), tuple(shape), tuple(options)) for how, of, shape, options in parts]
    for number, part in enumerate(found):
        if len(part.of) != _SOURCES[part.how] or len(part.options) != (4 if part.how == "convolved" else 0):
            raise ValueError(f"part {number} is {part.how} of {len(part.of)} parts")
        if not all(type(i) is int and 0 <= i < number for i in part.of):
            raise ValueError(f"part {number} follows from parts that are not before it")
        if not all(type(n) is int and n >= 0 for n in (*part.shape, *part.options)) or 0 in part.shape:
            raise ValueError(f"part {number} has the shape {part.shape!s:.80}")
    for unit in units:
        if len(unit) != len(names) or not all(type(i) is int and 0 <= i < len(found) for i in unit):
            raise ValueError("a unit has other statistics than those of the settings")
    return Plan(tuple(found), tuple(dict(zip(names, unit, strict=True)) for unit in units))


def plan_of(graph: OpGraph, settings: CollectingSettings) -> Plan:
    """Return what is stored of a network for the tensors of its units. It has no parts if there are no units."""
    return _Planner(graph, settings).plan()


@dataclass(frozen=True)
class _Tensor:
    """A tensor of a network.

    kind: "value"; "gradient" of the sum of all logits by a value; "masked", that at a ReLU's input, by the ReLU's
    output; "weight"; "weights", the gradient by a weight; or "difference of" another kind. of: the number of the value,
    for weights that of what the convolution makes. images: see `Statistic`.
    """

    kind: str
    of: int
    images: str


class _Planner:
    """Parts while they are found. known: the tensors that programs read, with their shapes and where they are met."""

    def __init__(self, graph: OpGraph, settings: CollectingSettings) -> None:
        self._graph, self._settings = graph, settings
        self._readers = _readers(graph)
        self._units = list(units_in(graph, settings.units))
        self._shapes = shapes_of_units(graph, settings.statistics, settings.batch, settings.units)
        self._parts: list[Part] = []
        self._samples: list[Sample] = []
        self._numbers: dict[_Tensor, int] = {}
        self._known: dict[_Tensor, tuple[Dims, Sample]] = {}
        for number, unit in enumerate(self._units):
            for name, shape in self._shapes[number].items():
                if not self._alone(name):
                    self._known.setdefault(self._tensor(unit, name), (shape, Sample(number, name, False)))

    def plan(self) -> Plan:
        found = [
            {name: self._statistic(number, unit, name) for name in self._settings.statistics}
            for number, unit in enumerate(self._units)
        ]
        return Plan(tuple(self._parts), tuple(found), tuple(self._samples))

    def _alone(self, name: str) -> bool:
        """Whether a statistic is a difference to one that is not collected."""
        return name in self._settings.differences and base_of(name) not in self._settings.statistics

    def _tensor(self, unit: UnitValues, name: str) -> _Tensor:
        """The tensor that a statistic is, before a difference is taken."""
        one = STATISTICS[name]
        if one.of == "weight":
            return _Tensor("weights" if one.gradient else "weight", unit.conv, one.images)
        value = {"pre": unit.pre, "input": unit.input, "output": unit.output}[one.of]
        if not one.gradient:
            return _Tensor("value", value, one.images)
        if one.of != "pre":
            return _Tensor("gradient", self._summed(value), one.images)
        return _Tensor("masked", unit.input if self._settings.units == "relu-conv-bn" else unit.output, one.images)

    def _summed(self, value: int) -> int:
        """The last of the sums that nothing but such a sum reads: gradients by it are those by its addends."""
        while len(self._readers[value]) == 1 and isinstance(self._graph.producer(self._readers[value][0]), Add):
            value = self._readers[value][0]
        return value

    def _statistic(self, number: int, unit: UnitValues, name: str) -> int:
        tensor = self._tensor(unit, name)
        if name not in self._settings.differences:
            return self._of(tensor)
        key, sample = replace(tensor, kind=f"difference of {tensor.kind}"), Sample(number, name, True)
        if self._alone(name):
            return self._add(key, Part("stored", (), self._shapes[number][name]), sample)
        terms = self._of(tensor), self._of(self._tensor(unit, base_of(name)))
        return self._add(key, Part("minus", terms, self._shapes[number][name]), sample)

    def _of(self, tensor: _Tensor) -> int:
        """The number of the part that a known tensor is."""
        if tensor not in self._numbers:
            shape, sample = self._known[tensor]
            kinds = {"value": self._value, "masked": self._masked, "gradient": self._gradient}
            if tensor.kind == "weights":
                found = self._weights(tensor, shape, sample.unit)
            else:
                found = kinds[tensor.kind](tensor, shape) if tensor.kind in kinds else None
            self._add(tensor, found or Part("stored", (), shape), sample)
        return self._numbers[tensor]

    def _add(self, tensor: _Tensor, part: Part, sample: Sample) -> int:
        if tensor not in self._numbers:
            self._numbers[tensor] = len(self._parts)
            self._parts.append(part)
            self._samples.append(sample)
        return self._numbers[tensor]

    def _value(self, tensor: _Tensor, shape: Dims) -> Part | None:
        """A ReLU's output, of its input."""
        op = self._graph.producer(tensor.of)
        if not isinstance(op, (Relu, Relu6)):
            return None
        source = replace(tensor, of=self._graph.nodes[tensor.of - 1].inputs[0])
        how: How = "relu" if isinstance(op, Relu) else "relu6"
        return Part(how, (self._of(source),), shape) if source in self._known else None

    def _masked(self, tensor: _Tensor, shape: Dims) -> Part | None:
        gradient, sign = replace(tensor, kind="gradient", of=self._summed(tensor.of)), self._sign(tensor)
        if gradient not in self._known or sign is None:
            return None
        return Part("masked", (self._of(gradient), self._of(sign)), shape)

    def _gradient(self, tensor: _Tensor, shape: Dims) -> Part | None:
        """The gradient by a tensor that nothing but a ReLU reads, of that by the ReLU's output."""
        (reader, *others) = self._readers[tensor.of] or [0]
        if others or not isinstance(self._graph.producer(reader), Relu):
            return None
        rectified = replace(tensor, of=reader)
        gradient, sign = replace(rectified, of=self._summed(reader)), self._sign(rectified)
        if gradient not in self._known or sign is None:
            return None
        return Part("gated", (self._of(gradient), self._of(sign)), shape)

    def _sign(self, tensor: _Tensor) -> _Tensor | None:
        """What has the sign of a ReLU's output: its input, or else the output."""
        before = self._graph.nodes[tensor.of - 1].inputs[0]
        found = (_Tensor("value", value, tensor.images) for value in (before, tensor.of))
        return next((one for one in found if one in self._known), None)

    def _weights(self, tensor: _Tensor, shape: Dims, number: int) -> Part | None:
        """The gradient by a weight, of that by the smaller tensor that the convolution makes."""
        made = (self._settings.batch, *self._graph.shape_of(tensor.of).dims)
        unit = self._units[number]
        read = _Tensor("value", unit.input, tensor.images)
        if _WORTH * math.prod(made) > math.prod(shape) or read not in self._known:
            return None
        sample = Sample(number, f"grad_conv_{tensor.images}", False)
        gradient = self._add(replace(tensor, kind="gradient"), Part("stored", (), made), sample)
        conv = unit.convolution
        return Part(
            "convolved",
            (gradient, self._of(read)),
            shape,
            (conv.stride, conv.padding, conv.dilation, conv.groups),
        )


def base_of(name: str) -> str:
    """Return the statistic to which a perturbed one is a difference."""
    return f"{name.removesuffix('perturbed')}data"


def _readers(graph: OpGraph) -> dict[int, list[int]]:
    """The values that are made of each value."""
    found: dict[int, list[int]] = {value: [] for value in range(len(graph.nodes) + 1)}
    for number, node in enumerate(graph.nodes, start=1):
        for value in node.inputs:
            found[value].append(number)
    return found
