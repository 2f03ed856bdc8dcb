"""The vote of zero-cost-nas: a network is as good as the share of the others that it beats by majority."""

from __future__ import annotations

from ZeroShotProxy.base import ProxyInfo, register_ranking
from ZeroShotProxy.ensembles import vote

register_ranking(
    ProxyInfo(
        "vote",
        "majority vote of synflow, jacob_cov and snip, network against network",
        source="Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021, section 4",
    ),
    ("log_synflow", "jacob_cov", "snip"),
    vote,
)
