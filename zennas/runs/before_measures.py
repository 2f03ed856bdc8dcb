"""Runs of formats 1 to 3, which stored the value that a search maximised as a number without a name."""

from __future__ import annotations

from typing import Any

from ZeroShotProxy import ensembles


def objective_before_measures(settings: Any) -> tuple[str, float]:
    """Return the proxy that such a run maximised, and the factor that turns stored numbers into its scores.

    settings: the settings of the run, as JSON.

    Raises UnknownNameError if the proxy no longer exists.
    """
    proxy = str((settings or {}).get("proxy", "zen"))
    info = ensembles.find("zen_expected" if proxy.casefold() == "zen" else proxy).info
    return info.name, info.sign
