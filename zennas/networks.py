"""Networks to time, as text: what `targets.resolve` takes, or `torchvision:NAME`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from PlainNet import Options, Structure, lower
from PlainNet.ops import OpGraph
from zennas.targets import TargetError, resolve

if TYPE_CHECKING:
    from latency.base import Subject

TORCHVISION = "torchvision:"


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

    def subject(self) -> Subject:
        """What a back end times. Raises StructureError, or LatencyError."""
        from latency.subject import of_module, of_structure

        if self.structure is not None:
            return of_structure(self.structure, self.resolution, self.num_classes, self.use_se, name=self.name)
        from torchvision.models import get_model

        module = get_model(self.name.removeprefix(TORCHVISION), weights=None, num_classes=self.num_classes)
        return of_module(self.name, module, (3, self.resolution, self.resolution))


def network(
    text: str, resolution: int | None = None, num_classes: int | None = None, use_se: bool | None = None
) -> Network:
    """What `text` names; None is the network's own, else 32 pixels, 10 classes and no SE; 224 and 1000 for
    torchvision's.

    Raises TargetError, ParseError or StoreError.
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
    from torchvision.models import list_models

    from PlainNet.registry import nearest_names

    name, known = text.removeprefix(TORCHVISION), list_models()
    if name not in known:
        near = nearest_names(name, known)
        hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known[:8])} …"
        raise TargetError(f"torchvision has no model {name[:80]!r}: {hint}")
