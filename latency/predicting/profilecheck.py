"""Checks the values in a profile's file: types, ranges, and that all numbers are finite. No torch.

A damaged profile is refused when it is read. What the ranges cannot exclude, such as a factor that overflows, is
refused when it is predicted, by `Profile.kernel_ms` and `Predictor`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from latency.kernels import KINDS, Fusion
from latency.predicting.aboutcheck import check_about, expect, number, text, whole
from latency.predicting.features import Hardware, names
from latency.predicting.models import Learned, Linear, Scaled

if TYPE_CHECKING:
    from latency.predicting.profile import Profile

_FASTEST = 1e18
"""Operations or bytes per ms: a million times as many as the fastest device has."""
_LONGEST = 1e9
"""Milliseconds; more than a week."""
_MOST = 1 << 20
"""Images, channels, units."""
_CHOICES = {"zeros": ("constant", "removed", "run"), "repeats": ("again", "once")}


def check(profile: Profile) -> None:
    """Check all values. Raises ValueError, which names the first wrong field and its value."""
    for name in ("name", "device", "backend", "precision"):
        text(name, getattr(profile, name))
    whole("batch", profile.batch, most=_MOST)
    number("scale", profile.scale, least=1e-9, most=1e9)
    number("overhead_ms", profile.overhead_ms, most=_LONGEST)
    _hardware(profile.hardware)
    _fusion(profile.fusion)
    _ranges(profile.ranges)
    check_about(profile.about)
    if not profile.models:
        raise ValueError("it has no models")
    known: set[str] = set()
    for model in profile.models:
        expect(model.kinds and not known & set(model.kinds), "kinds of a model", model.kinds, "kinds of no other model")
        known |= set(model.kinds)
        if isinstance(model, Scaled):
            for kind, _, factor in model.factors:
                number(f"factor of {kind}", factor, least=1e-9, most=1e9)
            _inputs(profile, model.of)
        elif isinstance(model, Learned):
            _inputs(profile, model)
        else:
            _rates(model)
    if profile.posterior is not None:
        number("spread of the posterior", profile.posterior.spread, most=100)
        whole("count of the posterior", profile.posterior.count, most=_MOST)
    if profile.drift is not None:
        for name in ("computing", "memory", "launches"):
            number(f"drift.{name}", getattr(profile.drift, name), least=1e-6, most=1e6)
        text("drift.at", profile.drift.at)


def _inputs(profile: Profile, model: Learned) -> None:
    wanted, found = len(names(profile.hardware, model.kinds)), len(model.perceptron.low)
    expect(wanted == found, "number of inputs of a perceptron", found, str(wanted))


def _hardware(hardware: Hardware) -> None:
    for name in ("macs_per_ms", "depthwise_macs_per_ms", "bytes_per_ms"):
        number(f"hardware.{name}", getattr(hardware, name), least=1e-3, most=_FASTEST)
    number("hardware.launch_ms", hardware.launch_ms, least=1e-12, most=_LONGEST)
    for name in ("element_bytes", "channel_multiple", "units"):
        whole(f"hardware.{name}", getattr(hardware, name), most=_MOST)
    for tile in hardware.tiles:
        for side in tile:
            whole("hardware.tiles", side, most=_MOST)


def _fusion(fusion: Fusion) -> None:
    for one in fields(fusion):
        if one.name in ("observed", "library"):
            continue
        value = getattr(fusion, one.name)
        known = _CHOICES.get(one.name, (True, False))
        fits = any(value is choice or (isinstance(value, str) and value == choice) for choice in known)
        expect(fits, f"fusion.{one.name}", value, " or ".join(map(str, known)))
    for host, guest, fused in fusion.observed:
        text("host in fusion.observed", host)
        text("guest in fusion.observed", guest)
        expect(isinstance(fused, bool), f"fusion.observed of {host} and {guest}", fused, "true or false")
    expect(isinstance(fusion.library, str), "fusion.library", fusion.library, "a name and version")


def _ranges(ranges: dict[str, dict[str, list[int]]]) -> None:
    for kind, found in ranges.items():
        expect(kind in KINDS, "kind of kernel in ranges", kind, ", ".join(KINDS))
        for name, ends in found.items():
            expect(isinstance(ends, list) and len(ends) == 2, f"range of {name}", ends, "the smallest and the largest")
            for end in ends:
                whole(f"range of {name}", end)
            expect(ends[0] <= ends[1], f"range of {name}", ends, "the smallest first")


def _rates(model: Linear) -> None:
    for kind, size, *rates in model.rates:
        whole(f"kernel size of {kind}", size, least=0, most=_MOST)
        for rate in rates:
            number(f"rate of {kind}", rate, most=_LONGEST)
    for kind, size, least, more in model.large:
        whole(f"kernel size of large {kind}", size, least=0, most=_MOST)
        whole(f"bytes of large {kind}", least, least=0, most=1 << 62)
        number(f"rate of large {kind}", more, most=_LONGEST)
