"""What is collected of each network. This file does not import torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from PlainNet import Options, Structure
from zennas.discovering.errors import DiscoveryError
from ZeroShotProxy.base import INITIALISATIONS
from ZeroShotProxy.programs.errors import WrongProgramError
from ZeroShotProxy.programs.statistics import STATISTICS, UNIT_KINDS, Perturbed, UnitKind
from ZeroShotProxy.programs.terminals import TERMINALS, kind_of, unknown_statistic

FORMAT = 3
Images = NDArray[np.float32]
"""Normalised images (N, C, H, W)."""


@dataclass(frozen=True)
class CollectingSettings:
    """What is collected of each network, and how it is run.

    statistics: names of tensors or of closed forms, see `ZeroShotProxy/programs/terminals.py`. batch: the number of
    images that networks see, the first ones; 1 as in the paper. seed: of the weights, the noise and the perturbation.
    perturbed: see `ZeroShotProxy/programs/statistics.py`. initialisation: the rule for weights, or "own" for torch's.
    num_classes: the outputs of the classifier. use_se: whether super-blocks have squeeze-and-excitation. units: the
    kind of units that tensors are of. Closed forms depend on the outputs, the gates and the size of the images only.

    Raises DiscoveryError if a value is not valid.
    """

    statistics: tuple[str, ...] = tuple(STATISTICS)
    batch: int = 1
    seed: int = 0
    perturbed: Perturbed = "difference"
    initialisation: str = "kaiming_fan_out"
    num_classes: int = 10
    use_se: bool = False
    units: UnitKind = "relu-conv-bn"

    def __post_init__(self) -> None:
        if not self.statistics or len(set(self.statistics)) < len(self.statistics):
            raise DiscoveryError(f"the statistics are {self.statistics}, expected at least one, and none twice")
        for name in self.statistics:
            if name not in TERMINALS:
                raise DiscoveryError(unknown_statistic(name))
        try:
            kind_of(self.statistics)
        except WrongProgramError as error:
            raise DiscoveryError(str(error)) from None
        for field, least in {"batch": 1, "seed": 0, "num_classes": 1}.items():
            if getattr(self, field) < least:
                raise DiscoveryError(f"{field} is {getattr(self, field)}, expected at least {least}")
        choices = {"perturbed": ("difference", "value"), "initialisation": INITIALISATIONS, "units": UNIT_KINDS}
        for field, known in choices.items():
            if getattr(self, field) not in known:
                raise DiscoveryError(f"{field} is {getattr(self, field)!r:.80}, expected {' or '.join(known)}")

    @property
    def closed_form(self) -> bool:
        """Whether the statistics are in closed form."""
        return kind_of(self.statistics) == "closed-form"

    @property
    def differences(self) -> tuple[str, ...]:
        """The statistics that are differences to those of the images."""
        if self.perturbed == "value" or self.closed_form:
            return ()
        return tuple(name for name in self.statistics if STATISTICS[name].images == "perturbed")

    @property
    def options(self) -> Options:
        """The options of the networks."""
        return Options(use_se=self.use_se)

    def of_these(self, images: Images) -> Images:
        """Return the images that networks see, (batch, C, H, W). Raises DiscoveryError if there are too few."""
        if images.dtype != np.float32 or images.ndim != 4:
            raise DiscoveryError(
                f"the images are {images.dtype} of shape {images.shape}, expected float32, (N, C, H, W)"
            )
        if len(images) < self.batch:
            raise DiscoveryError(f"there are {len(images)} images, fewer than a batch of {self.batch}")
        return images[: self.batch]


def header(settings: CollectingSettings, images: Images) -> dict[str, Any]:
    """Return what all networks of a folder have in common, as JSON. images: those that networks see."""
    digest = sha256(np.ascontiguousarray(images).tobytes()).hexdigest()
    chosen = {**asdict(settings), "statistics": list(settings.statistics)}
    return {"format": FORMAT, "settings": chosen, "images": {"digest": digest, "shape": list(images.shape)}}


def digest_of(head: dict[str, Any], structure: Structure) -> str:
    """Return a digest of a structure and of everything that its statistics depend on. It names the network's files."""
    return sha256(json.dumps([head, str(structure)], sort_keys=True).encode()).hexdigest()
