"""Targets as text: a row of a table for each, and everything known about one."""

from __future__ import annotations

from zennas.budget.target import Target

COLUMNS = ("target", "what it is", "RAM", "flash", "weights", "rules")
RIGHT = ("RAM", "flash", "weights")


def cells(target: Target) -> tuple[str, ...]:
    """Return a row of the table: what a network can use of each memory, in bytes, without what firmware needs."""
    budget = target.budget()
    sizes = ("–" if size is None else f"{size:,}" for size in (budget.ram, budget.flash, target.weights))
    return (target.name, target.title, *sizes, str(target.rules))


def lines(target: Target) -> list[str]:
    """Return what is known about a target, in sentences."""
    budget = target.budget()
    found = []
    for title, size, reserved, left in (
        ("RAM", target.ram, target.ram_reserved, budget.ram),
        ("flash", target.flash, target.flash_reserved, budget.flash),
    ):
        if size is None or left is None:
            found.append(f"{title}: no limit")
        else:
            found.append(f"{title}: {size:,} bytes, {reserved:,} of them for firmware, {left:,} for the network")
    if target.weights is not None:
        found.append(f"weights: {target.weights:,} bytes")
    options = ", ".join(f"{name} {value}" for name, value in target.export.options.items())
    found.append(f"rules: {target.rules}")
    found.append(f"search space: {target.search_space}")
    found.append(f"export: {target.export.format}{f' ({options})' if options else ''}, in {target.precision}")
    found.append(f"latency without the device: {target.latency or 'not known'}")
    found += [f"source: {source}" for source in target.sources]
    found += [f"note: {note}" for note in target.notes]
    return found
