"""Scores of the networks of a comparison. A proxy that cannot score one of them says why instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from PlainNet import StructureError
from zennas.named.networks import Network
from ZeroShotProxy import ensembles
from ZeroShotProxy.base import ProxyError, Score, ScoreSettings
from ZeroShotProxy.scores import score, score_each, score_population

Scores: TypeAlias = dict[str, Score | str]
"""By the registered names of the proxies; texts are the reasons why there is no score."""


def score_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the registered names of proxies, each once. Raises UnknownNameError or WrongProxyError."""
    return tuple(dict.fromkeys(ensembles.find(name).info.name for name in names))


def scores_of(
    networks: Sequence[Network],
    names: Sequence[str],
    settings: ScoreSettings,
    scored: Callable[[int], None] = lambda done: None,
) -> list[Scores]:
    """Score every network with every proxy, at its own resolution and with its own classes.

    names: as `score_names` returns them. scored: called with the number of networks that are done.
    """
    alone = [name for name in names if ensembles.find(name).ranking is None]
    own = [
        replace(settings, resolution=one.resolution, num_classes=one.num_classes, use_se=one.use_se) for one in networks
    ]
    found: list[Scores] = []
    for one, each in zip(networks, own, strict=True):
        found.append(score_each(alone, partial(score, one.scored, settings=each)) if alone else {})
        scored(len(found))
    for name in (name for name in names if name not in alone):
        try:
            ranks: Sequence[Scores] = [{**row} for row in score_population([n.scored for n in networks], [name], own)]
        except (ProxyError, StructureError) as error:
            ranks = [{name: " ".join(str(error).split())}] * len(networks)
        for row, rank in zip(found, ranks, strict=True):
            row.update(rank)
    return [{name: row[name] for name in names} for row in found]
