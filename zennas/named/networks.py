"""Networks to time, given as text: everything that `structures.resolve` accepts, and `torchvision:NAME`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING

from PlainNet import Options, Structure, lower
from PlainNet.ops import HEAD, OpGraph
from PlainNet.registry import UnknownNameError, nearest_names
from zennas.named.structures import TargetError, resolve

if TYPE_CHECKING:
    from latency.base import Subject

TORCHVISION = "torchvision:"
_SLOW_TO_DRAW = ("googlenet", "inception_v3")
"""Models that warn without `init_weights`; drawing their weights by their own rule takes a minute."""


class UnknownModelError(TargetError, UnknownNameError):
    """The library has no model with this name."""


@dataclass(frozen=True)
class Network:
    """A network with a resolution in pixels and a number of classes. structure: None for models of torchvision."""

    name: str
    resolution: int
    num_classes: int
    use_se: bool
    structure: Structure | None

    @cached_property
    def graph(self) -> OpGraph:
        """Return its op graph. Raises StructureError, or LatencyError for a module that cannot be read."""
        if self.structure is None:
            return self.subject().graph
        return lower(
            self.structure, resolution=self.resolution, num_classes=self.num_classes, options=Options(self.use_se)
        )

    def block_name(self, block: int) -> str:
        """Return the name of a top-level block: its text, or for a module the common part of the paths of its nodes."""
        if block == HEAD:
            return "classifier"
        if self.structure is not None:
            return str(self.structure.blocks[block])
        paths = [node.path for node in self.graph.nodes if node.block == block]
        parts = zip(*(path.split(".") for path in paths), strict=False)
        return ".".join(part[0] for part in takewhile(lambda part: len(set(part)) == 1, parts)) or paths[0]

    def subject(self) -> Subject:
        """Return what a back end times. Raises StructureError or LatencyError."""
        from latency.measuring.subject import of_module, of_structure

        if self.structure is not None:
            return of_structure(self.structure, self.resolution, self.num_classes, self.use_se, name=self.name)
        from torchvision.models import get_model

        name = self.name.removeprefix(TORCHVISION)
        drawn = {"init_weights": False} if name in _SLOW_TO_DRAW else {}
        module = get_model(name, weights=None, num_classes=self.num_classes, **drawn)
        return of_module(self.name, module, (3, self.resolution, self.resolution))


def network(
    text: str, resolution: int | None = None, num_classes: int | None = None, use_se: bool | None = None
) -> Network:
    """Return the network that `text` names.

    Arguments that are None take the network's own values; without those, structures get 32 pixels, 10 classes and no
    SE, and models of torchvision get 224 pixels and 1000 classes.

    Raises TargetError if there is no such network (UnknownModelError for torchvision), ParseError if a structure is not
    valid, and StoreError if a run cannot be read.
    """
    if text.startswith(TORCHVISION):
        _check_torchvision(text)
        return Network(text, resolution or 224, num_classes or 1000, False, None)
    target = resolve(text)
    return Network(
        str(target.structure) if target.source == "text" else target.source,
        resolution or target.resolution or 32,
        num_classes or target.num_classes or 10,
        bool(target.use_se) if use_se is None else use_se,
        target.structure,
    )


def _check_torchvision(text: str) -> None:
    from torchvision import models

    name, known = text.removeprefix(TORCHVISION), models.list_models(module=models)  # only classifiers of images
    if name not in known:
        near = nearest_names(name, known)
        hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known[:8])} …"
        raise UnknownModelError(f"torchvision has no model {name[:80]!r}: {hint}")
