"""Which architectures are scored: a random sample of a table, in which those that score alike share a score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from PlainNet import Cost, Options, ParseError, Structure, StructureError, parse
from PlainNet.cost import CostModel
from SearchSpace import CellSpace, SearchSpace, SearchSpaceError
from zennas.accuracy.tables import AccuracyTable, TableError
from zennas.common.errors import WrongSettingError
from zennas.correlation.settings import CorrelateSettings


@dataclass(frozen=True)
class Sample:
    """Architectures by their notations, in the order in which they were drawn.

    accuracies: in percent. same_as: for each, the position of the first that scores like it, its own or an earlier
    one. population: how many architectures of the table could have been drawn.
    """

    notations: tuple[str, ...]
    accuracies: tuple[float, ...]
    same_as: tuple[int, ...]
    population: int

    def __len__(self) -> int:
        return len(self.notations)

    @property
    def distinct(self) -> list[int]:
        """The positions of those that are scored themselves."""
        return [i for i, first in enumerate(self.same_as) if i == first]

    def to_json(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, stored: Any) -> Sample:
        return cls(
            tuple(stored["notations"]), tuple(stored["accuracies"]), tuple(stored["same_as"]), stored["population"]
        )


def draw(
    settings: CorrelateSettings, table: AccuracyTable, space: SearchSpace
) -> tuple[Sample, list[Structure], list[Cost]]:
    """A sample without replacement of the architectures with that accuracy, and their structures and costs.

    A smaller sample of the same seed is the beginning of a larger one. Raises TableError, WrongSettingError.
    """
    accuracies = table.column(settings.dataset, settings.split, settings.epochs)
    order = [int(i) for i in np.flatnonzero(~np.isnan(accuracies))]
    if settings.sample > len(order):
        raise WrongSettingError(
            f"sample is {settings.sample:,}, expected from 2 to {len(order):,}, the architectures with that accuracy"
        )
    Random(settings.seed).shuffle(order)
    chosen = order[: settings.sample]
    notations = tuple(table.architectures[i] for i in chosen)
    read = reader(space)
    canonical: Callable[[Structure], str] = space.canonical if isinstance(space, CellSpace) else str
    model = CostModel(settings.resolution, settings.num_classes, Options())
    structures, costs, names = [], [], []
    for notation in notations:
        try:
            structure = read(notation)
            cost = model(structure)
        except (SearchSpaceError, ParseError) as error:
            what = str(error).partition("\n")[0]  # a parse error goes on with a picture of the place
            raise TableError(f"{table.name}: {what}; is {space.name} the space of this table?") from None
        except StructureError as error:
            what = f"{notation[:120]} at {settings.resolution}×{settings.resolution} pixels"
            raise TableError(f"{table.name}: {what}: {error}") from None
        structures.append(structure)
        costs.append(cost)
        # Costs have to be equal too: operations that lead nowhere have weights and ReLUs that some proxies count.
        names.append((canonical(structure), cost))
    sample = Sample(notations, tuple(float(accuracies[i]) for i in chosen), _first_of_each(names), len(order))
    return sample, structures, costs


def reader(space: SearchSpace) -> Callable[[str], Structure]:
    """What reads an architecture: in the space's notation where it has one, else as a structure string.

    The function raises SearchSpaceError or ParseError.
    """
    return space.read if isinstance(space, CellSpace) else parse


def _first_of_each(names: Sequence[object]) -> tuple[int, ...]:
    first: dict[object, int] = {}
    return tuple(first.setdefault(name, i) for i, name in enumerate(names))
