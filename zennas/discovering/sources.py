"""The networks of a search for programs, drawn from tables of accuracies. This file does not import torch by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from PlainNet import Structure
from SearchSpace import load_space
from zennas.accuracy.tables import read
from zennas.common.errors import WrongSettingError
from zennas.correlation.data import draw_batches
from zennas.correlation.sample import channels_of, draw
from zennas.correlation.settings import CorrelateSettings
from zennas.discovering.layout import bytes_of
from zennas.discovering.settings import CollectingSettings, Images
from zennas.discovering.source_settings import SourceSettings


@dataclass(frozen=True)
class Source:
    """The networks of a task, in the order in which they were drawn, with accuracies in percent.

    num_classes: the outputs of the networks.
    """

    name: str
    num_classes: int
    structures: tuple[Structure, ...]
    accuracies: tuple[float, ...]


def drawn_sources(settings: SourceSettings, seed: int) -> list[Source]:
    """Draw the networks of all tasks; of equivalent ones, the first.

    Raises WrongSettingError if a table has too few networks, or they take images of several channels, and what
    `zennas.correlation.sample.draw` raises.
    """
    found = []
    for number, (path, space, dataset) in enumerate(settings.triples, start=1):
        wanted = settings.networks + settings.held_out
        chosen = CorrelateSettings(
            table=path,
            space=space,
            dataset=dataset,
            split=settings.split,
            resolution=settings.resolution,
            in_channels=settings.in_channels,
            seed=seed,
            sample=2,
        )
        table = read(path)
        column = table.find(chosen.dataset, chosen.split, chosen.epochs, chosen.training)
        known = int(np.count_nonzero(~np.isnan(table.columns[column])))
        every = CorrelateSettings(**{**vars(chosen), "sample": max(2, min(known, 2 * wanted))})
        sample, structures, _ = draw(every, table, load_space(space))
        kept = sample.distinct[:wanted]
        if len(kept) < wanted:
            raise WrongSettingError(
                f"{path} has {len(kept)} different networks in {known}, expected {wanted}: choose fewer networks, or "
                "hold out fewer"
            )
        channels_of([structures[i] for i in kept])  # raises if these differ
        name = f"{number}-{Path(space).stem}-{dataset}"
        accuracies = tuple(sample.accuracies[i] for i in kept)
        found.append(Source(name, every.num_classes or 1, tuple(structures[i] for i in kept), accuracies))
    return found


def collecting(settings: SourceSettings, source: Source, seed: int) -> CollectingSettings:
    """Return what is collected of the networks of a task."""
    return CollectingSettings(
        settings.chosen_statistics,
        settings.batch_size,
        seed,
        settings.perturbation,
        num_classes=source.num_classes,
        units=settings.unit_kind,
    )


def bytes_of_sources(settings: SourceSettings, sources: Sequence[Source]) -> int:
    """Return the bytes that the statistics of all networks will take at most."""
    return sum(
        bytes_of(structure, collecting(settings, source, 0), settings.resolution)
        for source in sources
        for structure in source.structures
    )


def images_of(settings: SourceSettings, source: Source, seed: int) -> Images:
    """Return the images that networks see, (N, C, H, W).

    Raises DataError if there are none, and WrongSettingError if the networks take other channels.
    """
    chosen = CorrelateSettings(
        table=settings.tables[0],
        data=settings.data,
        resolution=settings.resolution,
        in_channels=settings.in_channels,
        num_classes=source.num_classes,
        batch_size=max(2, settings.batch_size),
        seed=seed,
    )
    return draw_batches(chosen, channels_of(source.structures)).batches[0].images
