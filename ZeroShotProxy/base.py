"""Proxies: functions from a network to a score, with a description of their input and their source.

Each file in `proxies/` registers its proxies in `PROXIES` with one of three functions:
  register            for a proxy that scores a structure, without building a module (`proxies/zen.py`)
  register_measure    for a proxy that measures a network on a batch; a `Probe` shares passes (`proxies/snip.py`)
  register_ranking    for a proxy that ranks a population by the scores of other proxies (`proxies/vote.py`)
Proxies that files describe are a family of names instead, `program:FILE` (`proxies/program.py`).
`scores.py` has the functions that call proxies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from PlainNet import Structure
from PlainNet.errors import ZennasError
from PlainNet.registry import Registry
from PlainNet.sizes import Size, checked_size
from ZeroShotProxy.engine.mean_field import STEPS

if TYPE_CHECKING:
    from torch import Tensor, nn

    from PlainNet.arrays.blocks import Blocks, Placed
    from PlainNet.arrays.costs import Costs
    from PlainNet.arrays.structures import Floats
    from ZeroShotProxy.engine.probe import Probe

Use: TypeAlias = Literal["gradients", "fisher", "hessian", "jacobian", "relu_codes"]
Need: TypeAlias = Literal["cost", "structure", "module", "batch", "labels", "population"]


LONGEST_MEANING = 100
"""The longest text, in characters, that `ProxyInfo.meaning` should be."""
INITIALISATIONS = ("own", "kaiming_fan_in", "kaiming_fan_out", "gaussian")
"""How weights are initialised: "own" keeps the network's weights, the others are rules in `engine/initialise.py`."""


class ProxyError(ZennasError, ValueError):
    """Raised if a proxy cannot score a network, or if settings are not valid. The message names the proxy."""


class WrongProxyError(ProxyError):
    """An expression of proxies or a setting of scores is not valid, whatever the network."""


