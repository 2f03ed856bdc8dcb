"""The expected logarithm of SynFlow, in closed form and without torch (docs/mean-field.md, equations 18 and 19)."""

from __future__ import annotations

from ZeroShotProxy.base import ProxyError, ProxyInfo, Score, ScoreSettings, Target, register
from ZeroShotProxy.engine.mean_field.flow import log_flow
from ZeroShotProxy.engine.mean_field.graphs import graph_of

NAME = "log_synflow_expected"


def log_synflow_expected(target: Target, settings: ScoreSettings) -> Score:
    """Return the expected logarithm of SynFlow for PyTorch's default weights.

    Raises ProxyError if nothing flows from the input to the output, or `target` has no structure.
    """
    found = log_flow(graph_of(target, NAME, settings))
    if found is None:
        raise ProxyError(f"proxy {NAME} fails: nothing flows from the input to the output")
    return Score(found)


register(
    ProxyInfo(
        NAME,
        "logarithm of synflow in closed form",
        source="this project, docs/mean-field.md",
        plain="how much flows through all weights if they are positive, as a logarithm, on average",
        expectation_of="log_synflow",
    ),
    log_synflow_expected,
)
