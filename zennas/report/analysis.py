"""Costs of a network block by block, compared with fvcore's counts on its module."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from PlainNet import Cost, Options, Structure, StructureError
from PlainNet.blocktype import in_channels
from PlainNet.cost import FREE, CostModel, head_cost, op_cost
from PlainNet.lowering import lower
from PlainNet.ops import HEAD, Conv, Linear, OpGraph, Shape
from PlainNet.read_ops import FreeConv
from PlainNet.sizes import Size, size_text
from zennas.budget.target import Fit, Target, fit
from zennas.common.errors import ZennasError
from zennas.common.layout import Rows
from zennas.common.limits import checked_resolution
from zennas.common.numbers import counted, format_count
from zennas.report.memories import MemoryUse, memory_use

if TYPE_CHECKING:
    from torch import nn

    from zennas.named.networks import Network


class AnalysisError(ZennasError, RuntimeError):
    """An analysis cannot be carried out on this machine."""


@dataclass(frozen=True)
class Part:
    """One row of an analysis: a block or the classifier. block: its `Node.block`."""

    name: str
    output: str
    cost: Cost
    block: int


@dataclass(frozen=True)
class FvcoreCount:
    """fvcore's counts on the built module. `flops` includes batch-norm and pooling, `conv_linear` does not."""

    params: int
    conv_linear: int
    flops: int
    activations: int

    def agrees(self, cost: Cost) -> bool:
        """Whether fvcore's counts of the same quantities equal `cost`."""
        return (self.params, self.conv_linear, self.activations) == (cost.params, cost.flops, cost.activations)


@dataclass(frozen=True)
class Analysis:
    """Costs of a network at one resolution in pixels.

    structure: None for a network that was designed elsewhere. output: shape before global pooling. graph:
    makes its op graph. fit: whether it fits a target, if one was named.
    """

    network: str
    structure: Structure | None
    resolution: Size
    num_classes: int
    use_se: bool
    parts: tuple[Part, ...]
    total: Cost
    output: Shape
    fvcore: FvcoreCount | None
    graph: Callable[[], OpGraph] = field(repr=False, compare=False)
    fit: Fit | None = None

    @cached_property
    def memory(self) -> MemoryUse | str:
        """What it needs of a chip, or the reason why that is not known. Plans of memory take time, so it is only made
        for those who ask."""
        return memory_use(self.graph())

    @property
    def disagrees(self) -> bool:
        """Whether fvcore was used and its counts differ."""
        return self.fvcore is not None and not self.fvcore.agrees(self.total)

    def to_json(self) -> dict[str, Any]:
        """Return the analysis for JSON."""
        checked = None
        if self.fvcore is not None:
            checked = {**vars(self.fvcore), "agrees": self.fvcore.agrees(self.total)}
        return {
            "network": self.network,
            "structure": None if self.structure is None else str(self.structure),
            "resolution": self.resolution,
            "num_classes": self.num_classes,
            "use_se": self.use_se,
            **self.total.to_json(),
            **self._memory_json(),
            **({} if self.fit is None else {"target": self.fit.to_json()}),
            "output_shape": list(self.output.dims),
            "blocks": [
                {"block": part.name, "output": part.output, **part.cost.to_json(), "live_bytes": self.live(part)}
                for part in self.parts
            ],
            "fvcore": checked,
        }

    def live(self, part: Part) -> int | None:
        """Return the most bytes in use at once while a part runs; None if that is not known, or if other parts take
        over all of its operations.
        """
        return None if isinstance(self.memory, str) else self.memory.live_bytes.get(part.block)

    def _memory_json(self) -> dict[str, Any]:
        if isinstance(self.memory, str):
            return {"no_memory": self.memory}
        peak = next(part.name for part in self.parts if part.block == self.memory.peak_block)
        return {**self.memory.to_json(), "peak_block": peak}


def analyze(network: Network, check: bool = True, target: Target | None = None) -> Analysis:
    """Count a network of any origin block by block. check: also let fvcore count its module. target: a chip or board
    that it may fit.

    Raises StructureError, LatencyError for a network that cannot be read, and AnalysisError if there is not enough
    memory.
    """
    if network.structure is None:
        found = _analyze_graph(network, check)
    else:
        found = analyze_network(
            network.structure,
            resolution=network.resolution,
            num_classes=network.num_classes,
            use_se=network.use_se,
            check=check,
        )
    return found if target is None else replace(found, fit=fit(network.graph, target))


def _analyze_graph(network: Network, check: bool) -> Analysis:
    """Count a network that has no structure, see `analyze`."""
    checked_resolution(network.resolution, StructureError)
    graph = network.graph
    costs, seen = dict[int, Cost](), set[str]()
    last = dict[int, Shape]()
    for node in graph.nodes:
        cost = op_cost(node.op, node.shape)
        if node.path in seen:  # a layer that is used again
            cost = replace(cost, params=0)
        elif cost.params:
            seen.add(node.path)
        weighted = isinstance(node.op, (Conv, FreeConv, Linear))
        costs[node.block] = costs.get(node.block, FREE) + replace(cost, layers=int(weighted))
        last[node.block] = node.shape
    order = [*(block for block in costs if block != HEAD), *(block for block in costs if block == HEAD)]
    parts = [Part(network.block_name(block), str(last[block]), costs[block], block) for block in order]
    total = sum(costs.values(), start=FREE)
    output = graph.shape_of(graph.block_outputs[-1])
    checked = _checked(network.module, graph.input, network.batch) if check else None
    return Analysis(
        network.name,
        None,
        network.resolution,
        network.num_classes,
        False,
        tuple(parts),
        total,
        output,
        checked,
        lambda: graph,
    )


