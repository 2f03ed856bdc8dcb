"""Calling proxies: `score` for a structure or a network, with shared passes.

Structures are built with fresh weights and shown random images, `settings.repeats` times over; a network is
taken as it is and shown the batch that is passed in. `engine/measures.py` runs networks, and imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from PlainNet import Options, StructureError
from ZeroShotProxy.base import (
    NO_SCORE_ALONE,
    PROXIES,
    Batch,
    Proxy,
    ProxyError,
    Score,
    ScoreSettings,
    Target,
    finite,
    known_structure,
)
from ZeroShotProxy.ensembles import find, parts_of, rankings
from ZeroShotProxy.interval import mean_score

if TYPE_CHECKING:
    pass


@overload
def score(target: Target, names: Iterable[str], settings: ScoreSettings = ...) -> dict[str, Score]: ...


@overload
def score(target: Target, batch: Batch, names: Iterable[str], settings: ScoreSettings = ...) -> dict[str, Score]: ...


def score(target: Target, *given: Any, **named: Any) -> dict[str, Score]:
    """Scores by the registered names of the proxies (not the aliases asked for).

    `score(structure, names, settings)`: with fresh weights and random images; a MasterNet counts as its structure.
    `score(network, batch, names, settings)`: any `nn.Module` as it is, on that batch; structures and MasterNets
    too, and then scores that are defined on structures alone are there as well.
    Raises UnknownNameError, ProxyError naming the proxy, StructureError.
    """
    batch, names, settings = _arguments(given, named)
    settings = _settings_of(target, settings)
    if batch is not None:
        settings = replace(settings, resolution=_side(batch) or settings.resolution)
    proxies = list({proxy.info.name: proxy for proxy in map(find, names)}.values())
    for proxy in proxies:
        if proxy.ranking is not None:
            raise ProxyError(f"proxy {proxy.info.name} {NO_SCORE_ALONE}")
    by_structure = [proxy for proxy in proxies if _scores_structure(proxy, target)]
    measured = [proxy for proxy in proxies if proxy not in by_structure]
    found = {proxy.info.name: _by_structure(proxy, target, settings) for proxy in by_structure}
    if measured:
        from ZeroShotProxy.engine import measures  # torch takes seconds to import

        if batch is None:
            found |= _repeated(target, measured, settings)
        else:
            network = measures.network_of(target, settings)
            values = measures.measure(network, batch, measured, settings)
            found |= {name: Score(value) for name, value in values.items()}
    return {proxy.info.name: found[proxy.info.name] for proxy in proxies}


def score_population(
    targets: Sequence[Target], names: Iterable[str], settings: ScoreSettings | Sequence[ScoreSettings] = ScoreSettings()
) -> list[dict[str, Score]]:
    """Scores of several structures, rank aggregations among them included; see `ensembles.py`.

    settings: for all, or for each its own. Raises UnknownNameError, ProxyError naming the proxy, StructureError.
    """
    names = [names] if isinstance(names, str) else list(names)
    parts = parts_of(names)
    own = [settings] * len(targets) if isinstance(settings, ScoreSettings) else list(settings)
    found = [
        _numbered(i, len(targets), target, parts, each)
        for i, (target, each) in enumerate(zip(targets, own, strict=True), start=1)
    ]
    ranked = rankings(names, {part: [scores[part].value for scores in found] for part in parts})
    wanted = list(dict.fromkeys(find(name).info.name for name in names))
    return [
        {name: Score(ranked[name][i]) if name in ranked else scores[name] for name in wanted}
        for i, scores in enumerate(found)
    ]


def _numbered(i: int, count: int, target: Target, names: tuple[str, ...], settings: ScoreSettings) -> dict[str, Score]:
    """`score`, whose errors say which network it was."""
    try:
        return score(target, names, settings)
    except ProxyError as error:
        raise ProxyError(f"network {i} of {count}: {error}") from error


def score_each(names: Iterable[str], scores: Callable[[list[str]], dict[str, Score]]) -> dict[str, Score | str]:
    """`scores(names)`; where that fails, each proxy's score or what it fails with.

    All are asked at once first, so that they share passes. Raises UnknownNameError.
    """
    names = list(dict.fromkeys(PROXIES.get(name).info.name for name in names))
    try:
        return {**scores(names)}
    except (ProxyError, StructureError) as error:
        if len(names) == 1:
            return {names[0]: " ".join(str(error).split())}
        return {name: found for one in names for name, found in score_each([one], scores).items()}


def _arguments(given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Batch | None, Iterable[str], ScoreSettings]:
    """Which of the two forms of the call it is: names are text, batches are not."""
    found: dict[str, Any] = {name: named.pop(name) for name in ("batch", "names", "settings") if name in named}
    for value in given:
        value = list(value) if isinstance(value, Iterator) else value
        name = "settings" if isinstance(value, ScoreSettings) else "names" if _is_names(value) else "batch"
        if name in found:
            raise TypeError(f"score() got two arguments for {name}")
        found[name] = value
    if named or "names" not in found:
        raise TypeError("expected score(target, names[, settings]) or score(network, batch, names[, settings])")
    names = found["names"]
    return found.get("batch"), [names] if isinstance(names, str) else names, found.get("settings", ScoreSettings())


def _settings_of(target: Target, settings: ScoreSettings) -> ScoreSettings:
    """A MasterNet knows its classes and whether it has squeeze-and-excitation."""
    options = getattr(target, "options", None)
    if not isinstance(options, Options):
        return settings
    if options.no_reslink:
        raise ProxyError("a MasterNet without residual links is scored as its structure")
    return replace(settings, use_se=options.use_se, num_classes=getattr(target, "num_classes", settings.num_classes))


def _side(batch: Batch) -> int | None:
    """The side of the batch's images, where they are square."""
    images = batch[0] if isinstance(batch, (tuple, list)) and batch else batch
    shape = tuple(getattr(images, "shape", ()))
    return int(shape[-1]) if len(shape) == 4 and shape[-1] == shape[-2] else None


def _is_names(value: Any) -> bool:
    listed = isinstance(value, (list, tuple, AbstractSet))
    return isinstance(value, str) or (listed and all(isinstance(item, str) for item in value))


def _scores_structure(proxy: Proxy, target: Target) -> bool:
    return proxy.structure is not None and (known_structure(target) is not None or proxy.measure is None)


def _by_structure(proxy: Proxy, target: Target, settings: ScoreSettings) -> Score:
    assert proxy.structure is not None  # `_scores_structure` says so
    try:
        found = proxy.structure(target, settings)
    except RuntimeError as error:  # torch's: out of memory, and whatever else a device may say
        raise ProxyError(f"proxy {proxy.info.name} fails: {error}") from error
    finite(proxy.info.name, found.value)
    return found


def _repeated(target: Target, proxies: list[Proxy], settings: ScoreSettings) -> dict[str, Score]:
    """Means over `settings.repeats` networks of one structure, each with weights and images of its own."""
    from ZeroShotProxy.base import structure_of
    from ZeroShotProxy.engine import measures

    if known_structure(target) is None:
        for proxy in proxies:
            if proxy.measure is not None:
                raise ProxyError(f"proxy {proxy.info.name} needs images for a {type(target).__name__}: pass a batch")
    structure = structure_of(target, proxies[0].info.name)
    found: dict[str, list[float]] = {proxy.info.name: [] for proxy in proxies}
    for repeat in range(settings.repeats):
        once = settings.repetition(repeat)
        network = measures.network_of(structure, once)
        for name, value in measures.measure(network, measures.noise(structure, once), proxies, once).items():
            found[name].append(value)
    return {name: mean_score(values) for name, values in found.items()}
