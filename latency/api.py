"""The functions that scripts and notebooks call: `latency.measure` and `latency.predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PlainNet import Options, Structure, parse
from PlainNet.sizes import SizeLike

if TYPE_CHECKING:
    from torch import nn

    from latency.base import LatencyStats
    from latency.predicting.profile import Profile


def measure(
    target: Structure | str | nn.Module,
    *,
    resolution: SizeLike = 32,
    num_classes: int = 10,
    use_se: bool = False,
    name: str | None = None,
    **settings: Any,
) -> LatencyStats:
    """Time a network on this machine, after checking its output against PyTorch's.

    target: a structure, its text, or a module that takes RGB images. resolution: height and width of the input in
    pixels, see `PlainNet.cost`. num_classes, use_se: classes, and squeeze and excitation, of a structure; ignored for
    modules. name: what messages call the network. settings: fields of `latency.base.MeasureSettings`, such as backend,
    precision, device, batch_size and threads.

    The result's `latency_ms` is in milliseconds per image. Raises LatencyError if the network cannot be measured,
    StructureError if the structure is not a network, and TypeError for an unknown setting.
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
    resolution: SizeLike = 32,
    num_classes: int | None = 10,
    use_se: bool = False,
    batch_size: int | None = None,
) -> float:
    """Predict the latency of a network in milliseconds per image.

    profile: a profile, the name of a shipped one, or the path of a file. resolution: height and width of the input in
    pixels. num_classes: None leaves out the classifier. use_se: squeeze and excitation in super-blocks. batch_size:
    images per batch; None for the profile's own. To predict many networks, use
    `latency.predicting.predictor.Predictor`.

    Raises StructureError (ParseError for text that cannot be parsed) and ProfileError.
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