def analyze_network(
    structure: Structure, *, resolution: Size, num_classes: int, use_se: bool = False, check: bool = True
) -> Analysis:
    """Count a network block by block. check: also build it and let fvcore count it.

    resolution: size of the input in pixels. Raises StructureError if the structure is not a network, and
    AnalysisError if there is not enough memory to build it.
    """
    resolution = checked_resolution(resolution, StructureError)
    options = Options(use_se=use_se)
    model = CostModel(resolution, num_classes, options)
    blocks = model.blocks(structure)
    parts = [
        Part(str(spec), str(b.shape), b.cost, i)
        for i, (spec, b) in enumerate(zip(structure.blocks, blocks, strict=True))
    ]
    parts.append(Part("classifier", str(num_classes), head_cost(blocks[-1].shape.channels, num_classes), HEAD))

    def made() -> nn.Module:
        from PlainNet.masternet import build

        return build(structure, num_classes=num_classes, use_se=use_se)

    checked = _checked(made, Shape(in_channels(structure.blocks[0]), resolution)) if check else None
    return Analysis(
        str(structure),
        structure,
        resolution,
        num_classes,
        use_se,
        tuple(parts),
        model(structure),
        blocks[-1].shape,
        checked,
        partial(lower, structure, resolution=resolution, num_classes=num_classes, options=options),
    )


def _checked(made: Callable[[], nn.Module], image: Shape, batch: int = 1) -> FvcoreCount:
    try:
        return fvcore_count(made(), image, batch)
    except (MemoryError, RuntimeError) as error:
        # torch reports this as a RuntimeError, which it uses for other errors too.
        if not isinstance(error, MemoryError) and "memory" not in str(error):
            raise
        raise AnalysisError(
            f"not enough memory to build the network at {size_text(image.size)} pixels for fvcore to count: "
            "skip this with zennas analyze --no-check"
        ) from None


def fvcore_count(network: nn.Module, image: Shape, batch: int = 1) -> FvcoreCount:
    """Count parameters, and multiply–accumulates and activations per image, with fvcore. Imports torch."""
    import torch

    with warnings.catch_warnings():
        # fvcore traces and scripts with torch.jit, which newer versions of torch deprecate.
        warnings.filterwarnings("ignore", message=".*torch.jit.*")
        from fvcore.nn import ActivationCountAnalysis, FlopCountAnalysis

        network.eval()
        images = torch.zeros(batch, *image.dims)
        flops, active = (
            count(network, images).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
            for count in (FlopCountAnalysis, ActivationCountAnalysis)
        )
        operators = flops.by_operator()
        return FvcoreCount(
            params=sum(p.numel() for p in network.parameters()),
            conv_linear=int(operators.get("conv", 0) + operators.get("linear", 0)) // batch,
            flops=int(flops.total()) // batch,
            activations=int(active.total()) // batch,
        )


def analysis_table(analysis: Analysis) -> list[Rows | str]:
    """Return the analysis as a table, with each block's share of the whole, and the notes below it."""
    total = analysis.total
    numbers = ("output", "params", "", "FLOPs", "", "activations", "RAM")
    rows = Rows(("block", *numbers), right=numbers, folded=("block",))
    for part in analysis.parts:
        cost = part.cost
        rows.add_row(
            part.name.replace(",", ", "),  # so that narrow terminals break lines between arguments
            part.output,
            format_count(cost.params),
            _share(cost.params, total.params),
            format_count(cost.flops),
            _share(cost.flops, total.flops),
            format_count(cost.activations),
            _live(analysis, part),
        )
    rows.add_row(
        f"total, {counted(total.layers, 'layer')}",
        "",
        f"{total.params:,}",
        "",
        f"{total.flops:,}",
        "",
        format_count(total.activations),
        "" if isinstance(analysis.memory, str) else f"{analysis.memory.ram_bytes:,}",
        bold=True,
    )
    excited = f"squeeze-and-excitation {'on' if analysis.use_se else 'off'}; "
    notes = [
        f"{size_text(analysis.resolution)} pixels, {analysis.num_classes} classes"
        f"{'; ' if analysis.structure is None else ', ' + excited}"
        "FLOPs are multiply–accumulates of conv and linear layers"
    ]
    notes.append(_memory_note(analysis))
    if analysis.fit is not None:
        notes += fit_lines(analysis.fit)
    if analysis.fvcore is not None:
        verdict = "DISAGREES" if analysis.disagrees else "agrees"
        notes.append(
            f"fvcore on the built module {verdict}: {analysis.fvcore.params:,} parameters, "
            f"{analysis.fvcore.conv_linear:,} for conv and linear layers "
            f"({analysis.fvcore.flops:,} with batch-norm and pooling)"
        )
    return [rows, *notes]


def fit_lines(fit: Fit) -> list[str]:
    """Return whether a network fits a target, and all reasons why not."""
    return [str(fit), *(f"  {line}" for line in fit.broken[1:])]


def _live(analysis: Analysis, part: Part) -> str:
    live = analysis.live(part)
    if live is None or isinstance(analysis.memory, str):
        return "–"
    return f"{'peak ' if part.block == analysis.memory.peak_block else ''}{format_count(live)}"


def _memory_note(analysis: Analysis) -> str:
    found = analysis.memory
    if isinstance(found, str):
        return f"RAM and flash are not known: {found}"
    return (
        f"RAM {found.ram_bytes:,} bytes, with its peak at {found.peak_operator} "
        f"({found.ram_bytes_planner:,} without the plan in the file), flash {found.flash_bytes:,} bytes, "
        "in INT8 on a microcontroller"
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"
