"""The architectures that are scored: a random sample of a table; equivalent architectures share their scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from PlainNet import Cost, Options, ParseError, Structure, StructureError, parse
from PlainNet.blocktype import in_channels
from PlainNet.cost import CostModel
from PlainNet.edit import for_channels
from PlainNet.sizes import size_text
from SearchSpace import CellSpace, SearchSpace, SearchSpaceError
from zennas.accuracy.tables import AccuracyTable, TableError
from zennas.common.errors import WrongSettingError
from zennas.common.limits import check_kind, check_number, check_whole
from zennas.common.numbers import counted
from zennas.correlation.settings import CorrelateSettings

USUAL = 1000
"""The number of architectures of a sample, if a table has so many."""


@dataclass(frozen=True)
class Sample:
    """A sample of architectures.

    notations: the architectures in the order in which they were drawn.
    accuracies: their accuracies in percent.
    same_as: for each, the position of the first architecture that is equivalent to it, which can be its own.
    population: number of architectures in the table that could have been drawn.
    """

    notations: tuple[str, ...]
    accuracies: tuple[float, ...]
    same_as: tuple[int, ...]
    population: int

    def __len__(self) -> int:
        return len(self.notations)

    @property
    def distinct(self) -> list[int]:
        """The positions of the architectures that are scored."""
        return [i for i, first in enumerate(self.same_as) if i == first]

    def to_json(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, stored: Any) -> Sample:
        """Return the sample that a run stores. Raises KeyError, TypeError or ValueError if it is not one."""
        notations, accuracies, same_as = (tuple(stored[name]) for name in ("notations", "accuracies", "same_as"))
        if not len(notations) == len(accuracies) == len(same_as):
            raise ValueError("notations, accuracies and same_as of the sample differ in length")
        for i, (notation, accuracy, first) in enumerate(zip(notations, accuracies, same_as, strict=True)):
            check_kind("a notation", notation, str, ValueError)
            check_number("an accuracy", accuracy, ValueError)
            check_whole("same_as", first, ValueError, least=0, most=i)
        check_whole("population", stored["population"], ValueError)
        return cls(notations, accuracies, same_as, stored["population"])


def draw(
    settings: CorrelateSettings, table: AccuracyTable, space: SearchSpace
) -> tuple[Sample, list[Structure], list[Cost]]:
    """Draw architectures that have the wanted accuracy, without replacement; return them with their structures and
    costs.

    A smaller sample with the same seed is the beginning of a larger one. Raises TableError if the table does not fit
    the space, and WrongSettingError if the sample is too large.
    """
    column = table.find(settings.dataset, settings.split, settings.epochs, settings.training)
    accuracies = table.columns[column]
    order = [int(i) for i in np.flatnonzero(~np.isnan(accuracies))]
    if len(order) < 2:
        raise TableError(f"{settings.table} has {counted(len(order), 'network')} with {column}, expected at least 2")
    size = min(USUAL, len(order)) if settings.sample is None else settings.sample
    if size > len(order):
        raise WrongSettingError(
            f"sample is {size:,}, expected from 2 to {len(order):,}, the number of architectures with this accuracy"
        )
    Random(settings.seed).shuffle(order)
    chosen = order[:size]
    notations = tuple(table.architectures[i] for i in chosen)
    read = reader(space)
    canonical: Callable[[Structure], str] = space.canonical if isinstance(space, CellSpace) else str
    model = CostModel(settings.resolution, settings.num_classes, Options())
    structures, costs, names = [], [], []
    for notation in notations:
        try:
            own = read(notation)
            structure = shown(own, settings.in_channels)
            cost = model(structure)
        except (SearchSpaceError, ParseError) as error:
            what = str(error).partition("\n")[0]  # a parse error has more lines, which show the position
            raise TableError(f"{table.name}: {what}; is {space.name} the space of this table?") from None
        except StructureError as error:
            what = f"{notation[:120]} at {size_text(settings.resolution)} pixels"
            raise TableError(f"{table.name}: {what}: {error}") from None
        structures.append(structure)
        costs.append(cost)
        # Costs must be equal, too: some proxies count the weights and ReLUs of unused operations.
        names.append((canonical(own), cost))
    sample = Sample(notations, tuple(float(accuracies[i]) for i in chosen), _first_of_each(names), len(order))
    return sample, structures, costs


def reader(space: SearchSpace) -> Callable[[str], Structure]:
    """Return a function that parses an architecture: in the notation of the space if there is one, else a structure
    string.

    The function raises SearchSpaceError or ParseError.
    """
    return space.read if isinstance(space, CellSpace) else parse


def shown(structure: Structure, channels: int | None) -> Structure:
    """Return a network of a table for images of so many channels; None for its own."""
    return structure if channels is None else for_channels(structure, channels)


def channels_of(structures: Iterable[Structure]) -> int:
    """Return the channels of the images that all networks take. Raises WrongSettingError if they differ."""
    found = sorted({in_channels(structure.blocks[0]) for structure in structures})
    if len(found) > 1:
        raise WrongSettingError(
            f"the networks take images of {' and '.join(map(str, found))} channels, expected one number: choose it "
            "with --in-channels"
        )
    return found[0]


def _first_of_each(names: Sequence[object]) -> tuple[int, ...]:
    first: dict[object, int] = {}
    return tuple(first.setdefault(name, i) for i, name in enumerate(names))
