"""What a proxy is: a function from a network to a score, with what it needs and where it comes from.

A file in this package registers its proxy in `PROXIES`; `score` below is the one way to call them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from PlainNet import Structure
from PlainNet.registry import Registry

if TYPE_CHECKING:
    from torch import nn

Need: TypeAlias = Literal["cost", "structure", "module", "batch", "labels", "population"]


class ProxyError(ValueError):
    """A proxy that cannot score this network; the message names the proxy."""


@dataclass(frozen=True)
class ProxyInfo:
    """What is known of a proxy without running it.

    needs: the most that it looks at, from the cost of a structure to a batch with labels.
    torch: whether it runs the network, which takes milliseconds and not microseconds.
    source: paper, and equation where there is one.
    """

    name: str
    summary: str
    source: str
    needs: Need = "structure"
    torch: bool = False
    higher_is_better: bool = True
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScoreSettings:
    """How networks are scored. Not every proxy looks at every setting; `zennas proxies` says which does.

    resolution: side of the square input. batch_size: images in a batch. repeats: independent
    repetitions of a random score. gamma: size of the perturbation of the Zen-score.
    seed: of all randomness. device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1".
    precision: "fp32" or "bf16".
    """

    resolution: int = 32
    num_classes: int = 10
    use_se: bool = False
    batch_size: int = 16
    repeats: int = 8
    gamma: float = 0.01
    seed: int = 0
    device: str = "auto"
    precision: str = "fp32"

    def __post_init__(self) -> None:
        for name, least in {"resolution": 1, "num_classes": 1, "batch_size": 2, "repeats": 1}.items():
            if getattr(self, name) < least:
                raise ProxyError(f"{name} is {getattr(self, name)}, expected at least {least}")
        if self.precision not in ("fp32", "bf16"):
            raise ProxyError(f"precision is {self.precision!r}, expected fp32 or bf16")
        if not 0 < self.gamma < 1:
            raise ProxyError(f"gamma is {self.gamma}, expected a number between 0 and 1")


@dataclass(frozen=True)
class Score:
    """A score, with the 95 % interval of its mean where it was repeated."""

    value: float
    interval: tuple[float, float] | None = None
    repeats: tuple[float, ...] = field(default=(), repr=False)


Target: TypeAlias = "Structure | nn.Module"


@dataclass(frozen=True)
class Proxy:
    """A registered proxy: `proxy.score(structure, settings)`; raises ProxyError or StructureError."""

    info: ProxyInfo
    score: Callable[[Target, ScoreSettings], Score]


PROXIES: Registry[Proxy] = Registry("proxy", "ZeroShotProxy")


def register(info: ProxyInfo, score: Callable[[Target, ScoreSettings], Score]) -> None:
    """Register a proxy under its name and aliases."""
    proxy = Proxy(info, score)
    for name in (info.name, *info.aliases):
        PROXIES.add(name, proxy)


def structure_of(target: Target, name: str) -> Structure:
    """The structure of what is to be scored: itself, or that of a MasterNet. Raises ProxyError."""
    structure = target if isinstance(target, Structure) else getattr(target, "structure", None)
    if not isinstance(structure, Structure):
        raise ProxyError(f"proxy {name} scores structures and MasterNets, not a {type(target).__name__}")
    return structure


def score(target: Target, names: Iterable[str], settings: ScoreSettings = ScoreSettings()) -> dict[str, Score]:
    """Scores of a structure or model, by the registered names of the proxies (not the aliases asked for).

    Raises UnknownNameError, ProxyError, StructureError.
    """
    proxies = [PROXIES.get(name) for name in names]
    return {proxy.info.name: proxy.score(target, settings) for proxy in proxies}
