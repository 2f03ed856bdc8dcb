"""Ensembles: proxies that aggregate the ranks of other proxies in a population. This file does not import torch.

`find` returns registered ensembles (`proxies/az_nas.py`, `proxies/vkdnw.py`, `proxies/vote.py`) and expressions
such as `log_rank(zico+naswot+flops)`. `parts_of` lists the proxies that have to score each network, and `rankings`
computes the ensembles from these scores.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from PlainNet.registry import UnknownNameError
from ZeroShotProxy.base import PROXIES, Proxy, ProxyError, ProxyInfo, WrongProxyError, finite

if TYPE_CHECKING:
    import numpy as np  # not at run time: every command imports this module

Aggregation = Callable[[Sequence[Sequence[float]]], list[float]]
"""A function from scores, one row per proxy (higher is better), to one score per member of the population."""

_EXPRESSION = re.compile(r"\s*([A-Za-z_]+)\s*\(([^()]*)\)\s*")


def mean_rank(scores: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean over proxies of rank / members for each member. The best has 1; ties share their mean rank.

    scores: one row per proxy with the scores of all members, higher is better.
    """
    return [float(value) for value in _ranks(scores).mean(0)]


def log_rank(scores: Sequence[Sequence[float]]) -> list[float]:
    """Return the sum over proxies of log(rank / members) for each member; a single bad rank counts heavily.

    scores: one row per proxy with the scores of all members, higher is better. Source: the non-linear aggregation of
    Lee and Ham, AZ-NAS, CVPR 2024, equation 12.
    """
    import numpy as np

    return [float(value) for value in np.log(_ranks(scores)).sum(0)]


def vote(scores: Sequence[Sequence[float]]) -> list[float]:
    """Return, for each member, the share of other members that a majority of proxies scores lower. Ties count half.

    scores: one row per proxy with the scores of all members, higher is better. Source: Abdelfattah et al., Zero-Cost
    Proxies for Lightweight NAS, ICLR 2021, section 4.
    """
    import numpy as np

    values = np.asarray(scores, dtype=float)
    _, members = values.shape
    found = []
    for i in range(members):
        majority = np.sign(values[:, i : i + 1] - values).sum(0)
        won = float((majority > 0).sum() + (majority == 0).sum() / 2) - 0.5  # minus the tie with itself
        found.append(won / max(1, members - 1))
    return found


def _ranks(scores: Sequence[Sequence[float]]) -> np.ndarray:
    """Rank / members for every proxy and member, (proxies, members). The best has 1."""
    import numpy as np
    from scipy.stats import rankdata  # takes longer to import than all of this package

    values = np.asarray(scores, dtype=float)
    ranks: np.ndarray = np.stack([rankdata(row) for row in values]) / values.shape[1]
    return ranks


AGGREGATIONS: dict[str, Aggregation] = {"mean_rank": mean_rank, "log_rank": log_rank, "vote": vote}
_AGGREGATED = {
    "mean_rank": "mean of the ranks by",
    "log_rank": "sum of the logarithms of the ranks by",
    "vote": "share of other networks that it beats in a majority vote of",
}


def find(name: str) -> Proxy:
    """Return the proxy with a name or alias, or the ensemble of an expression `aggregation(proxy+proxy+…)`.

    The aggregations are mean_rank, log_rank and vote. The paths of programs in an expression cannot contain +, ( or ).
    Raises UnknownNameError if a name is unknown, and ProxyError if the expression has fewer than two proxies or
    contains an ensemble.
    """
    match = _EXPRESSION.fullmatch(name)
    if match is None:
        return PROXIES.get(name)
    how = match[1].casefold()
    if how not in AGGREGATIONS:
        raise UnknownNameError(f"unknown rank aggregation {match[1][:80]!r} (known: {', '.join(AGGREGATIONS)})")
    members = [PROXIES.get(part.strip()) for part in match[2].split("+")]
    for member in members:
        if member.ranking is not None:
            raise WrongProxyError(
                f"{name} contains {member.info.name}, which aggregates ranks itself: list its parts instead"
            )
    parts = tuple(dict.fromkeys(member.info.name for member in members))
    if len(parts) < 2:
        raise WrongProxyError(f"{name} has {len(parts)} proxy, expected at least two, separated by +")
    info = ProxyInfo(
        f"{how}({'+'.join(parts)})",
        f"{_AGGREGATED[how]} {', '.join(parts[:-1])} and {parts[-1]}",
        source="this expression",
        needs="population",
    )
    return Proxy(info, ranking=AGGREGATIONS[how], parts=parts)


def parts_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return the proxies that have to score each network, as registered names without duplicates.

    names: proxies, ensembles and expressions. Raises UnknownNameError or ProxyError like `find`.
    """
    found: dict[str, None] = {}
    for proxy in map(find, names):
        found |= dict.fromkeys(proxy.parts if proxy.ranking is not None else (proxy.info.name,))
    return tuple(found)


def rankings(names: Iterable[str], scores: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Return, for each ensemble in `names`, the scores of all members. Higher is better.

    scores: the scores of all members for each of `parts_of(names)`, as the proxies return them. Raises ProxyError if
    the scores of a part are missing or if their numbers differ.
    """
    found: dict[str, list[float]] = {}
    for proxy in map(find, names):
        if proxy.ranking is None:
            continue
        rows = []
        for part in proxy.parts:
            if part not in scores:
                raise ProxyError(f"proxy {proxy.info.name} needs the scores of {part}")
            sign = PROXIES.get(part).info.sign
            rows.append([sign * float(value) for value in scores[part]])
        if len({len(row) for row in rows}) > 1:
            raise ProxyError(f"proxy {proxy.info.name} needs equal numbers of scores from {', '.join(proxy.parts)}")
        found[proxy.info.name] = _ranked(proxy, rows) if rows[0] else []
    return found


def _ranked(proxy: Proxy, rows: list[list[float]]) -> list[float]:
    """The result of a ranking. Raises ProxyError, with its name, if it fails or does not return one number a member."""
    assert proxy.ranking is not None  # `rankings` says so
    try:
        values = [finite(proxy.info.name, float(value)) for value in proxy.ranking(rows)]
    except ProxyError:
        raise
    except Exception as error:  # a proxy can come from anybody
        raise ProxyError(f"proxy {proxy.info.name} fails: {type(error).__name__}: {error}") from error
    if len(values) != len(rows[0]):
        raise ProxyError(f"proxy {proxy.info.name} returns {len(values)} scores for {len(rows[0])} networks")
    return values
