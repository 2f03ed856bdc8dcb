"""Whether the operators of a network obey `Rules`, for networks and, block by block, for structures in a search.

Blocks are checked once and looked up: the count of a structure is the sum of its parts'. `rule_arrays.py` has the array
form.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod

from PlainNet import Options, Structure
from PlainNet.cost import CostModel
from PlainNet.deployed.deploy import deploy
from PlainNet.deployed.operators import (
    Conv2D,
    Deployed,
    DepthwiseConv2D,
    FullyConnected,
    Mean,
    Mul,
    Operator,
    Pool2D,
    builtin,
)
from PlainNet.deployed.parts import Parts, TemplateForm
from PlainNet.ir import BlockSpec
from PlainNet.lowering import part_graph
from PlainNet.ops import HEAD, OpGraph, Shape
from PlainNet.sizes import Size
from PlainNet.template import Template, Width, template_of
from zennas.budget.rules import Rules


def broken_rules(deployed: Deployed, rules: Rules) -> list[str]:
    """Return a line for each operator and rule that it breaks, in the order of the file; nothing if all are obeyed."""
    found = []
    for operator in deployed.operators:
        place = "the classifier" if operator.block == HEAD else f"block {operator.block}"
        found += [f"{builtin(operator.kind)} of {place} {line}" for line in _broken(deployed, operator, rules)]
    return found


def _broken(deployed: Deployed, operator: Operator, rules: Rules) -> Iterator[str]:
    """What is wrong with an operator."""
    kind = operator.kind
    yield from _fixed(deployed, operator, rules)
    multiple = rules.channel_multiple or 1
    if isinstance(kind, (Conv2D, DepthwiseConv2D)) and _plane(operator) and kind.out_channels % multiple:
        yield f"has {kind.out_channels} channels, expected a multiple of {multiple}"
    if rules.most_channels is not None:
        for channels in _widths(kind):
            if channels > rules.most_channels:
                yield f"has {channels:,} channels, expected at most {rules.most_channels:,}"


def _fixed(deployed: Deployed, operator: Operator, rules: Rules) -> Iterator[str]:
    """What is wrong with an operator whatever its channels are."""
    kind = operator.kind
    names = [builtin(kind), getattr(kind, "activation", "NONE")]
    for name in dict.fromkeys(names):
        if rules.operators and name != "NONE" and name not in rules.operators:
            yield f"has {name}, expected some of {', '.join(rules.operators)} only"
    if isinstance(kind, (Conv2D, DepthwiseConv2D)):
        taps, stride = kind.weights.taps, kind.stride
        if rules.kernels and not {*taps} <= {1, *rules.kernels}:
            yield f"has a {taps[0]}x{taps[1]} kernel, expected {_sides(rules.kernels)}"
        if rules.strides and not {*stride} <= {1, *rules.strides}:
            yield f"has stride {max(stride)}, expected {_sides(rules.strides)}"
        if not rules.groups and (isinstance(kind, DepthwiseConv2D) or kind.groups > 1):
            yield "has groups, which are not allowed"
    if isinstance(kind, Mul) and not rules.se and len({deployed.shape_of(value) for value in operator.inputs}) > 1:
        yield "is the gate of squeeze and excitation, which is not allowed"
    if rules.most_pooled is not None and isinstance(kind, (Mean, Pool2D)):
        pooled = prod(deployed.shape_of(operator.inputs[0])[1:3]) if isinstance(kind, Mean) else prod(kind.kernel)
        if pooled > rules.most_pooled:
            yield f"reads {pooled:,} positions at once, expected at most {rules.most_pooled:,}"


def _plane(operator: Operator) -> bool:
    """Whether the output has more than one position."""
    return len(operator.shape) == 4 and prod(operator.shape[1:3]) > 1


def _widths(kind: object) -> tuple[int, ...]:
    """The channels of an operator that are limited."""
    match kind:
        case Conv2D():
            return kind.in_channels, kind.out_channels
        case DepthwiseConv2D():
            return (kind.out_channels,)
        case FullyConnected():
            return (kind.in_features,)
        case _:
            return ()


def _sides(allowed: tuple[int, ...]) -> str:
    return " or ".join(map(str, sorted({1, *allowed})))


# -- structures ------------------------------------------------------------------------------


class RuleModel:
    """Counts what a structure breaks. It caches blocks. model: that of the costs."""

    def __init__(self, model: CostModel, rules: Rules) -> None:
        self.rules = rules
        self._model = model
        self._parts = Parts(model, self._of_graph, self._of_template())

    def __call__(self, structure: Structure) -> int:
        """Return how many times an operator breaks a rule.

        Raises StructureError if the structure is not a network, or has no form in an INT8 file.
        """
        if not self.rules:
            return 0
        parts, channels, size = self._parts(structure)
        return sum(parts) + head_count(Shape(channels, size), self._model.num_classes, self.rules)

    def _of_graph(self, graph: OpGraph) -> int:
        return len(broken_rules(deploy(graph), self.rules))

    def _of_template(self) -> TemplateForm[int]:
        return lambda template, size, options: rule_form(template, size, options, self.rules).of


@dataclass(frozen=True, slots=True)
class RuleForm:
    """How often blocks of a template break rules. fixed: whatever their widths are. multiples, bounded: the widths that
    have to be multiples, and those that are limited."""

    fixed: int
    multiples: tuple[Width, ...]
    bounded: tuple[Width, ...]
    rules: Rules

    def of(self, args: tuple[int, ...]) -> int:
        """Return how often the block with these arguments breaks a rule."""
        multiple, most = self.rules.channel_multiple or 1, self.rules.most_channels
        found = self.fixed + sum(width.of(args) % multiple > 0 for width in self.multiples)
        return found if most is None else found + sum(width.of(args) > most for width in self.bounded)


@lru_cache(maxsize=1 << 14)
def rule_form(template: Template, size: Size, options: Options, rules: Rules) -> RuleForm:
    """Return the form of a template's blocks on inputs of this size. Raises StructureError if they do not work."""
    deployed = deploy(part_graph([template.probe], size, options))
    convolutions = [one for one in deployed.operators if isinstance(one.kind, (Conv2D, DepthwiseConv2D))]
    multiples = [one.kind.out_channels for one in convolutions if _plane(one)]  # type: ignore[union-attr]
    bounded = [channels for one in convolutions for channels in _widths(one.kind)]
    return RuleForm(
        sum(len(list(_fixed(deployed, one, rules))) for one in deployed.operators),
        tuple(map(template.width, multiples)) if rules.channel_multiple is not None else (),
        tuple(map(template.width, bounded)) if rules.most_channels is not None else (),
        rules,
    )


