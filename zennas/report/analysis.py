"""Costs of a network block by block, compared with fvcore's counts on the built module."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from PlainNet import Cost, Options, Structure, StructureError
from PlainNet.blocktype import in_channels
from PlainNet.cost import CostModel, head_cost
from PlainNet.ops import Shape
from zennas.common.errors import ZennasError
from zennas.common.layout import Rows
from zennas.common.limits import check_resolution
from zennas.common.numbers import counted, format_count


class AnalysisError(ZennasError, RuntimeError):
    """An analysis cannot be carried out on this machine."""


@dataclass(frozen=True)
class Part:
    """One row of an analysis: a block or the classifier."""

    name: str
    output: str
    cost: Cost


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
    """Costs of a network at one resolution in pixels. output: shape before global pooling."""

    structure: Structure
    resolution: int
    num_classes: int
    use_se: bool
    parts: tuple[Part, ...]
    total: Cost
    output: Shape
    fvcore: FvcoreCount | None

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
            "structure": str(self.structure),
            "resolution": self.resolution,
            "num_classes": self.num_classes,
            "use_se": self.use_se,
            **cost_json(self.total),
            "output_shape": list(self.output.dims),
            "blocks": [{"block": part.name, "output": part.output, **cost_json(part.cost)} for part in self.parts],
            "fvcore": checked,
        }


def cost_json(cost: Cost) -> dict[str, int]:
    """Return a cost for JSON, by the names of its fields."""
    return {"params": cost.params, "flops": cost.flops, "activations": cost.activations, "layers": cost.layers}


def analyze_network(
    structure: Structure, *, resolution: int, num_classes: int, use_se: bool = False, check: bool = True
) -> Analysis:
    """Count a network block by block. check: also build it and let fvcore count it.

    resolution: side of the square input in pixels. Raises StructureError if the structure is not a network, and
    AnalysisError if there is not enough memory to build it.
    """
    check_resolution(resolution, StructureError)
    model = CostModel(resolution, num_classes, Options(use_se=use_se))
    blocks = model.blocks(structure)
    parts = [Part(str(spec), str(b.shape), b.cost) for spec, b in zip(structure.blocks, blocks, strict=True)]
    parts.append(Part("classifier", str(num_classes), head_cost(blocks[-1].shape.channels, num_classes)))
    checked = _checked(structure, resolution, num_classes, use_se) if check else None
    return Analysis(
        structure, resolution, num_classes, use_se, tuple(parts), model(structure), blocks[-1].shape, checked
    )


def _checked(structure: Structure, resolution: int, num_classes: int, use_se: bool) -> FvcoreCount:
    try:
        return fvcore_count(structure, resolution, num_classes, use_se)
    except (MemoryError, RuntimeError) as error:
        # torch reports this as a RuntimeError, which it uses for other errors too.
        if not isinstance(error, MemoryError) and "memory" not in str(error):
            raise
        raise AnalysisError(
            f"not enough memory to build the network at {resolution}×{resolution} pixels for fvcore to count: "
            "skip this with zennas analyze --no-check"
        ) from None


def fvcore_count(structure: Structure, resolution: int, num_classes: int, use_se: bool) -> FvcoreCount:
    """Count parameters, multiply–accumulates and activations of the module with fvcore. Imports torch."""
    import torch

    from PlainNet.masternet import build

    with warnings.catch_warnings():
        # fvcore traces and scripts with torch.jit, which newer versions of torch deprecate.
        warnings.filterwarnings("ignore", message=".*torch.jit.*")
        from fvcore.nn import ActivationCountAnalysis, FlopCountAnalysis

        network = build(structure, num_classes=num_classes, use_se=use_se).eval()
        image = torch.zeros(1, in_channels(structure.blocks[0]), resolution, resolution)
        flops = FlopCountAnalysis(network, image).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        active = (
            ActivationCountAnalysis(network, image).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        )
        operators = flops.by_operator()
        return FvcoreCount(
            params=sum(p.numel() for p in network.parameters()),
            conv_linear=int(operators.get("conv", 0) + operators.get("linear", 0)),
            flops=int(flops.total()),
            activations=int(active.total()),
        )


def analysis_table(analysis: Analysis) -> list[Rows | str]:
    """Return the analysis as a table, with each block's share of the whole, and the notes below it."""
    total = analysis.total
    numbers = ("output", "params", "", "FLOPs", "", "activations")
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
        )
    rows.add_row(
        f"total, {counted(total.layers, 'layer')}",
        "",
        f"{total.params:,}",
        "",
        f"{total.flops:,}",
        "",
        format_count(total.activations),
        bold=True,
    )
    notes = [
        f"{analysis.resolution}×{analysis.resolution} pixels, {analysis.num_classes} classes, "
        f"squeeze-and-excitation {'on' if analysis.use_se else 'off'}; "
        "FLOPs are multiply–accumulates of conv and linear layers"
    ]
    if analysis.fvcore is not None:
        verdict = "DISAGREES" if analysis.disagrees else "agrees"
        notes.append(
            f"fvcore on the built module {verdict}: {analysis.fvcore.params:,} parameters, "
            f"{analysis.fvcore.conv_linear:,} for conv and linear layers "
            f"({analysis.fvcore.flops:,} with batch-norm and pooling)"
        )
    return [rows, *notes]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"
