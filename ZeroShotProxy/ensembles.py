"""Proxies of populations: rank aggregation over the scores of other proxies. No torch.

Registered ones (`proxies/az_nas.py`, `proxies/vkdnw.py`, `proxies/vote.py`) and expressions such as
`log_rank(zico+naswot+flops)` over any proxies are found by `find`. `parts_of` says what has to be scored network by
network; `rankings` makes the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from PlainNet.registry import UnknownNameError
from ZeroShotProxy.base import PROXIES, Proxy, ProxyError, ProxyInfo

if TYPE_CHECKING:
    import numpy as np  # wherever a program starts, this module is imported

Aggregation = Callable[[Sequence[Sequence[float]]], list[float]]
"""From the scores of all members by several proxies, higher is better, to a score for each member."""

_EXPRESSION = re.compile(r"\s*([A-Za-z_]+)\s*\(([^()]*)\)\s*")


def mean_rank(scores: Sequence[Sequence[float]]) -> list[float]:
    """Mean over the proxies of rank / members, the best having rank / members = 1; ties share their mean rank."""
    return [float(value) for value in _ranks(scores).mean(0)]


def log_rank(scores: Sequence[Sequence[float]]) -> list[float]:
    """Sum over the proxies of log(rank / members): a member must not be bad by any of them.

    The non-linear aggregation of Lee and Ham, AZ-NAS, CVPR 2024, equation 12.
    """
    import numpy as np

    return [float(value) for value in np.log(_ranks(scores)).sum(0)]


def vote(scores: Sequence[Sequence[float]]) -> list[float]:
    """Share of the other members that a majority of the proxies finds worse, a tie counting half.

    Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021, section 4.
    """
    import numpy as np

    values = np.asarray(scores, dtype=float)
    _, members = values.shape
    found = []
    for i in range(members):
        majority = np.sign(values[:, i : i + 1] - values).sum(0)
        won = float((majority > 0).sum() + (majority == 0).sum() / 2) - 0.5  # not against itself
        found.append(won / max(1, members - 1))
    return found


def _ranks(scores: Sequence[Sequence[float]]) -> np.ndarray:
    """Rank / members of every member by every proxy, (proxies, members), 1 for the best."""
    import numpy as np
    from scipy.stats import rankdata  # takes longer to import than all of this package

    values = np.asarray(scores, dtype=float)
    ranks: np.ndarray = np.stack([rankdata(row) for row in values]) / values.shape[1]
    return ranks


AGGREGATIONS: dict[str, Aggregation] = {"mean_rank": mean_rank, "log_rank": log_rank, "vote": vote}


def find(name: str) -> Proxy:
    """The proxy of that name, or of an expression `aggregation(proxy+proxy+…)`.

    Raises UnknownNameError for a name nobody has, ProxyError for an expression that is none.
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
            raise ProxyError(
                f"{name} aggregates {member.info.name}, which is a rank aggregation itself: name its parts"
            )
    parts = tuple(dict.fromkeys(member.info.name for member in members))
    if len(parts) < 2:
        raise ProxyError(f"{name} has {len(parts)} proxy, expected two or more with + between them")
    info = ProxyInfo(
        f"{how}({'+'.join(parts)})",
        f"{how} of {', '.join(parts)}",
        source="this expression",
        needs="population",
    )
    return Proxy(info, ranking=AGGREGATIONS[how], parts=parts)


def parts_of(names: Iterable[str]) -> tuple[str, ...]:
    """Registered names, each once, of the proxies that score single networks and that `names` need."""
    found: dict[str, None] = {}
    for proxy in map(find, names):
        found |= dict.fromkeys(proxy.parts if proxy.ranking is not None else (proxy.info.name,))
    return tuple(found)


def rankings(names: Iterable[str], scores: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """For those of `names` that rank populations: the score of each member, higher is better.

    scores: of all members by each of `parts_of(names)`, in the proxies' own directions. Raises ProxyError where
    scores of a part are missing or of another length.
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
            raise ProxyError(f"proxy {proxy.info.name} needs as many scores of each of {', '.join(proxy.parts)}")
        found[proxy.info.name] = proxy.ranking(rows) if rows[0] else []
    return found