def block_count(spec: BlockSpec, size: Size, options: Options, rules: Rules) -> int:
    """Return how often one block, by itself, breaks a rule. Raises StructureError like `RuleModel`."""
    template = template_of(spec)
    if template is not None:
        return rule_form(template, size, options, rules).of(spec.args)
    return len(broken_rules(deploy(part_graph([spec], size, options)), rules))


@lru_cache(maxsize=1 << 14)
def head_count(shape: Shape, num_classes: int | None, rules: Rules) -> int:
    """Return how often the classifier behind a value of this shape breaks a rule."""
    if num_classes is None:
        return 0
    channels, *sides = shape.dims
    found = 0
    needs = ["FULLY_CONNECTED"]
    if sides:
        pooled = prod(sides)
        needs.append("MEAN" if pooled > 1 else "RESHAPE")
        found += rules.most_pooled is not None and pooled > rules.most_pooled
    if rules.operators:
        found += sum(name not in rules.operators for name in needs)
    return found + (rules.most_channels is not None and channels > rules.most_channels)


def allowed_kinds(kinds: tuple[str, ...], options: Options, rules: Rules) -> tuple[str, ...]:
    """Return the kinds of residual super-blocks that can obey rules, whatever their widths and strides are."""
    free = replace(rules, channel_multiple=None, most_channels=None, strides=())
    return tuple(kind for kind in kinds if not block_count(BlockSpec(kind, (16, 32, 1, 24, 1)), 8, options, free))
