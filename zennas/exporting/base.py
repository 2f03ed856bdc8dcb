"""What an export format is, and what it is given. No torch.

A format is one file in `formats/`: it makes the bytes of a file from a trained network, and loads such bytes back as
something that answers images with logits. `runner.py` compares those with PyTorch's before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from latency.base import Subject
from PlainNet.registry import Registry
from zennas.accuracy.comparison import FileAnswers, Limit
from zennas.common.errors import WrongSettingError, ZennasError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zennas.named.models import TrainedModel

Options = Mapping[str, "str | int"]
"""What a format was told, by name, all of its options."""


class ExportError(ZennasError, RuntimeError):
    """A file that cannot be made, or that does not compute the network."""


@dataclass(frozen=True)
class Option:
    """What a format can be told. default: what it does otherwise."""

    default: str | int
    allowed: Sequence[str | int]

    @property
    def text(self) -> str:
        if isinstance(self.allowed, range):
            return f"a number from {self.allowed[0]} to {self.allowed[-1]}"
        return " or ".join(map(str, self.allowed))


@dataclass(frozen=True)
class Plan:
    """What comes out under some options.

    suffix: of the file's name, dot included. precision: of weights and activations. calibrated: whether images have
    to be shown to make it. most: images that a batch may have, None for any number.
    """

    suffix: str
    precision: str
    limit: Limit
    calibrated: bool = False
    most: int | None = None


@dataclass(frozen=True, eq=False)
class ExportJob:
    """What a file is made of. batches: of normalised images to calibrate with, where the plan says so."""

    model: TrainedModel
    options: Options
    plan: Plan
    batches: Iterable[NDArray[np.float32]] = ()

    @cached_property
    def subject(self) -> Subject:
        """The network with its operations, as `latency` takes it. Raises StructureError."""
        from PlainNet.lowering import lower

        network = self.model.network
        graph = lower(
            network.structure,
            resolution=self.model.shown.resolution,
            num_classes=network.num_classes,
            options=network.options,
        )
        return Subject(self.model.name, graph, lambda: deepcopy(network))


class Format(Protocol):
    """One kind of file."""

    name: str
    summary: str
    options: Mapping[str, Option]
    packages: tuple[str, ...]
    """Those whose versions decide what the file holds, or whether it can be read."""

    def plan(self, options: Options) -> Plan: ...

    def available(self, plan: Plan) -> str | None:
        """None where such files can be made and loaded here; else what is missing, and how to get it."""

    def make(self, job: ExportJob) -> bytes:
        """The content of the file. Raises ExportError, LatencyError."""

    def load(self, content: bytes) -> FileAnswers:
        """What such a file computes, by what its users will load it with."""

    def facts(self, content: bytes, job: ExportJob) -> dict[str, Any]:
        """What a user of the file has to know besides what holds for all formats, as JSON takes it."""

    def usage(self, path: Path) -> str:
        """How to load it, in one line."""


FORMATS: Registry[Format] = Registry(
    "export format", "zennas.exporting.formats", "zennas.export_formats", lambda form: (form.name,)
)
"""The formats by name; the files of `formats/` add theirs."""


def settled(form: Format, given: Mapping[str, str | int | None]) -> dict[str, str | int]:
    """All options of the format; None is its default. Raises WrongSettingError."""
    for name, value in given.items():
        if value is None:
            continue
        flag = name.replace("_", "-")
        if name not in form.options:
            fitting = [other.name for other in FORMATS if name in other.options]
            if not fitting:
                raise WrongSettingError(f"no export format has an option {flag}: leave it out")
            only = f"{' and '.join(fitting)} {'has' if len(fitting) == 1 else 'have'} it"
            raise WrongSettingError(f"{form.name} has no option {flag}, only {only}: leave out --{flag}")
        if value not in form.options[name].allowed:
            raise WrongSettingError(f"{flag} is {value!r}, but {form.name} takes {form.options[name].text}")
    return {name: _given(given.get(name), option.default) for name, option in form.options.items()}


def _given(value: str | int | None, default: str | int) -> str | int:
    return default if value is None else value
