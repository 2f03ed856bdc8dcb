"""The program that a search has found: as a formula, as a drawing, and as text."""

from __future__ import annotations

import shlex

from zennas.discovering.files import BEST
from zennas.discovering.record import DiscoveryRecord
from zennas.pages.expressions import expression_of
from zennas.pages.parts import Code, Diagram, Formula, Part, Text
from zennas.pages.record import Record
from zennas.pages.section import Section, register

_REDUCED = {"mean": "the mean", "sum": "the sum", "l2": "the norm"}


def parts(record: Record) -> list[Part]:
    """The best program so far, how it becomes a score, and how to use it."""
    found = record.discovery
    if found is None or found.best is None:
        return []
    expression = expression_of(found.best)
    drawn: list[Part] = []
    if expression is not None:
        drawn = [
            Formula(expression),
            Diagram("The program as a tree: its result, and to the right what it reads", expression),
        ]
    return [Text(_about(found), quiet=True), *drawn, Code(found.best, "As text", folded=True), *_use(found)]


def _about(found: DiscoveryRecord) -> str:
    reduced = _REDUCED.get(found.settings.to_scalar, found.settings.to_scalar)
    which = "" if found.outcome is not None else f" So far it is the best of generation {len(found.generations)}."
    if found.sources is not None and found.sources.terminals == "closed-form":
        how = (
            "What it reads are numbers for each convolution of a network, or for the whole network. The score is "
            f"{reduced} of the result, if there are still several numbers."
        )
    else:
        units = "relu-conv-bn" if found.sources is None else found.sources.units
        names = {"relu": "ReLU", "conv": "convolution", "bn": "batch-norm"}
        unit = ", ".join(names[part] for part in units.split("-"))
        how = (
            f"Each unit of {unit} gives {reduced} of all elements of this, and the score of a network is the mean over "
            "its units."
        )
    return f"{how} Higher is better.{which}"


def _use(found: DiscoveryRecord) -> list[Part]:
    if found.outcome is None:
        return []
    name = shlex.quote(f"program:{found.folder / BEST}")
    return [Code(f"zennas score NETWORK --proxy {name}\nzennas search --budget-params 1M --proxy {name}", "To use it")]


register(Section("program", "The program", 15, parts))
