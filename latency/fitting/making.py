"""From measurements to a profile and its card: the implementation of `zennas latency fit`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from latency.base import LatencyError
from latency.fitting.campaign import (
    Campaign,
    EstimateSettings,
    MeasuredNetwork,
    read_campaign,
    read_fusion,
    read_sample,
    references,
    table_of,
)
from latency.fitting.card import card, method
from latency.fitting.errors import Errors, errors
from latency.fitting.fit import Recipe, fit, held_out_errors, observed, recipe_for, scaled
from latency.predicting.hardware import named, processor
from latency.predicting.models import traffic
from latency.predicting.profile import Profile
from latency.predicting.table import KernelTable, longer, merged, read_table
from PlainNet.files import is_regular, write_out
from PlainNet.progress import WorkProgress

LONG_MS = 0.1
UNSURE_MS = 0.02
"""Profilers count whole microseconds and add a few to each kernel."""
UNSURE_ESTIMATE_MS = 0.01
"""Shorter kernels hardly count in a network, whatever their error."""
ESTIMATE_STEPS = 9_000
"""With more steps, networks that were not fitted are predicted no better."""
_EVERY = 10
_LIMITS_OF_ESTIMATES = (
    "What the compiler assumes of clock and memories holds. Operators that it leaves to a processor have no time, and "
    "this profile does not know which they are; a search lets the compiler check its winner if it is installed."
)


def fit_table(
    path: Path,
    blank: Profile,
    source: str,
    steps: int | None,
    seed: int,
    progress: WorkProgress,
    *,
    memory: bool = True,
) -> Profile:
    """Fit a profile to a CSV file of kernels.

    blank: a profile without models that describes device, back end and precision. source: text for the card. steps: of
    training, None to choose by the number of kernels. progress: called with the progress. memory: estimate kinds
    without weights that the table lacks from the bytes that they move. Raises LatencyError.
    """
    table = read_table(path, measured=True)
    made, held = fit(table, blank, recipe_for(len(table), steps, seed), progress)
    return _described(_with_traffic(made) if memory else made, source, held)


def fit_folder(folder: Path, name: str, source: str, steps: int | None, seed: int, progress: WorkProgress) -> Profile:
    """Fit a profile to the folder of `zennas latency profile`. source: more text for the card. Raises LatencyError."""
    campaign = read_campaign(folder)
    if isinstance(campaign.measure, EstimateSettings):
        return fit_estimates(folder, campaign, campaign.measure, name, source, steps, seed, progress)
    table, networks, conditions = read_sample(folder)
    settings = campaign.measure
    gpu = conditions.get("gpu") or {}
    device = gpu.get("name") or conditions.get("processor") or "unknown device"
    sheet = processor(settings.precision, settings.threads)
    if settings.device != "cpu":
        sheet = named("h200", settings.precision, settings.threads)
    blank = Profile(
        name,
        str(device),
        settings.backend,
        settings.precision,
        settings.batch_size,
        sheet,
        read_fusion(folder, settings),
        models=(),
    )
    table = merged(table)
    made, found = fit(table, blank, recipe_for(len(table), steps, seed), progress, unsure_ms=UNSURE_MS)
    held = {**_of_long(made, table), **{f"{name}, of any length": one for name, one in found.items()}}
    made = scaled(
        _with_traffic(made), [network.kernels for network in networks], [network.ms for network in networks], UNSURE_MS
    )
    held["the sample's networks, which were fitted"] = network_errors(made, networks)
    versions = ", ".join(f"{name} {version}" for name, version in conditions.get("versions", {}).items())
    threads = f"{settings.threads} thread{'s' if settings.threads > 1 else ''}"
    own_source = (
        f"{len(table):,} different kernels of {len(networks)} random networks (seed {campaign.seed}), measured by this "
        f"project on {device}, {threads}, batch {settings.batch_size}, with {versions}."
    )
    made = _described(made, f"{own_source} {source}".strip(), held)
    return replace(made, about={**made.about, "reference": references(folder)})


def fit_estimates(
    folder: Path,
    campaign: Campaign,
    settings: EstimateSettings,
    name: str,
    source: str,
    steps: int | None,
    seed: int,
    progress: WorkProgress,
) -> Profile:
    """Fit a profile to a compiler's estimates. Raises LatencyError.

    Every tenth network is held out with all of its kernels, and the profile's first error is of these. Estimates have
    no noise, so that every kernel is fitted.
    """
    _, networks, conditions = read_sample(folder)
    held_out = networks[::_EVERY]
    known = [network for i, network in enumerate(networks) if i % _EVERY]
    if not known:
        raise LatencyError(f"{folder} has {len(networks)} networks, too few for a fit: continue with --resume {folder}")
    table = merged(table_of(known))
    blank = Profile(
        name,
        settings.configuration,
        settings.estimator,
        settings.precision,
        settings.batch_size,
        observed(table),
        read_fusion(folder, settings),
        models=(),
    )
    recipe = Recipe(steps=steps or ESTIMATE_STEPS, seed=seed)
    made, _ = fit(table, blank, recipe, progress, share=0.0, unsure_ms=UNSURE_ESTIMATE_MS)
    made = scaled(_with_traffic(made), [network.kernels for network in known], [network.ms for network in known])
    held = {
        "networks that were not fitted": network_errors(made, held_out),
        "networks that were fitted": network_errors(made, known),
    }
    own_source = (
        f"{len(table):,} different kernels of {len(known)} random networks (seed {campaign.seed}), as "
        f"{conditions['compiler']} estimates them for {conditions['system']} at {conditions['clock_hz'] / 1e6:g} MHz. "
        f"Fitted in {date.today():%B %Y}. No device was timed."
    )
    made = _described(made, f"{own_source} {source}".strip(), held)
    return replace(made, about={**made.about, "limits": _LIMITS_OF_ESTIMATES})


def network_errors(made: Profile, networks: Sequence[MeasuredNetwork]) -> Errors:
    """Return the errors on whole networks."""
    predicted = [
        made.scale * sum(made.kernel_ms(kernel) for kernel in network.kernels) + made.overhead_ms
        for network in networks
    ]
    return errors(predicted, [network.ms for network in networks])


def _with_traffic(made: Profile) -> Profile:
    """Return the profile with a model for unmeasured kinds without weights, from the bytes that they move."""
    known = {kind for model in made.models for kind in model.kinds}
    rest = traffic(made.hardware.bytes_per_ms, 0.0, without=known)
    return replace(made, models=(*made.models, rest)) if rest.rates else made


def _of_long(made: Profile, table: KernelTable) -> dict[str, Errors]:
    """Errors on the held-out kernels that take most of the time, which profilers measure more precisely."""
    found = held_out_errors(made, longer(table, LONG_MS))
    return {f"kernels of at least {LONG_MS} ms": found["all"]} if found else {}


def _described(made: Profile, source: str, held: dict[str, Errors]) -> Profile:
    about = {
        "source": source or "Not stated.",
        "method": method(made),
        "held_out": {name: one.to_json() for name, one in held.items()},
    }
    return replace(made, about=about)


def write_profile(path: Path, profile: Profile) -> Path:
    """Write the profile, and its card next to it. Raises LatencyError if a file cannot be written."""
    try:
        write_out(path, (json.dumps(profile.to_json(), ensure_ascii=False, indent=1) + "\n").encode())
        if is_regular(path):  # a device or a pipe has no place for a card
            write_out(path.with_suffix(".md"), card(profile).encode())
    except OSError as error:
        raise LatencyError(f"{error.filename or path} cannot be written: {error.strerror}") from None
    return path
