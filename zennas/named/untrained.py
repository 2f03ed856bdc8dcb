"""Networks with random weights that are used like trained ones, to see how large their files are. Imports torch when
one is made."""

from __future__ import annotations

from zennas.data.base import Normalisation, Shown
from zennas.named.models import TrainedModel
from zennas.named.networks import network
from zennas.named.structures import TargetError, check_channels

USUAL = Normalisation((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def untrained_model(
    text: str,
    resolution: int | None = None,
    num_classes: int | None = None,
    use_se: bool | None = None,
    seed: int = 0,
) -> TrainedModel:
    """Return the network that `text` names with random weights, which hardly amplify errors of rounding.

    Arguments that are None take the network's own values, as in `named.networks.network`. seed: of the weights.

    Raises TargetError if there is no such network, it has no structure or is not for colour images, and StructureError
    if it does not work at the resolution.
    """
    from latency.measuring.subject import of_structure
    from PlainNet.masternet import MasterNet

    found = network(text, resolution, num_classes, use_se)
    if found.structure is None:
        raise TargetError(f"{text[:200]} has no structure of this project: export it with its own library")
    check_channels(found.structure)
    subject = of_structure(found.structure, found.resolution, found.num_classes, found.use_se, found.name, seed)
    made = subject.build()
    assert isinstance(made, MasterNet)
    shown = Shown(USUAL, found.resolution, found.resolution, "whole")
    return TrainedModel(found.name, made, shown, None, {})
