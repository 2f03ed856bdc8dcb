"""A search for programs on networks from tables: statistics, search and result in one folder. It needs torch.

    settings.toml   the settings, for `--config`
    tasks.json      the settings, the networks with their accuracies, and where and when the search was begun
    statistics/     a folder of statistics for each task, see `cache.py`
    …               what `running.py` has

Whoever continues a search needs no table and no search space, whose files could run code.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PlainNet import parse
from PlainNet.errors import reason
from PlainNet.files import write_text
from SearchSpace import lasting_space
from zennas.accuracy.tables import located
from zennas.common.config import SETTINGS_FILE, write_config
from zennas.common.environment import environment
from zennas.common.progress import WorkProgress, unwatched
from zennas.common.settings_text import differences, restored, to_json
from zennas.correlation.data import lasting_images
from zennas.discovering.cache import Stored
from zennas.discovering.choices import EvolutionSettings
from zennas.discovering.collecting import collect
from zennas.discovering.errors import DiscoveryError
from zennas.discovering.files import ANEW, HEAD, STATISTICS, TASKS, read_json
from zennas.discovering.fitness import Task
from zennas.discovering.grammar import deap
from zennas.discovering.running import Discovery, discover
from zennas.discovering.source_settings import SourceSettings
from zennas.discovering.sources import Source, bytes_of_sources, collecting, drawn_sources, images_of
from zennas.discovering.tasks import with_statistics
from zennas.searching.executors.base import ExecutorSettings

FORMAT = 1


@dataclass(frozen=True)
class Prepared:
    """A search whose networks have been drawn. size: the bytes that their statistics take at most."""

    sources: tuple[Source, ...]
    settings: SourceSettings
    evolution: EvolutionSettings
    size: int


def prepare(settings: SourceSettings, evolution: EvolutionSettings, folder: Path) -> Prepared:
    """Draw the networks of a new search and store them in the folder.

    Raises DiscoveryError if the folder has a search, its disk has too little space for the statistics, or DEAP is not
    installed; and what `sources.drawn_sources` raises.
    """
    deap("gp")  # which is needed only after the statistics, but they may take long
    if (folder / TASKS).exists() or (folder / HEAD).exists():
        raise DiscoveryError(f"{folder} has a search already: continue it, or choose another folder")
    settings = _lasting(settings)
    sources = tuple(drawn_sources(settings, evolution.seed))
    size = bytes_of_sources(settings, sources)
    place = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(place).free
    if size > free:
        raise DiscoveryError(
            f"the statistics take up to {size / 1e9:.2f} GB, but {folder} has {free / 1e9:.2f} GB left: choose fewer "
            "networks or statistics, or another folder"
        )
    content = {
        "format": FORMAT,
        "settings": to_json(settings),
        "evolution": evolution.to_json(),
        "environment": environment(),
        "created": time.time(),
        "tasks": [
            {
                "name": source.name,
                "num_classes": source.num_classes,
                "structures": [str(structure) for structure in source.structures],
                "accuracies": list(source.accuracies),
            }
            for source in sources
        ],
    }
    write_config(folder / SETTINGS_FILE, settings, evolution)
    write_text(folder / TASKS, json.dumps(content, indent=1) + "\n")
    return Prepared(sources, settings, evolution, size)


def opened(folder: Path) -> Prepared:
    """Return the search in a folder, to continue it. Raises DiscoveryError if there is none, or it is damaged."""
    path = folder / TASKS
    if not path.exists():
        raise DiscoveryError(f"{folder} has no search for programs: it has no {TASKS}")
    found = read_json(path, ANEW)
    if found.get("format") != FORMAT:
        raise DiscoveryError(f"{path} has format {found.get('format')!r:.80}, expected {FORMAT}")
    try:
        settings = restored(SourceSettings, found["settings"])
        evolution = EvolutionSettings.from_json(found["evolution"])
        sources = tuple(map(_source, found["tasks"]))
        size = bytes_of_sources(settings, sources)
    except (KeyError, TypeError, ValueError) as error:  # also of structures and settings
        raise DiscoveryError(f"{path} is damaged: {reason(error)}; {ANEW}") from None
    return Prepared(sources, settings, evolution, size)


def check_same(prepared: Prepared, settings: SourceSettings, evolution: EvolutionSettings, folder: Path) -> None:
    """Raise DiscoveryError, with the first difference, if the search in a folder was begun with other settings."""
    ours = {**to_json(prepared.settings), **prepared.evolution.to_json()}
    found = differences(ours, {**to_json(_lasting(settings)), **evolution.to_json()})
    if found:
        raise DiscoveryError(f"the search in {folder} has other settings: {found[0]}; choose another folder")


def _lasting(settings: SourceSettings) -> SourceSettings:
    """The settings with absolute paths, which mean the same in any folder."""
    return replace(
        settings,
        tables=tuple(str(located(table).resolve()) for table in settings.tables),
        spaces=tuple(map(lasting_space, settings.spaces)),
        data=lasting_images(settings.data),
    )


def carry_out(
    prepared: Prepared,
    folder: Path,
    collected: WorkProgress = unwatched,
    evolved: WorkProgress = unwatched,
    executor: ExecutorSettings = ExecutorSettings(),
) -> Discovery:
    """Collect the statistics that are not there yet, search or continue the search, and return the result.

    Networks without statistics are left out. collected, evolved: called with the networks or generations done, their
    total, and a note. executor: where programs are evaluated.

    Raises what `collecting.collect` and `running.discover` raise.
    """
    tasks, held_out = [], []
    for number, source in enumerate(prepared.sources):
        stored = _stored(prepared, number, folder / STATISTICS / str(number + 1), collected)
        cut = prepared.settings.networks
        tasks.append(_task(source, stored, slice(cut)))
        held_out.append(_task(source, stored, slice(cut, None)))
    return discover(prepared.evolution, tasks, held_out, folder, (folder / HEAD).exists(), evolved, executor)


def _stored(prepared: Prepared, number: int, folder: Path, progress: WorkProgress) -> list[Stored]:
    source, seed = prepared.sources[number], prepared.evolution.seed
    images = images_of(prepared.settings, source, seed)
    chosen = collecting(prepared.settings, source, seed)
    cache = collect(source.structures, images, folder, chosen, progress)
    return [cache.network(structure) for structure in source.structures]


def _task(source: Source, stored: Sequence[Stored], part: slice) -> Task:
    return with_statistics(source.name, stored[part], source.accuracies[part])


def _source(found: Any) -> Source:
    structures, accuracies = tuple(map(parse, found["structures"])), tuple(map(float, found["accuracies"]))
    if len(structures) != len(accuracies):
        raise ValueError(f"there are {len(structures)} structures, but {len(accuracies)} accuracies")
    return Source(str(found["name"]), int(found["num_classes"]), structures, accuracies)
