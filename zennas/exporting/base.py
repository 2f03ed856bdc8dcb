"""The interface of export formats. No torch.

A format is one file in `formats/`. It makes the bytes of a file from a trained network, and loads such bytes back as a
function from images to logits. `runner.py` compares these logits with PyTorch's before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from latency.base import Subject
from PlainNet.registry import Registry
from zennas.accuracy.comparison import FileAnswers, Limit
from zennas.common.errors import WrongSettingError
from zennas.exporting.errors import AccuracyLossError, ExportError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zennas.named.models import TrainedModel

__all__ = [
    "FORMATS",
    "AccuracyLossError",
    "ExportError",
    "ExportJob",
    "Format",
    "Option",
    "Options",
    "Plan",
    "completed",
]

Options = Mapping[str, "str | int"]
"""Values of all options of a format, by name."""


@dataclass(frozen=True)
class Option:
    """An option of a format.

    default: its value if none is given. allowed: the values that it accepts. note: which one to take, for messages.
    """

    default: str | int
    allowed: Sequence[str | int]
    note: str = ""

    @property
    def text(self) -> str:
        if isinstance(self.allowed, range):
            return f"a number from {self.allowed[0]} to {self.allowed[-1]}"
        return " or ".join(map(str, self.allowed))

    def takes(self, value: object) -> bool:
        """Whether it accepts a value; a number is not True, nor 12.0, which a range contains as well."""
        return type(value) in (int, str) and value in self.allowed


@dataclass(frozen=True)
class Plan:
    """Properties of the file that a format makes with given options.

    suffix: end of the file name, including the dot. precision: number format of weights and activations. limit: largest
    accepted error of the logits. calibrated: whether making the file needs images. most: largest batch that the file
    accepts, None for any. batch: the only size of batches that the file accepts, None if it is not fixed; what `load`
    returns takes any number of images all the same. layout: the order of the input's dimensions.
    """

    suffix: str
    precision: str
    limit: Limit
    calibrated: bool = False
    most: int | None = None
    batch: int | None = None
    layout: Literal["NCHW", "NHWC"] = "NCHW"


@dataclass(frozen=True, eq=False)
class ExportJob:
    """The input of `Format.make`.

    batches: normalised images (n, C, H, W) for calibration, empty if the plan needs none.
    """

    model: TrainedModel
    options: Options
    plan: Plan
    batches: Iterable[NDArray[np.float32]] = ()

    @cached_property
    def subject(self) -> Subject:
        """The network with its op graph, as `latency` expects it. Raises StructureError if it cannot be lowered."""
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
    """An export format. name: as given to --format; summary: one line for lists; options: by name."""

    name: str
    summary: str
    options: Mapping[str, Option]
    packages: tuple[str, ...]
    """Packages whose versions affect the file or who can read it."""

    def plan(self, options: Options) -> Plan:
        """Return the properties of the file that `make` produces with these options."""

    def available(self, plan: Plan) -> str | None:
        """Return None if such files can be made and loaded on this machine, else what is missing and how to get it."""

    def make(self, job: ExportJob) -> bytes:
        """Return the content of the file. Raises ExportError or LatencyError if the network cannot be exported."""

    def load(self, content: bytes) -> FileAnswers:
        """Return a function that runs the file in the library that its users will load it with.

        Raises ExportError if the library cannot load it.
        """

    def facts(self, content: bytes, job: ExportJob) -> dict[str, Any]:
        """Return facts for the sidecar that are specific to this format, JSON-compatible.

        Those under "input" and "output" are added to what the sidecar says about these.
        """

    def usage(self, path: Path) -> str:
        """Return one line of code that loads the file at `path`."""


FORMATS: Registry[Format] = Registry(
    "export format", "zennas.exporting.formats", "zennas.export_formats", lambda form: (form.name,)
)
"""The formats by name; each file in `formats/` adds its own."""


def completed(form: Format, given: Mapping[str, str | int | None]) -> dict[str, str | int]:
    """Return the values of all options of the format, with defaults for options that are missing or None.

    Raises WrongSettingError if the format has no such option, or does not accept its value.
    """
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
        if not form.options[name].takes(value):
            note = f" ({form.options[name].note})" if form.options[name].note else ""
            raise WrongSettingError(f"{flag} is {value!r}, but {form.name} takes {form.options[name].text}{note}")
    return {name: _given(given.get(name), option.default) for name, option in form.options.items()}


def _given(value: str | int | None, default: str | int) -> str | int:
    return default if value is None else value
