"""The vote of zero-cost-nas: the share of other networks that a network beats by a majority of three proxies."""

from __future__ import annotations

from ZeroShotProxy.base import ProxyInfo, register_ranking
from ZeroShotProxy.ensembles import vote

register_ranking(
    ProxyInfo(
        "vote",
        "share of other networks that it beats in a majority vote of synflow, jacob_cov and snip",
        source="Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021, section 4",
    ),
    ("log_synflow", "jacob_cov", "snip"),
    vote,
)
