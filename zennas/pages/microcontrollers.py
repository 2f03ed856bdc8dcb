"""Whether the RAM of a microcontroller concerns a run, and what it is held against."""

from __future__ import annotations

from zennas.budget.target import find_target
from zennas.common.errors import ZennasError
from zennas.pages.record import Record
from zennas.searching.fronts.front import memories_that_matter
from zennas.searching.settings import SearchSettings
from zennas.supernet.cost_settings import CostSettings

INT8 = "int8"
_FORMATS = ("litert-int8", "c-array")


def in_int8(record: Record) -> bool:
    """Return whether a run is about networks in INT8: it limits or minimises RAM or flash, is for a chip that takes
    LiteRT files in INT8, or has a file in INT8.
    """
    search, costs = record.search, _costs(record)
    return (
        (search is not None and (bool(memories_that_matter(search.settings)) or _for_int8(search.settings)))
        or (costs is not None and costs.ref_ram is not None)
        or any(one.precision == INT8 for one in record.exports)
    )


def ram_limit(record: Record) -> tuple[str, int] | None:
    """Return the RAM that a run allows its networks or aims at, in bytes, and which of both it is."""
    search, costs = record.search, _costs(record)
    if search is not None and search.settings.budget.ram is not None:
        return "budget", search.settings.budget.ram
    return None if costs is None or costs.ref_ram is None else ("aim", costs.ref_ram)


def _for_int8(settings: SearchSettings) -> bool:
    try:
        return settings.target is not None and find_target(settings.target).export.format in _FORMATS
    except ZennasError:  # a file of the machine that searched, or a target of a package, which is not here
        return False


def _costs(record: Record) -> CostSettings | None:
    """The costs in the loss of a search in a supernet."""
    found = record.supernet or record.supernet_front
    return None if found is None else found.job.costs
