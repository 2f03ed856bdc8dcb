"""Collecting the statistics of networks into a folder, once. Imports torch.

Each file is written under another name first, so a collection that is killed leaves complete networks, which the next
one keeps.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from PlainNet import Structure, lower
from PlainNet.errors import reason
from PlainNet.files import draft_beside, publish, write_text
from PlainNet.lock import LOCK, locked
from PlainNet.ops import OpGraph
from PlainNet.sizes import size_of
from zennas.common.progress import WorkProgress, unwatched
from zennas.discovering.cache import HEAD, Cache, checksum_of
from zennas.discovering.deriving import derived
from zennas.discovering.errors import CacheError
from zennas.discovering.layout import FLOAT, Layout, layout_of
from zennas.discovering.parts import Part, Plan, base_of, plan_of, stored_whole
from zennas.discovering.settings import CollectingSettings, Images, digest_of, header
from zennas.searching.executors.base import one_thread
from ZeroShotProxy import ScoreSettings
from ZeroShotProxy.engine.isolated import ProbeError
from ZeroShotProxy.engine.measures import network_of
from ZeroShotProxy.engine.probe import Probe
from ZeroShotProxy.programs.convolutions import closed_forms
from ZeroShotProxy.programs.errors import ProgramError
from ZeroShotProxy.programs.statistics import statistics_of_units

_DRAFT = re.compile(rf"\.({re.escape(HEAD)}|[0-9a-f]{{50}})\.[0-9a-f]{{8}}")
"""The names that `PlainNet/files.py` gives to unfinished files."""
_NOT_ENOUGH = "Expected more than 1 value per channel"
"""How torch says that a batch-norm gets one value a channel, as at the end of some networks for a batch of one."""


def collect(
    structures: Sequence[Structure],
    images: Images,
    folder: Path,
    settings: CollectingSettings = CollectingSettings(),
    progress: WorkProgress = unwatched,
) -> Cache:
    """Collect the statistics of networks that are not in the folder yet, and return the folder, opened.

    images: normalised images (N, C, H, W), of which the networks see the first `settings.batch`. A network that has no
    statistics is stored with the reason. progress: called with the networks done, their total, and the structure of the
    next one.

    Raises DiscoveryError if the images do not suit the settings, CacheError if the folder has anything else, is
    damaged, or was begun with other settings or images, LockError if another process collects into it, and OSError if
    it cannot be written.
    """
    seen = settings.of_these(images)
    head = header(settings, seen)
    batch = torch.from_numpy(seen.copy())
    todo = list(dict.fromkeys(structures))
    with locked(folder, "the folder of statistics"), one_thread(torch=True):  # for the same bits everywhere
        cache = _begun(folder, head)
        for done, structure in enumerate(todo):
            progress(done, len(todo), str(structure)[:60])
            if cache.has(structure):
                cache.network(structure)  # raises if it is damaged
            else:
                _store(folder / digest_of(head, structure), structure, _collected(structure, batch, settings))
        progress(len(todo), len(todo), "")
    return cache


def _begun(folder: Path, head: dict[str, Any]) -> Cache:
    """The folder, opened, with its head and without drafts. Raises CacheError if it is another's."""
    path = folder / HEAD
    drafts = [one for one in folder.iterdir() if _DRAFT.fullmatch(one.name)]
    if not path.exists():
        others = sorted(one.name for one in folder.iterdir() if one not in drafts and one.name != LOCK)
        if others:
            raise CacheError(f"{folder} has {others[0][:80]} but no {HEAD}: choose an empty folder")
        write_text(path, json.dumps(head, indent=1) + "\n")
    cache = Cache(folder)
    if cache.head != head:
        raise CacheError(f"{folder} was collected {_difference(cache.head, head)}: choose another folder")
    for draft in drafts:  # left by a process that was killed; the lock says that no other one is at work
        draft.unlink(missing_ok=True)
    return cache


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    before = old["settings"]
    for name, value in new["settings"].items():
        if before.get(name) != value:
            return f"with {name} {json.dumps(before.get(name))[:200]}, not {json.dumps(value)[:200]}"
    return "with other images"


