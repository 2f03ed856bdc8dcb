"""Runs of formats 1 to 3, which stored what a search maximised as a number without a name."""

from __future__ import annotations

from typing import Any

from ZeroShotProxy import ensembles


def objective_before_measures(settings: Any) -> tuple[str, float]:
    """The name of the proxy that such a run maximised, and what to multiply the stored numbers by to get its scores.

    settings: the run's, as JSON. Raises UnknownNameError for a proxy that there is no more.
    """
    proxy = str((settings or {}).get("proxy", "zen"))
    info = ensembles.find("zen_expected" if proxy.casefold() == "zen" else proxy).info
    return info.name, info.sign