@dataclass(frozen=True)
class ProxyInfo:
    """The description of a proxy.

    name: the registered name. summary: one line about the score. source: the paper, with its equation if there is one.
    needs: the input that the proxy needs, from the cost of a structure to a batch with labels or a population.
    torch: whether the proxy imports torch.
    random: whether the score of a structure depends on the seed.
    higher_is_better: the direction of the score.
    aliases: other names of the proxy.
    uses: the shared passes that a measure reads, see `engine.probe.Passes`.
    initialisation: "own" to use the weights of the network, or the rule in `engine/initialise.py` that the definition
        of the proxy requires.
    plain: what the score means for somebody who does not know its definition, in at most `LONGEST_MEANING` characters;
        None if `summary` says it.
    expectation_of: the random proxy whose expectation this closed form is, or "".
    enough_pixels: for a random score that is a mean over images, the pixels of a batch (images × height × width) that
        suffice: larger batches do not lower its spread. None if the batch size is part of the definition.
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
    plain: str | None = None

    @property
    def meaning(self) -> str:
        """What the score means, as part of a sentence, without its direction."""
        return self.summary if self.plain is None else self.plain

    expectation_of: str = ""
    enough_pixels: int | None = None

    @property
    def sign(self) -> float:
        """1 if higher is better, else -1: scores times `sign` are always better if they are higher."""
        return 1.0 if self.higher_is_better else -1.0

    def weights(self, asked: str) -> str:
        """Return the rule for the weights, or "own". asked: the rule in the settings, used if the proxy has none."""
        return asked if self.initialisation == "own" else self.initialisation


@dataclass(frozen=True)
class ScoreSettings:
    """Settings for scoring networks. A proxy ignores the settings that it does not need.

    resolution: height and width of the input in pixels; one number for a square.
    num_classes: the outputs of the classifier.
    use_se: whether super-blocks have squeeze-and-excitation.
    batch_size: the number of images in a batch, at least 2.
    repeats: the number of independent repetitions of a random score.
    gamma: the size of the perturbation in the Zen-score, between 0 and 1.
    seed: the seed of all random numbers.
    device: "cpu", "cuda", "cuda:N", or "auto" for CUDA if available.
    precision: "fp32" or "bf16".
    initialisation: the weights for proxies that do not require a rule: "own", or one of `INITIALISATIONS`.
    training_steps: of the training that a network is scored for, by `mean_field`.

    Raises WrongProxyError if a value is not valid.
    """

    resolution: Size = 32
    num_classes: int = 10
    use_se: bool = False
    batch_size: int = 16
    repeats: int = 8
    gamma: float = 0.01
    seed: int = 0
    device: str = "auto"
    precision: str = "fp32"
    initialisation: str = "own"
    training_steps: int = STEPS

    def __post_init__(self) -> None:
        object.__setattr__(self, "resolution", checked_size(self.resolution, WrongProxyError, "resolution"))
        for name, least in {"num_classes": 1, "batch_size": 2, "repeats": 1, "training_steps": 1}.items():
            if getattr(self, name) < least:
                raise WrongProxyError(f"{name} is {getattr(self, name)}, expected at least {least}")
        if self.precision not in ("fp32", "bf16"):
            raise WrongProxyError(f"precision is {self.precision!r}, expected fp32 or bf16")
        if self.initialisation not in INITIALISATIONS:
            known = ", ".join(INITIALISATIONS)
            raise WrongProxyError(f"initialisation is {self.initialisation!r}, expected one of {known}")
        if not 0 < self.gamma < 1:
            raise WrongProxyError(f"gamma is {self.gamma}, expected a number between 0 and 1")

    def repetition(self, number: int) -> ScoreSettings:
        """Return these settings with the seed of repetition `number`, from 0 to `repeats` - 1."""
        return replace(self, seed=self.seed * self.repeats + number)


@dataclass(frozen=True)
class Score:
    """A score: the mean of its repetitions.

    interval: the 95 % confidence interval of the mean, or None for a single value. repeats: the single values.
    """

    value: float
    interval: tuple[float, float] | None = None
    repeats: tuple[float, ...] = field(default=(), repr=False)

    def __float__(self) -> float:
        return self.value


@dataclass(frozen=True, eq=False)
class Architecture:
    """A network that has no structure, and that can be made anew.

    name: what messages call it. channels: of its images. make: returns a new module, with weights drawn by torch's
    global generator, or with its own.
    """

    name: str
    channels: int
    make: Callable[[], nn.Module]


Target: TypeAlias = "Structure | nn.Module | Architecture"
Batch: TypeAlias = "Tensor | tuple[Tensor, Tensor]"
"""Images (N, C, H, W), or a pair of images and labels (N,)."""
Measured: TypeAlias = "float | list[Tensor]"
"""The result of a measure: the score, or one tensor per layer, whose elements sum to the score."""


ArrayScore: TypeAlias = "Callable[[Placed, Costs], Floats]"
"""Scores many structures at once: takes structures whose blocks all work, and their costs; returns (structures,)."""


@dataclass(frozen=True)
class Proxy:
    """A registered proxy: its description and its functions.

    structure: scores a structure or a MasterNet.
    measure: measures a network on a batch.
    arrays: returns the array form of `structure` for structures whose blocks are numbered by `Blocks`. Contract tests
        hold both equal.
    ranking: takes, for each proxy in `parts`, the scores of all members of a population, turned so that higher is
        better, and returns a score for each member.
    """

    info: ProxyInfo
    structure: Callable[[Target, ScoreSettings], Score] | None = None
    measure: Callable[[Probe], Measured] | None = None
    ranking: Callable[[Sequence[Sequence[float]]], list[float]] | None = None
    parts: tuple[str, ...] = ()
    arrays: Callable[[Blocks, ScoreSettings], ArrayScore] | None = None


def _names(proxy: Proxy) -> tuple[str, ...]:
    return (proxy.info.name, *proxy.info.aliases)


PROXIES: Registry[Proxy] = Registry("proxy", "ZeroShotProxy.proxies", "zennas.proxies", _names)

NO_SCORE_ALONE = "ranks populations and has no score for a single network: score several networks together"


def register(
    info: ProxyInfo,
    score: Callable[[Target, ScoreSettings], Score],
    measure: Callable[[Probe], Measured] | None = None,
    arrays: Callable[[Blocks, ScoreSettings], ArrayScore] | None = None,
) -> None:
    """Register a proxy that scores structures, under its name and aliases.

    measure: optional, scores networks that have no structure. arrays: optional, returns a function that scores many
    structures at once. Raises RegistryError if a name is taken.
    """
    _add(Proxy(info, structure=score, measure=measure, arrays=arrays))


def register_measure(info: ProxyInfo, measure: Callable[[Probe], Measured]) -> None:
    """Register a proxy that measures a network on a batch, under its name and aliases.

    Raises RegistryError if a name is taken.
    """
    _add(Proxy(replace(info, torch=True, random=True), measure=measure))


def register_ranking(
    info: ProxyInfo, parts: tuple[str, ...], ranking: Callable[[Sequence[Sequence[float]]], list[float]]
) -> None:
    """Register a proxy that ranks the members of a population, under its name and aliases.

    parts: the names of proxies.
    ranking: takes, for each of `parts`, the scores of all members, turned so that higher is better, and returns a score
        for each member.

    Raises RegistryError if a name is taken.
    """
    _add(Proxy(replace(info, needs="population"), ranking=ranking, parts=parts))


def _add(proxy: Proxy) -> None:
    for name in _names(proxy):
        PROXIES.add(name, proxy)


def known_structure(target: Target) -> Structure | None:
    """Return the structure of `target`, which is a structure or a MasterNet. Other networks have none: None."""
    structure = target if isinstance(target, Structure) else getattr(target, "structure", None)
    return structure if isinstance(structure, Structure) else None


def finite(name: str, value: float) -> float:
    """Return `value`. Raises ProxyError, with the name of the proxy, if it is infinite or not a number."""
    if not math.isfinite(value):
        raise ProxyError(f"proxy {name} returns {value}, expected a finite number")
    return value


def structure_of(target: Target, name: str) -> Structure:
    """Return the structure of `target`, which is a structure or a MasterNet. Raises ProxyError for other networks.

    name: the proxy that needs it, for the message.
    """
    structure = known_structure(target)
    if structure is None:
        kind = target.name if isinstance(target, Architecture) else f"a {type(target).__name__}"
        raise ProxyError(f"proxy {name} scores structures and MasterNets, not {kind}")
    return structure
