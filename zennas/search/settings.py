"""All that decides the outcome of a search, as it is stored with the run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from zennas.budget import Budget
from ZeroShotProxy import ScoreSettings


class SettingsError(ValueError):
    """Settings that contradict each other or cannot be read."""


@dataclass(frozen=True)
class SearchSettings:
    """The same settings give the same result, whatever the machine is doing, also over a kill and resume.

    search_space: name or path. initial: structure to start from instead of the space's own.
    proxy: what ranks candidates; "zen" evolves on the expected Zen-score and confirms the `top`
    best by Monte Carlo with `repeats` repetitions. batch_size, repeats, gamma, device, precision:
    for proxies that run networks. iterations: mutations tried, over budget or not.
    """

    search_space: str = "XXBL"
    initial: str | None = None
    budget: Budget = field(default_factory=Budget)
    resolution: int = 32
    num_classes: int = 10
    use_se: bool = False
    proxy: str = "zen"
    iterations: int = 480_000
    population_size: int = 512
    seed: int = 0
    batch_size: int = 16
    repeats: int = 8
    top: int = 8
    gamma: float = 0.01
    device: str = "auto"
    precision: str = "fp32"

    def __post_init__(self) -> None:
        for name, least in {"iterations": 1, "population_size": 2, "top": 1}.items():
            if getattr(self, name) < least:
                raise SettingsError(f"{name} is {getattr(self, name)}, expected at least {least}")
        self.scoring()  # raises where those are wrong

    def scoring(self) -> ScoreSettings:
        """The part that proxies look at. Raises ProxyError."""
        shared = {f.name: getattr(self, f.name) for f in fields(ScoreSettings)}
        return ScoreSettings(**shared)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> SearchSettings:
        """Raises SettingsError where the settings are of another version."""
        unknown = stored.keys() - {f.name for f in fields(cls)}
        if unknown:
            raise SettingsError(f"the run was made by another version, with settings {', '.join(sorted(unknown))}")
        return cls(**{**stored, "budget": Budget(**stored["budget"])})
