"""What a proxy is: a function from a network to a score, with what it needs and where it comes from.

A file in this package registers its proxy in `PROXIES`, by one of three functions:
  register            scores a structure (`proxies/flops.py`, `proxies/zen.py`)
  register_measure    measures a network on a batch, through a `Probe` that shares passes (`proxies/snip.py`)
  register_ranking    ranks the members of a population by the scores of other proxies (`proxies/vote.py`)
`scores.py` has the functions that call them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from PlainNet import Structure
from PlainNet.errors import ZennasError
from PlainNet.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ZeroShotProxy.engine.probe import Probe

Use: TypeAlias = Literal["gradients", "fisher", "hessian", "jacobian", "relu_codes"]
Need: TypeAlias = Literal["cost", "structure", "module", "batch", "labels", "population"]


INITIALISATIONS = ("own", "kaiming_fan_in", "kaiming_fan_out", "gaussian")
"""The network's own weights, and the rules of `engine/initialise.py`."""


class ProxyError(ZennasError, ValueError):
    """A proxy that cannot score this network; the message names the proxy."""


@dataclass(frozen=True)
class ProxyInfo:
    """What is known of a proxy without running it.

    needs: the most that it looks at, from the cost of a structure to a batch with labels, or a population.
    random: whether a structure's score depends on the seed.
    uses: the shared passes that a measure reads, see `engine/probe.py`.
    initialisation: "own" weights of the network, or the name of a rule of `engine/initialise.py` that the proxy is
    defined with.
    source: paper, and equation where there is one.
    """

    name: str
    summary: str
    source: str
    needs: Need = "structure"
    torch: bool = False
    random: bool = False
    higher_is_better: bool = True
    aliases: tuple[str, ...] = ()
    uses: tuple[Use, ...] = ()
    initialisation: str = "own"

    @property
    def sign(self) -> float:
        """What to multiply scores by, so that higher is better."""
        return 1.0 if self.higher_is_better else -1.0

    def weights(self, asked: str) -> str:
        """The rule that weights are drawn by, or "own", where settings ask for `asked`."""
        return asked if self.initialisation == "own" else self.initialisation


@dataclass(frozen=True)
class ScoreSettings:
    """How networks are scored. Not every proxy looks at every setting.

    resolution: side of the square input. batch_size: images in a batch. repeats: independent
    repetitions of a random score. gamma: size of the perturbation of the Zen-score.
    seed: of all randomness. device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1".
    precision: "fp32" or "bf16". initialisation: of the weights, for proxies that have no rule of their own: "own" for
    those that the network has, or a rule's name.
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
    initialisation: str = "own"

    def __post_init__(self) -> None:
        for name, least in {"resolution": 1, "num_classes": 1, "batch_size": 2, "repeats": 1}.items():
            if getattr(self, name) < least:
                raise ProxyError(f"{name} is {getattr(self, name)}, expected at least {least}")
        if self.precision not in ("fp32", "bf16"):
            raise ProxyError(f"precision is {self.precision!r}, expected fp32 or bf16")
        if self.initialisation not in INITIALISATIONS:
            known = ", ".join(INITIALISATIONS)
            raise ProxyError(f"initialisation is {self.initialisation!r}, expected one of {known}")
        if not 0 < self.gamma < 1:
            raise ProxyError(f"gamma is {self.gamma}, expected a number between 0 and 1")

    def repetition(self, number: int) -> ScoreSettings:
        """The same with the seed of one of `repeats` repetitions."""
        return replace(self, seed=self.seed * self.repeats + number)


@dataclass(frozen=True)
class Score:
    """A score, with the 95 % interval of its mean where it was repeated."""

    value: float
    interval: tuple[float, float] | None = None
    repeats: tuple[float, ...] = field(default=(), repr=False)

    def __float__(self) -> float:
        return self.value


Target: TypeAlias = "Structure | nn.Module"
Batch: TypeAlias = "Tensor | tuple[Tensor, Tensor]"
"""Images (N, C, H, W), or those and labels (N,)."""
Measured: TypeAlias = "float | list[Tensor]"
"""What a measure gives: a number, or a tensor for each layer, whose sum is the score."""


@dataclass(frozen=True)
class Proxy:
    """A registered proxy: what it is, and one of three functions.

    structure: scores a structure or MasterNet; measure: measures a network on a batch; ranking: higher is better
    for each member of a population, from the scores of the proxies in `parts`, whose directions it is given.
    """

    info: ProxyInfo
    structure: Callable[[Target, ScoreSettings], Score] | None = None
    measure: Callable[[Probe], Measured] | None = None
    ranking: Callable[[Sequence[Sequence[float]]], list[float]] | None = None
    parts: tuple[str, ...] = ()


def _names(proxy: Proxy) -> tuple[str, ...]:
    return (proxy.info.name, *proxy.info.aliases)


PROXIES: Registry[Proxy] = Registry("proxy", "ZeroShotProxy.proxies", "zennas.proxies", _names)

NO_SCORE_ALONE = "ranks populations, it has no score for one network: score several together"


def register(
    info: ProxyInfo,
    score: Callable[[Target, ScoreSettings], Score],
    measure: Callable[[Probe], Measured] | None = None,
) -> None:
    """Register a proxy that scores structures, under its name and aliases; with `measure`, other networks too."""
    _add(Proxy(info, structure=score, measure=measure))


def register_measure(info: ProxyInfo, measure: Callable[[Probe], Measured]) -> None:
    """Register a proxy that measures a network on a batch, under its name and aliases."""
    _add(Proxy(replace(info, torch=True, random=True), measure=measure))


def register_ranking(
    info: ProxyInfo, parts: tuple[str, ...], ranking: Callable[[Sequence[Sequence[float]]], list[float]]
) -> None:
    """Register a proxy of populations. `ranking` gets, for each of `parts`, the scores of all members, turned so
    that higher is better; it gives a score for each member."""
    _add(Proxy(replace(info, needs="population"), ranking=ranking, parts=parts))


def _add(proxy: Proxy) -> None:
    for name in _names(proxy):
        PROXIES.add(name, proxy)


def known_structure(target: Target) -> Structure | None:
    """The structure of what is to be scored, itself or that of a MasterNet; None for other networks."""
    structure = target if isinstance(target, Structure) else getattr(target, "structure", None)
    return structure if isinstance(structure, Structure) else None


def finite(name: str, value: float) -> float:
    """`value`; raises ProxyError naming the proxy where it is no number."""
    if not math.isfinite(value):
        raise ProxyError(f"proxy {name} gives {value}: not finite")
    return value


def structure_of(target: Target, name: str) -> Structure:
    """The same; raises ProxyError where there is none."""
    structure = known_structure(target)
    if structure is None:
        raise ProxyError(f"proxy {name} scores structures and MasterNets, not a {type(target).__name__}")
    return structure
