"""The chosen network, block by block; those that are selected in the charts are drawn in its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from PlainNet import Structure, cost
from PlainNet.sizes import Size
from zennas.budget.budgets import DEFAULT_SOURCE, PREDICTOR
from zennas.common.numbers import format_count
from zennas.named.settings import NetworkSettings
from zennas.pages.draughtsman import Draughtsman
from zennas.pages.drawing import Drawn, Networks
from zennas.pages.microcontrollers import in_int8, ram_limit
from zennas.pages.parts import Part, Text
from zennas.pages.record import Record
from zennas.pages.section import Section, register
from zennas.pages.supernets import cost_name, cost_text
from zennas.pages.survey import MOST_BLOCKS_DRAWN, MOST_DRAWN, survey
from zennas.searching.result import SearchResult
from zennas.searching.telling.latency_here import PROFILE
from zennas.supernet.job import SearchJob
from zennas.supernet.outcome import ProxylessResult

_FLOAT = "Memory is the most that is kept at once while a block runs, weights not counted, in float32 for one image."
_INT8 = (
    "RAM is the most that is in use at once while a block runs on a microcontroller: activations of one image in INT8, "
    "weights not counted."
)


def parts(record: Record) -> list[Part]:
    """The drawing of the networks of a search or a comparison, or of the network of a training."""
    found = (
        _of_search(record)
        or _of_supernet(record)
        or _of_front(record)
        or _of_training(record)
        or _of_comparison(record)
    )
    if found is None or not found.networks:
        return []
    device = "" if found.device is None else f" Latency is predicted with the profile {found.device}."
    memory = _INT8 if found.int8 else _FLOAT
    return [
        Text(
            "Each box is a block: the higher, the larger the image that it puts out; the wider, the more channels. "
            f"Divisions are layers; the stronger the colour, the larger the share of the whole.{device} {memory}",
            quiet=True,
        ),
        found,
    ]


def _of_search(record: Record) -> Networks | None:
    known = survey(record)
    if known is None:
        return None
    settings = known.search.settings
    draughtsman = Draughtsman(settings.network, *_profile(known.search), int8=in_int8(record))
    networks = (draughtsman.drawn(one.id, known.title(one), one.structure, known.facts(one)) for one in known.drawn)
    return _networks(record, networks, draughtsman)


def _networks(record: Record, drawn: Iterable[Drawn], draughtsman: Draughtsman) -> Networks:
    return Networks(tuple(drawn), draughtsman.device, draughtsman.int8, ram_limit(record))


def _profile(search: SearchResult) -> tuple[str, int | None]:
    """The profile that predicts the latency of blocks, and its batch size: that of the budget if there is one, that of
    the machine if it is known, otherwise the usual one.
    """
    for limit in search.settings.budget.latency:
        if limit.predicted:
            return limit.source.removeprefix(PREDICTOR), limit.batch_size
    here = search.here is not None and search.here.way == "predicted"
    return PROFILE if here else DEFAULT_SOURCE.removeprefix(PREDICTOR), None


def _of_supernet(record: Record) -> Networks | None:
    search = record.supernet
    if search is None or search.result is None:
        return None
    draughtsman = _draughtsman(record, search.job, search.result.num_classes)
    return _networks(record, [drawn_of(search.result, draughtsman)], draughtsman)


def _of_front(record: Record) -> Networks | None:
    found = record.supernet_front
    if found is None or found.front is None:
        return None
    points = found.front.points
    draughtsman = _draughtsman(record, found.job, points[0].result.num_classes)
    drawn = []
    for number, point in enumerate(points[:MOST_DRAWN], start=1):
        own = drawn_of(point.result, draughtsman, number)
        drawn.append(replace(own, title=f"point {number} of {len(points)}, {record.folder}@{number}"))
    return _networks(record, drawn, draughtsman)


def _draughtsman(record: Record, job: SearchJob, num_classes: int) -> Draughtsman:
    """Draws what a search in a supernet found, with latencies by the first profile in its loss or the usual one."""
    profiles = (one.removeprefix(PREDICTOR) for one in job.costs.latency_backend if one.startswith(PREDICTOR))
    settings = NetworkSettings(job.target_resolution, num_classes, use_se=False)
    return Draughtsman(settings, next(profiles, DEFAULT_SOURCE.removeprefix(PREDICTOR)), int8=in_int8(record))


def drawn_of(result: ProxylessResult, draughtsman: Draughtsman, number: int = 0) -> Drawn:
    """The network that a search in a supernet found, with its costs and what was expected of a drawn one."""
    structure = result.structure
    known = _counts(structure, result.resolution, result.num_classes)
    counted = {name for name, _ in known}
    costs = [(cost_name(name), cost_text(name, value)) for name, value in result.costs.items()]
    expected = [(f"{cost_name(name)}, expected", cost_text(name, value)) for name, value in result.expected.items()]
    facts = (
        ("top-1 in the supernet", f"{result.valid_top1:.2f} %"),
        *known,
        *((name, text) for name, text in costs if name not in counted),
        *expected,
    )
    title = "a drawn network" if result.sampled else "the most probable network"
    return draughtsman.drawn(number, title, structure, facts)


def _of_training(record: Record) -> Networks | None:
    if not record.trainings:
        return None
    training = record.trainings[0]
    settings = NetworkSettings(training.resolution, training.num_classes or 10, training.use_se)
    draughtsman = Draughtsman(settings, DEFAULT_SOURCE.removeprefix(PREDICTOR), int8=in_int8(record))
    structure = training.structure
    facts = _counts(structure, training.resolution, settings.num_classes, settings.use_se)
    return _networks(record, [draughtsman.drawn(0, "the network", structure, facts)], draughtsman)


def _counts(structure: Structure, resolution: Size, classes: int, use_se: bool = False) -> tuple[tuple[str, str], ...]:
    """What a network costs in words."""
    known = cost(structure, resolution=resolution, num_classes=classes, use_se=use_se)
    return (
        ("parameters", f"{known.params:,}"),
        ("FLOPs", format_count(known.flops)),
        ("activations", format_count(known.activations)),
        ("layers", f"{known.layers}"),
    )


def _of_comparison(record: Record) -> Networks | None:
    """The structures of a comparison, the baseline first; networks that are no structures have no blocks."""
    found = record.comparison
    if found is None:
        return None
    from zennas.report.comparison.reading import shortened
    from zennas.report.comparison.text import cell

    profile = found.profiles[0].name if found.profiles else None
    rows = [found.baseline, *(row for row in found.rows if row is not found.baseline)]
    networks, device, room = list[Drawn](), None, MOST_BLOCKS_DRAWN
    for row in rows:
        structure, network = row.network.structure, row.network
        if structure is None or len(networks) == MOST_DRAWN or (networks and room < len(structure.blocks)):
            continue
        room -= len(structure.blocks)
        settings = NetworkSettings(network.resolution, network.num_classes, network.use_se)
        draughtsman = Draughtsman(settings, profile)
        device = draughtsman.device
        facts = tuple((one.name, cell(row, one)) for one in found.quantities if one.value(row) is not None)
        title = f"network {row.number}, {shortened(row.text)}"
        networks.append(draughtsman.drawn(row.number, title, structure, facts))
    return Networks(tuple(networks), device)


register(Section("network", "The network", 30, parts))
