"""Networks to time, as text: what `structures.resolve` takes, or `torchvision:NAME`."""

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
"""Models that warn unless they are told whether to draw their weights by a rule that takes a minute."""


class UnknownModelError(TargetError, UnknownNameError):
    """The name of a model that torchvision has not."""


@dataclass(frozen=True)
class Network:
    """A network at a resolution, with a head of so many classes. structure: None for one of torchvision's."""

    name: str
    resolution: int
    num_classes: int
    use_se: bool
    structure: Structure | None

    @cached_property
    def graph(self) -> OpGraph:
        """Its operations. Raises StructureError, or LatencyError for a module that cannot be read."""
        if self.structure is None:
            return self.subject().graph
        return lower(
            self.structure, resolution=self.resolution, num_classes=self.num_classes, options=Options(self.use_se)
        )

    def block_name(self, block: int) -> str:
        """How a top-level block is called: by its text; for a module, by what the paths of its nodes share."""
        if block == HEAD:
            return "classifier"
        if self.structure is not None:
            return str(self.structure.blocks[block])
        paths = [node.path for node in self.graph.nodes if node.block == block]
        parts = zip(*(path.split(".") for path in paths), strict=False)
        return ".".join(part[0] for part in takewhile(lambda part: len(set(part)) == 1, parts)) or paths[0]

    def subject(self) -> Subject:
        """What a back end times. Raises StructureError, or LatencyError."""
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
    """What `text` names; None is the network's own, else 32 pixels, 10 classes and no SE; 224 and 1000 for
    torchvision's.

    Raises TargetError, UnknownModelError among them, ParseError or StoreError.
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

    name, known = text.removeprefix(TORCHVISION), models.list_models(module=models)  # those that classify images
    if name not in known:
        near = nearest_names(name, known)
        hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known[:8])} …"
        raise UnknownModelError(f"torchvision has no model {name[:80]!r}: {hint}")
