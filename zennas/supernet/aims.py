"""The costs in the loss that settings ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PlainNet.sizes import Size
from zennas.supernet.cost import CostLoss, Costs, Penalty
from zennas.supernet.cost_settings import PREDICTOR, TABLE, CostSettings
from zennas.supernet.peaks import ram_table
from zennas.supernet.spaces import SuperSpace
from zennas.supernet.tables import counted, looked_up, predicted


def cost_loss(asked: CostSettings, space: SuperSpace, *, resolution: Size, num_classes: int) -> CostLoss:
    """Return what the choices cost in the loss. Raises SupernetError if a candidate has no cost, or a form no value."""
    sizes: dict[str, Any] = {"resolution": resolution, "num_classes": num_classes}
    pairs: list[tuple[Costs, float]] = []
    for source, reference in zip(asked.latency_backend, asked.ref_latency_ms, strict=True):
        if source.startswith(PREDICTOR):
            pairs.append((predicted(space, source.removeprefix(PREDICTOR), **sizes), reference))
        else:
            pairs.append((looked_up(space, Path(source.removeprefix(TABLE)), **sizes), reference))
    for what, aim in (("flops", asked.ref_flops), ("params", asked.ref_params)):
        if aim is not None:
            pairs.append((counted(space, what, **sizes), float(aim)))
    if asked.ref_ram is not None:
        pairs.append((ram_table(space, **sizes), float(asked.ref_ram)))
    penalties = tuple(Penalty(table, reference) for table, reference in pairs)
    return CostLoss(penalties, asked.cost_form, asked.cost_weight, asked.cost_power, asked.cost_scale)
