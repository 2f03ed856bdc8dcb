"""Networks with random weights that are used like trained ones, to see how large their files are. Imports torch when
one is made."""

from __future__ import annotations

from PlainNet.sizes import SizeLike
from zennas.data.base import Normalisation, Shown
from zennas.named.models import TrainedModel
from zennas.named.networks import network
from zennas.named.structures import TargetError

MEAN, DEVIATION = 0.5, 0.25
"""Of each channel of images, for values from 0 to 1."""


def untrained_model(
    text: str,
    resolution: SizeLike | None = None,
    num_classes: int | None = None,
    use_se: bool | None = None,
    in_channels: int | None = None,
    seed: int = 0,
) -> TrainedModel:
    """Return the network that `text` names with random weights, which hardly amplify errors of rounding.

    Arguments that are None take the network's own values, as in `named.networks.network`. seed: of the weights.

    Raises TargetError if there is no such network or it has no structure, and StructureError if it does not work at
    the resolution.
    """
    from latency.measuring.subject import of_structure
    from PlainNet.masternet import MasterNet

    found = network(text, resolution, num_classes, use_se, in_channels)
    if found.structure is None:
        raise TargetError(f"{text[:200]} has no structure of this project: export it with its own library")
    subject = of_structure(found.structure, found.resolution, found.num_classes, found.use_se, found.name, seed)
    made = subject.build()
    assert isinstance(made, MasterNet)
    channels = subject.graph.input.channels
    normalisation = Normalisation((MEAN,) * channels, (DEVIATION,) * channels)
    shown = Shown(normalisation, found.resolution, found.resolution, "whole")
    return TrainedModel(found.name, made, shown, None, {})
