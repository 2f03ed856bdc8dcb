"""Designs in a list of runs."""

from __future__ import annotations

from zennas.designing.record import Design, read_design
from zennas.report.kind import RunKind, register

register(
    RunKind(
        "design",
        Design,
        read_design,
        lambda design: design.folder,
        lambda design: design.asked,
        lambda design: design.found,
    )
)