class _Found(NamedTuple):
    """What is stored of a network. plan: without units if there is a reason why there are no statistics.

    tensors: the parts of the plan; those that follow from others, too.
    """

    plan: Plan
    tensors: list[Tensor]
    missing: str | None = None


def _collected(structure: Structure, images: Tensor, settings: CollectingSettings) -> _Found:
    """The statistics of all units. If they are in closed form, the network is the only unit."""
    resolution = size_of(*images.shape[-2:])
    graph = lower(structure, resolution=resolution, num_classes=settings.num_classes, options=settings.options)
    chosen = ScoreSettings(seed=settings.seed, num_classes=settings.num_classes, use_se=settings.use_se)
    try:
        if settings.closed_form:
            return _whole([_in_closed_form(graph, settings)])
        probe = Probe(
            network_of(structure, chosen), images, None, seed=settings.seed, initialisation=settings.initialisation
        )
        return _planned(plan_of(graph, settings), probe, settings)
    except (ProgramError, ProbeError) as error:
        return _Found(Plan((), ()), [], reason(error))
    except ValueError as error:
        if _NOT_ENOUGH not in str(error):
            raise
        return _Found(Plan((), ()), [], reason(error))


def _in_closed_form(graph: OpGraph, settings: CollectingSettings) -> dict[str, Tensor]:
    return {name: torch.from_numpy(value) for name, value in closed_forms(graph, settings.statistics).items()}


def _whole(units: Sequence[Mapping[str, Tensor]]) -> _Found:
    """All statistics, each as it is."""
    plan = stored_whole([{name: tuple(x.shape) for name, x in unit.items()} for unit in units])
    return _Found(plan, [x for unit in units for x in unit.values()])


def _planned(plan: Plan, probe: Probe, settings: CollectingSettings) -> _Found:
    """What a plan says. What does not follow bit by bit, whatever the reason, is stored as it is."""
    names = {*settings.statistics, *map(base_of, settings.differences), *(sample.name for sample in plan.samples)}
    values = statistics_of_units(probe, names, "value", units=settings.units)  # all at once takes the fewest passes
    chosen = statistics_of_units(probe, settings.statistics, settings.perturbed, units=settings.units)
    if len(plan.units) != len(chosen):
        return _whole(chosen)
    parts, tensors = list[Part](), list[Tensor]()
    for part, sample in zip(plan.parts, plan.samples, strict=True):
        x = (chosen if sample.difference else values)[sample.unit][sample.name]
        follows = part.how != "stored" and _equal(derived(part, [tensors[i] for i in part.of]), x)
        parts.append(part if follows else Part("stored", (), tuple(x.shape)))
        tensors.append(x)
    units = []
    for unit, found in zip(plan.units, chosen, strict=True):
        units.append(dict(unit))
        for name, number in unit.items():
            if not _equal(tensors[number], found[name]):
                units[-1][name] = len(parts)
                parts.append(Part("stored", (), tuple(found[name].shape)))
                tensors.append(found[name])
    return _Found(Plan(tuple(parts), tuple(units)), tensors)


def _equal(x: Tensor, y: Tensor) -> bool:
    """Whether two tensors are equal bit by bit."""
    return x.shape == y.shape and torch.equal(x.contiguous().view(torch.int32), y.contiguous().view(torch.int32))


def _store(stem: Path, structure: Structure, found: _Found) -> None:
    layout = layout_of(found.plan)
    checksum = _write(stem.with_suffix(".f32"), layout, found.tensors) if found.missing is None else 0
    index = {"structure": str(structure), "missing": found.missing, "checksum": checksum, **found.plan.to_json()}
    write_text(stem.with_suffix(".json"), json.dumps({**index, "index": checksum_of(index)}))


def _write(path: Path, layout: Layout, tensors: Sequence[Tensor]) -> int:
    """Write the tensors that are stored, and return the checksum of the file."""
    content = np.zeros(layout.floats, dtype=np.float32)
    for offset, x in zip(layout.offsets, tensors, strict=True):
        if offset is not None:
            content[offset : offset + x.numel()] = x.contiguous().view(-1).numpy()
    assert content.itemsize == FLOAT
    with draft_beside(path) as (file, draft):
        file.write(content.data)
        file.close()
        publish(draft, path)
    return zlib.crc32(content.data)
