"""Networks of any origin, given as text: what `structures.resolve` accepts, and what `foreign.foreign` does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING

from latency.base import LatencyError, first_line
from PlainNet import Options, Structure, lower
from PlainNet.edit import for_channels
from PlainNet.errors import ZennasError
from PlainNet.ops import HEAD, OpGraph
from PlainNet.sizes import Size, SizeLike, sides
from zennas.common.errors import WrongSettingError
from zennas.common.limits import checked_resolution
from zennas.named.foreign import Foreign, foreign, is_foreign
from zennas.named.structures import resolve
from ZeroShotProxy.base import Architecture

if TYPE_CHECKING:
    from torch import nn

    from latency.base import Subject


@dataclass(frozen=True)
class Network:
    """A network with a resolution in pixels and a number of classes. structure: None for one that is
    `foreign`, and the other way round.
    """

    name: str
    resolution: Size
    num_classes: int
    use_se: bool
    structure: Structure | None
    foreign: Foreign | None = None

    @cached_property
    def graph(self) -> OpGraph:
        """Return its op graph. Raises StructureError, or LatencyError for a module that cannot be read."""
        if self.structure is not None:
            return lower(
                self.structure, resolution=self.resolution, num_classes=self.num_classes, options=Options(self.use_se)
            )
        from latency.reading.module import BATCH, read_graph

        other = self._other()
        return read_graph(self.name, self.module(), other.channels, self.resolution, other.batch or BATCH)

    def block_name(self, block: int) -> str:
        """Return the name of a top-level block: its text, or for a module the common part of the paths of its nodes."""
        if block == HEAD:
            return "classifier"
        if self.structure is not None:
            return str(self.structure.blocks[block])
        paths = [node.path for node in self.graph.nodes if node.block == block]
        parts = zip(*(path.split(".") for path in paths), strict=False)
        return ".".join(part[0] for part in takewhile(lambda part: len(set(part)) == 1, parts)) or paths[0]

    @property
    def batch(self) -> int:
        """The number of images that the module takes at once: 1 unless an ONNX file fixes another."""
        return 1 if self.foreign is None else self.foreign.batch or 1

    @property
    def scored(self) -> Structure | Architecture:
        """The network as proxies take it; that of an ONNX file is built anew, with random weights.

        Raises LatencyError for a module that cannot be read, whose costs proxies would count wrongly.
        """
        if self.structure is not None:
            return self.structure
        _ = self.graph
        make = self._rebuilt if self._other().stored else self.module
        return Architecture(self.name, self._other().channels, make)

    def _rebuilt(self) -> nn.Module:
        from PlainNet.read_modules import graph_module

        return graph_module(self.graph)

    def subject(self) -> Subject:
        """Return what a back end times. Raises StructureError or LatencyError."""
        from latency.measuring.subject import of_module, of_structure

        if self.structure is not None:
            return of_structure(self.structure, self.resolution, self.num_classes, self.use_se, name=self.name)
        module = self._rebuilt() if self._other().stored else self.module()
        return of_module(self.name, module, (self._other().channels, *sides(self.resolution)))

    def module(self) -> nn.Module:
        """Return a new module of a foreign network. Raises LatencyError if its library refuses to make it."""
        try:
            return self._other().make()
        except ZennasError:
            raise
        except Exception as error:  # foreign code
            raise LatencyError(f"{self.name} cannot be made: {first_line(error)}") from error

    def _other(self) -> Foreign:
        assert self.foreign is not None  # a network has a structure, or is foreign
        return self.foreign


def network(
    text: str,
    resolution: SizeLike | None = None,
    num_classes: int | None = None,
    use_se: bool | None = None,
    in_channels: int | None = None,
) -> Network:
    """Return the network that `text` names.

    Arguments that are None take the network's own values; without those, structures get 32 pixels, 10 classes and no
    SE, and foreign networks 224 pixels and 1000 classes.

    use_se: only for structures. in_channels: those of the input image; the first blocks of a structure are changed to
    take them.

    Raises TargetError if there is no such network (UnknownModelError for torchvision and timm), or if it is not for
    such images; WrongSettingError if `use_se` is given for a foreign network, or the resolution is not valid;
    UnavailableError if timm or onnx is not installed, LatencyError if an ONNX file cannot be read, ParseError if a
    structure is not valid, and StoreError if a run cannot be read.
    """
    size = None if resolution is None else checked_resolution(resolution, WrongSettingError)
    if is_foreign(text):
        if use_se is not None:
            raise WrongSettingError(
                f"{text[:200]} has its own operations, and squeeze-and-excitation can only be chosen for structures: "
                "leave out --use-se and --no-use-se"
            )
        other = foreign(text, size, num_classes, in_channels)
        return Network(text, other.resolution, other.num_classes, False, None, other)
    target = resolve(text)
    return Network(
        str(target.structure) if target.source == "text" else target.source,
        size or target.resolution or 32,
        num_classes or target.num_classes or 10,
        bool(target.use_se) if use_se is None else use_se,
        target.structure if in_channels is None else for_channels(target.structure, in_channels),
    )
