"""Functions that score a structure, a network, or a population with proxies.

A structure is built with random weights and scored on random images, `settings.repeats` times. A network is scored with
its own weights on the given batch. Proxies share passes over the network. Networks run in `engine/measures.py`, which
is imported only when it is needed, because of torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, overload

from PlainNet import Options, StructureError
from PlainNet.errors import ZennasError
from PlainNet.sizes import Size, size_of
from ZeroShotProxy.base import (
    NO_SCORE_ALONE,
    PROXIES,
    Architecture,
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


@overload
def score(target: Target, names: Iterable[str], settings: ScoreSettings = ...) -> dict[str, Score]: ...


@overload
def score(target: Target, batch: Batch, names: Iterable[str], settings: ScoreSettings = ...) -> dict[str, Score]: ...


def score(target: Target, *given: Any, **named: Any) -> dict[str, Score]:
    """Return the scores of a network, keyed by the registered names of the proxies (not by aliases).

    `score(structure, names, settings)` scores a structure with random weights and random images. A MasterNet counts as
    its structure; an `Architecture` is scored likewise, by proxies that measure networks.
    `score(network, batch, names, settings)` scores any `nn.Module` with its own weights on the batch. Structures and
    MasterNets can be scored this way, too, also by proxies that need only the structure.

    batch: images (N, C, H, W), or images and labels (N,). names: one proxy or several. settings: see `ScoreSettings`.

    Raises UnknownNameError if a proxy is unknown, ProxyError with the name of the proxy if it cannot score the network,
    and StructureError if the structure is not a network at this resolution.
    """
    batch, names, settings = _arguments(given, named)
    settings = _settings_of(target, settings)
    if batch is not None:
        settings = replace(settings, resolution=_size(batch) or settings.resolution)
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
    """Return the scores of several networks, one dictionary per network; `names` may include ensembles.

    targets: structures, MasterNets or architectures.
    names: one proxy or several, such as "zico", "az_nas" or "mean_rank(zico+naswot)".
    settings: the settings for all networks, or a list with one for each.

    Raises UnknownNameError if a proxy is unknown, ProxyError with the number of the network and the name of the proxy
    if it cannot score a network, and StructureError if a structure is not a network at this resolution.
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
    """Call `score` and add the number of the network to errors."""
    try:
        return score(target, names, settings)
    except ProxyError as error:
        raise ProxyError(f"network {i} of {count}: {error}") from error


def score_each(names: Iterable[str], scores: Callable[[list[str]], dict[str, Score]]) -> dict[str, Score | str]:
    """Return `scores(names)`, with the message of the error in place of the score for each proxy that fails.

    All proxies are called together first, so that they share passes; one by one only if that fails. Raises
    UnknownNameError if a proxy is unknown.
    """
    names = list(dict.fromkeys(PROXIES.get(name).info.name for name in names))
    try:
        return {**scores(names)}
    except (ProxyError, StructureError) as error:
        if len(names) == 1:
            return {names[0]: " ".join(str(error).split())}
        return {name: found for one in names for name, found in score_each([one], scores).items()}


def _arguments(given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Batch | None, Iterable[str], ScoreSettings]:
    """Sort out the arguments of the two forms of `score`: names are text, batches are not."""
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
    """Settings with the number of classes and the squeeze-and-excitation of a MasterNet."""
    options = getattr(target, "options", None)
    if not isinstance(options, Options):
        return settings
    if options.no_reslink:
        raise ProxyError("a MasterNet without residual links cannot be scored: pass its structure instead")
    return replace(settings, use_se=options.use_se, num_classes=getattr(target, "num_classes", settings.num_classes))


def _size(batch: Batch) -> Size | None:
    """The size of the batch's images in pixels, or None for a batch of something else."""
    images = batch[0] if isinstance(batch, (tuple, list)) and batch else batch
    shape = tuple(getattr(images, "shape", ()))
    return size_of(int(shape[-2]), int(shape[-1])) if len(shape) == 4 else None


def _is_names(value: Any) -> bool:
    listed = isinstance(value, (list, tuple, AbstractSet))
    return isinstance(value, str) or (listed and all(isinstance(item, str) for item in value))


def _scores_structure(proxy: Proxy, target: Target) -> bool:
    return proxy.structure is not None and (known_structure(target) is not None or proxy.measure is None)


def _by_structure(proxy: Proxy, target: Target, settings: ScoreSettings) -> Score:
    assert proxy.structure is not None  # `_scores_structure` says so
    try:
        found = proxy.structure(target, settings)
    except ZennasError:
        raise
    except RuntimeError as error:  # from torch, for example out of memory
        raise ProxyError(f"proxy {proxy.info.name} fails: {error}") from error
    except Exception as error:  # a proxy can come from anybody
        raise ProxyError(f"proxy {proxy.info.name} fails: {type(error).__name__}: {error}") from error
    if not isinstance(found, Score):
        raise ProxyError(f"proxy {proxy.info.name} returns {found!r:.80}, expected a Score")
    finite(proxy.info.name, found.value)
    return found


def _repeated(target: Target, proxies: list[Proxy], settings: ScoreSettings) -> dict[str, Score]:
    """Mean scores over `settings.repeats` networks of one architecture, each with other weights and images."""
    from ZeroShotProxy.base import structure_of
    from ZeroShotProxy.engine import measures

    if known_structure(target) is None and not isinstance(target, Architecture):
        for proxy in proxies:
            if proxy.measure is not None:
                raise ProxyError(f"proxy {proxy.info.name} needs images for a {type(target).__name__}: pass a batch")
    remade = target if isinstance(target, Architecture) else structure_of(target, proxies[0].info.name)
    found: dict[str, list[float]] = {proxy.info.name: [] for proxy in proxies}
    for repeat in range(settings.repeats):
        once = settings.repetition(repeat)
        network = measures.network_of(remade, once)
        for name, value in measures.measure(network, measures.noise(remade, once), proxies, once).items():
            found[name].append(value)
    return {name: mean_score(values) for name, values in found.items()}
