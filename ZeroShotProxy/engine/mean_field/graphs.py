"""The op graph, and the mean field, of what a proxy is asked to score."""

from __future__ import annotations

from PlainNet import Options
from PlainNet.lowering import lower
from PlainNet.ops import OpGraph
from ZeroShotProxy.base import ProxyError, ScoreSettings, Target, structure_of
from ZeroShotProxy.engine.mean_field.field import Field, field_of


def graph_of(target: Target, name: str, settings: ScoreSettings) -> OpGraph:
    """Return the op graph of a structure or MasterNet, with its classifier. name: the proxy, for messages.

    Raises ProxyError for other networks, and StructureError if it is not a network at this resolution.
    """
    structure = structure_of(target, name)
    return lower(
        structure,
        resolution=settings.resolution,
        num_classes=settings.num_classes,
        options=Options(use_se=settings.use_se),
    )


def live_field(target: Target, name: str, settings: ScoreSettings, *, same_for_images: bool = False) -> Field:
    """Return the mean field of a structure or MasterNet. name: the proxy, for messages.

    Raises ProxyError if no gradient reaches the image, or for other networks.
    """
    found = field_of(graph_of(target, name, settings), same_for_images=same_for_images)
    if found is None:
        raise ProxyError(f"proxy {name} fails: no gradient of the output reaches the input")
    return found
