"""A fitted predictor as a file: its device, its models of kernels, and its errors. No torch.

The file is JSON with the fields `FORMAT` and `VERSION`, described in docs/latency.md. Reading it runs no code from it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NoReturn

from latency.base import LatencyError
from latency.kernels import CONV, GROUPED, LINEAR, WEIGHTED, Fusion, Kernel
from latency.predicting.drift import Drift
from latency.predicting.features import Hardware
from latency.predicting.models import Learned, Linear, Model, model_from_json
from latency.predicting.posterior import CONSTANT, SHARE, Posterior, Term, summed
from latency.predicting.profilecheck import check
from PlainNet.registry import UnknownNameError, did_you_mean, nearest_names
from PlainNet.sizes import sides

FORMAT = "zennas latency profile"
VERSION = 1
FOLDER = Path(__file__).parents[1] / "profiles"

RANGED = ("batch", "in_channels", "out_channels", "size", "kernel", "stride")
"""The fields of a kernel whose measured ranges a profile stores."""
_CONVOLUTIONS = (LINEAR, GROUPED)
"""Kinds that are convolutions as well: a linear layer is a 1×1 convolution on a single position."""


INSIDE, PARTLY, OUTSIDE = "inside", "partly estimated", "outside"
GRADES = (INSIDE, PARTLY, OUTSIDE)
"""What a prediction is worth: all kernels lie in the measured range; some are of kinds that were not measured; some lie
outside the range of their kind."""


@dataclass(frozen=True)
class Trust:
    """What a card says about predictions of values that were not fitted.

    what: the held-out values. number: how many there were. share: how many of their predictions were within ±10 % of
    the measured values, in per cent. stated: whether each prediction has an interval of its own instead, which contains
    that share of the measured values.
    """

    what: str
    number: int
    share: float
    stated: bool = False

    def interval(self, ms: float) -> tuple[float, float]:
        """Return the latencies of which a prediction of `ms` is within ±10 %."""
        return ms / 1.1, ms / 0.9


class ProfileError(LatencyError):
    """A profile does not exist, cannot be read, or does not know an operation."""


class UnknownKernelError(ProfileError):
    """A profile does not know a kind of kernel. kind: which."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class UnknownProfileError(ProfileError, UnknownNameError):
    """There is neither a shipped profile of that name nor such a file."""


