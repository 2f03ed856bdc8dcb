"""The history of a search, kept whole as long as it has room: its best is the result.

A rank is relative to those that are ranked. So a search by ranks keeps all candidates, and the best is the best of the
history; the best of the last few is another one.
"""

from __future__ import annotations

from zennas.searching.population import PopulationSearch

ROOM = 8192
LEFT = 4096


def forget_worst(search: PopulationSearch, room: int = ROOM, left: int = LEFT) -> None:
    """If a search keeps `room` candidates, drop all but the `left` best of them; of equal ones, the first stay."""
    population = search.population
    if len(population) < room:
        return
    values = search.objective.values(population)
    order = sorted(range(len(population)), key=lambda i: (-values[i], population[i].id))
    for position in sorted(order[left:], reverse=True):
        search.drop(position)
