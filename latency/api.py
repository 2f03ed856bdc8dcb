"""The functions that scripts and notebooks call: `latency.measure` and `latency.predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PlainNet import Options, Structure, parse

if TYPE_CHECKING:
    from torch import nn

    from latency.base import LatencyStats
    from latency.predicting.profile import Profile


def measure(
    target: Structure | str | nn.Module,
    *,
    resolution: int = 32,
    num_classes: int = 10,
    use_se: bool = False,
    name: str | None = None,
    **settings: Any,
) -> LatencyStats:
    """Time a network on this machine, after its output was checked against PyTorch's.

    target: a structure, its text, or a module that takes RGB images. resolution: side of the square input, in pixels.
    num_classes, use_se: of a structure. name: what to call the network in messages.
    settings: the fields of `latency.base.MeasureSettings`: backend, precision, device, batch_size, threads and others.
    The times of the result are in milliseconds. Raises LatencyError, StructureError, TypeError for an unknown setting.
    """
    from latency.base import MeasureSettings
    from latency.measuring.measure import measure as measure_subject
    from latency.measuring.subject import subject_of

    subject = subject_of(target, resolution=resolution, num_classes=num_classes, use_se=use_se, name=name)
    return measure_subject(subject, MeasureSettings(**settings))


def predict(
    structure: Structure | str,
    profile: Profile | str | Path = "v100-pytorch-fp16",
    *,
    resolution: int = 32,
    num_classes: int | None = 10,
    use_se: bool = False,
    batch_size: int | None = None,
) -> float:
    """Milliseconds for one image of the network, from a shipped profile's name, or a file's. `Predictor` is for many
    networks.

    Raises StructureError, ParseError among them, and ProfileError.
    """
    from latency.predicting.predictor import Predictor
    from latency.predicting.profile import Profile, load_profile

    predictor = Predictor(
        profile if isinstance(profile, Profile) else load_profile(profile),
        resolution=resolution,
        num_classes=num_classes,
        options=Options(use_se),
        batch_size=batch_size,
    )
    return predictor.graph_ms(predictor.lowered(parse(structure) if isinstance(structure, str) else structure))