@dataclass(frozen=True)
class Profile:
    """A predictor for one device, back end and precision.

    batch: the batch size of predictions that name none. scale, overhead_ms: a batch takes `scale` times the sum of its
    kernels plus `overhead_ms`. ranges: for each kind of kernel and each field of `Kernel`, the measured range. about:
    source, method and held-out errors, as in the card. posterior: how well the rates are known, if the profile was
    adapted to a few measured networks. drift: how much slower or faster the device is now; None for as it was.
    """

    name: str
    device: str
    backend: str
    precision: str
    batch: int
    hardware: Hardware
    fusion: Fusion
    models: tuple[Model, ...]
    scale: float = 1.0
    overhead_ms: float = 0.0
    ranges: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    posterior: Posterior | None = None
    drift: Drift | None = None

    @cached_property
    def _model(self) -> dict[str, Model]:
        return {kind: model for model in self.models for kind in model.kinds}

    def kernel_ms(self, kernel: Kernel) -> float:
        """The time of one kernel in ms for its whole batch.

        Raises ProfileError for a kind that the profile lacks, and if its numbers lead to no finite time.
        """
        model = self._model.get(kernel.kind)
        if model is None:
            kernel = self.measured_as(kernel)
            model = self.model_of(kernel.kind)
        try:
            ms = model.ms(kernel, self.hardware)
            if self.drift is not None:
                ms *= self.drift.factor(kernel, self.hardware)
        except OverflowError:
            ms = math.inf
        return ms if 0 <= ms < math.inf else self.refuse(ms, f"a kernel of kind {kernel.kind}")

    def refuse(self, ms: float, what: str) -> NoReturn:
        """Raise ProfileError, as `ms` is no latency."""
        raise ProfileError(
            f"profile {self.name} predicts {ms:g} ms for {what}, expected a finite time: the numbers in its file are "
            "wrong, fit it again"
        )

    def is_affine(self, kind: str) -> bool:
        """Whether the time of kernels of that kind is a constant plus a constant time per channel."""
        model = self._model.get(kind)
        if kind in WEIGHTED or self.drift is not None:
            return False
        return isinstance(model, Linear) and all(one[0] != kind for one in model.large)

    def measured_as(self, kernel: Kernel) -> Kernel:
        """The kernel itself, or the equivalent convolution if its kind was not measured. Raises ProfileError."""
        if kernel.kind in self._model or kernel.kind not in _CONVOLUTIONS:
            return kernel
        return kernel._replace(kind=CONV)

    def model_of(self, kind: str) -> Model:
        """Return the model for a kind of kernel. Raises UnknownKernelError if there is none."""
        try:
            return self._model[kind]
        except KeyError:
            known = ", ".join(self._model)
            raise UnknownKernelError(
                f"profile {self.name} has no kernels of kind {kind}, only {known}: use another profile, or fit one "
                "of your own",
                kind,
            ) from None

    def grade(self, kernels: Iterable[Kernel]) -> str:
        """Return one of `GRADES` for a network of these kernels. Raises ProfileError."""
        kernels = list(kernels)
        if self.beyond(kernels):
            return OUTSIDE
        return PARTLY if self.outside(kernels) else INSIDE

    @property
    def typical_error(self) -> float | None:
        """The mean error on the first held-out values of the card, in per cent; None if none were measured."""
        for values in self.about.get("held_out", {}).values():
            return float(values["mape"])
        return None

    @property
    def trust(self) -> Trust | None:
        """What an interval is worth: how many of the first held-out values of the card lie within ±10 %, or, with a
        posterior, the share that it states. None if none were measured.
        """
        if self.posterior is not None:
            return Trust("measured networks", self.posterior.count, SHARE, stated=True)
        for what, values in self.about.get("held_out", {}).items():
            return Trust("single kernels" if what == "all" else what, int(values["count"]), float(values["within10"]))
        return None

    def interval(self, kernels: Sequence[Kernel], ms: float) -> tuple[float, float] | None:
        """Return from and to which time a network of these kernels takes, if its prediction is `ms`, in its unit.

        `trust` says with which probability. None if it is unknown. Raises ProfileError.
        """
        if self.posterior is not None:
            parts = summed([*self.constant_parts(), *self.kernel_parts(kernels)])
            return self.posterior.interval(ms, parts)
        return None if self.trust is None else self.trust.interval(ms)

    def constant_parts(self) -> list[tuple[Term, float]]:
        """Return the terms of a batch's time that belong to no kernel, in ms."""
        return [(Term(CONSTANT), self.overhead_ms)]

    def kernel_parts(self, kernels: Iterable[Kernel]) -> list[tuple[Term, float]]:
        """Return the terms of the time of kernels, in ms for their whole batches. Raises ProfileError."""
        found: list[tuple[Term, float]] = []
        for kernel in map(self.measured_as, kernels):
            model = self.model_of(kernel.kind)
            assert not isinstance(model, Learned)  # an adapted profile has none
            factor = self.scale if self.drift is None else self.scale * self.drift.factor(kernel, self.hardware)
            found += [(term, factor * ms) for term, ms in model.parts(kernel, self.hardware)]
        return found

    def beyond(self, kernels: Iterable[Kernel]) -> list[str]:
        """Describe which of these kernels lie outside the measured range of their kind. Raises ProfileError.

        Unlike `outside`, it leaves out kinds that were not measured at all, which no choice of shapes can avoid.
        """
        return self.outside(kernel for kernel in kernels if kernel.kind in self.ranges)

    def outside(self, kernels: Iterable[Kernel]) -> list[str]:
        """Describe in a few lines which of these kernels lie outside the measured range. Raises ProfileError."""
        found: dict[tuple[str, str], list[int]] = {}
        by_bytes: list[str] = []
        for kernel in dict.fromkeys(kernels):
            kind = self.measured_as(kernel).kind
            self.model_of(kind)
            known = self.ranges.get(kind)
            if kind != kernel.kind:
                found.setdefault((kernel.kind, ""), [])
            elif known is None:
                by_bytes.append(kind)
            else:
                for name in RANGED:
                    low, high = known[name]
                    values = sides(kernel.size) if name == "size" else (getattr(kernel, name),)
                    beyond = [value for value in dict.fromkeys(values) if not low <= value <= high]
                    if beyond:
                        found.setdefault((kind, name), []).extend(beyond)
        lines = [self._outside(kind, name, values) for (kind, name), values in found.items()]
        if by_bytes:
            basis = "the bytes moved" if self.posterior is None else "other kinds of kernels"
            lines.append(f"{', '.join(dict.fromkeys(by_bytes))}: not measured, estimated from {basis}")
        return lines

    def _outside(self, kind: str, name: str, values: list[int]) -> str:
        if not name:
            return f"{kind}: not measured, treated as a convolution"
        low, high = self.ranges[kind][name]
        return f"{kind} with {name.replace('_', ' ')} {_span(values)}, measured: {_span([low, high])}"

    def to_json(self) -> dict[str, Any]:
        """Return the content of the profile's file."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "device": self.device,
            "backend": self.backend,
            "precision": self.precision,
            "batch": self.batch,
            "about": self.about,
            "ranges": self.ranges,
            "hardware": asdict(self.hardware),
            "fusion": asdict(self.fusion),
            "scale": self.scale,
            "overhead_ms": self.overhead_ms,
            "models": [model.to_json() for model in self.models],
            **({} if self.posterior is None else {"posterior": self.posterior.to_json()}),
            **({} if self.drift is None else {"drift": asdict(self.drift)}),
        }

    @classmethod
    def from_json(cls, stored: Any, source: str) -> Profile:
        """Read a profile from JSON. Raises ProfileError, which names `source`, if the data are damaged."""
        if not isinstance(stored, dict) or stored.get("format") != FORMAT:
            raise ProfileError(f"{source} is not a latency profile: make one with zennas latency fit")
        if stored.get("version") != VERSION:
            raise ProfileError(
                f"{source} has version {stored.get('version')!r}, this zennas reads {VERSION}: fit it again"
            )
        try:
            found = _read_fields(stored)
            check(found)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ProfileError(f"{source} is damaged: {type(error).__name__}: {error}; fit it again") from None
        return found


def _read_fields(stored: dict[str, Any]) -> Profile:
    hardware = dict(stored["hardware"])
    hardware["tiles"] = tuple((p, c) for p, c in hardware["tiles"])
    return Profile(
        name=stored["name"],
        device=stored["device"],
        backend=stored["backend"],
        precision=stored["precision"],
        batch=stored["batch"],
        hardware=Hardware(**hardware),
        fusion=Fusion.from_json(stored["fusion"]),
        models=tuple(model_from_json(model) for model in stored["models"]),
        scale=stored["scale"],
        overhead_ms=stored["overhead_ms"],
        ranges={kind: {name: fields[name] for name in RANGED} for kind, fields in stored["ranges"].items()},
        about=dict(stored["about"]),
        posterior=Posterior.from_json(stored["posterior"]) if "posterior" in stored else None,
        drift=Drift(**stored["drift"]) if "drift" in stored else None,
    )


def _span(values: list[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


def profile_names() -> list[str]:
    """Return the names of the profiles that come with the project."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load_profile(name: str | Path) -> Profile:
    """Load a shipped profile by name, or a profile from a file.

    Raises UnknownProfileError if there is neither, and ProfileError if the file cannot be read.
    """
    text = str(name)
    path = FOLDER / f"{text}.json" if text in profile_names() else Path(text)
    if not path.is_file():
        near = _near(text)
        hint = did_you_mean(near, f"known: {', '.join(profile_names())}")
        raise UnknownProfileError(f"no latency profile {text[:80]!r}: no such file, and {hint}")
    return _read(path, path.stat().st_mtime_ns)


_ALIASES = {
    "raspberrypi": "pi",
    "raspi": "pi",
    "rpi": "pi",
    "jetson": "edgegpu",
    "tx2": "edgegpu",
    "coral": "edgetpu",
}
"""Other names of families of devices."""


def _near(text: str) -> list[str]:
    """The shipped profiles of the same family of devices as `text` names, or else those with similar names."""
    wanted = _plain(text)
    family = [name for name in profile_names() if wanted and _plain(name).startswith(wanted)]
    return family or nearest_names(text, profile_names())


def _plain(name: str) -> str:
    """A name in small letters and digits, with one word for each family of devices."""
    found = "".join(letter for letter in name.casefold() if letter.isalnum())
    for alias, family in _ALIASES.items():
        found = found.replace(alias, family)
    return found


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> Profile:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except (OSError, ValueError, RecursionError) as error:
        raise ProfileError(f"{path} cannot be read as a latency profile: {error}") from None
    return Profile.from_json(stored, str(path))


def _no_number(text: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python's reader accepts although they are not JSON. Raises ValueError."""
    raise ValueError(f"it contains {text}, expected finite numbers")
