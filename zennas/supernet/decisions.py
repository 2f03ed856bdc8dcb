"""Decisions: the architecture parameters of a model's choices, drawing from them, and their gradients. Imports torch.

They are on the CPU and in double precision, whatever the model is: a weight step then draws its path without waiting
for the device. The parameters α of a decision give p = softmax(α). Of a decision that may choose any number of its
candidates, each is chosen on its own with p_k = sigmoid(α_k).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from zennas.supernet.errors import SupernetError

PATH, FULL, FULL_V2, TWO, ALL = "path", "full", "full_v2", "two", "all"
BINARY_MODES = (FULL_V2, FULL, TWO)
"""Ways to compute the gradients of gates; `ALL` is DARTS's sum of all candidates."""


@dataclass(eq=False)
class Decision:
    """One decision.

    key: its name. options: the names of its candidates. n_chosen: how many are chosen, None for any number.
    alpha: the parameters, (N,). mode: how its choices run. active: the candidates that run, by index.
    among: those that have gates, and gates: their gates, (len(among),), in an architecture step.
    """

    key: str
    options: tuple[str, ...]
    n_chosen: int | None = 1
    alpha: nn.Parameter = field(init=False)
    mode: str = PATH
    active: tuple[int, ...] = (0,)
    among: tuple[int, ...] = ()
    gates: Tensor | None = None

    def __post_init__(self) -> None:
        self.alpha = nn.Parameter(torch.zeros(len(self.options), dtype=torch.float64))

    def shares(self) -> Tensor:
        """The probability of each candidate, (N,), as a function of the parameters."""
        return torch.sigmoid(self.alpha) if self.n_chosen is None else torch.softmax(self.alpha, 0)

    def mask(self) -> list[bool]:
        """Which candidates are active."""
        return [k in self.active for k in range(len(self.options))]

    def best(self) -> tuple[int, ...]:
        """The most probable candidates: one, or as many as are chosen, or those with p_k of at least 0.5."""
        shares = self.shares().detach()
        if self.n_chosen is None:
            return tuple(torch.nonzero(shares >= 0.5).flatten().tolist())
        # Of equal ones the first, on every machine.
        return tuple(sorted(torch.argsort(-shares, stable=True)[: self.n_chosen].tolist()))

    def drawn(self, generator: torch.Generator) -> tuple[int, ...]:
        """Draw candidates with their probabilities; several without replacement."""
        shares = self.shares().detach()
        if self.n_chosen is None:
            uniform = torch.rand(len(shares), generator=generator, dtype=torch.float64)
            return tuple(torch.nonzero(uniform < shares).flatten().tolist())
        return tuple(sorted(_without_replacement(shares, self.n_chosen, generator)))


def _without_replacement(shares: Tensor, count: int, generator: torch.Generator) -> list[int]:
    """Draw `count` different indices, each with its share of what is left."""
    left, found = shares.clone(), list[int]()
    for _ in range(count):
        ends = torch.cumsum(left, 0)
        point = torch.rand((), generator=generator, dtype=torch.float64) * ends[-1]
        pick = int(torch.searchsorted(ends, point, right=True).clamp(max=len(left) - 1))
        while left[pick] == 0:  # only where all others are 0 in double precision, or the point is the last end
            pick = (pick - 1) % len(left)
        found.append(pick)
        left[pick] = 0
        if float(left.sum()) == 0:
            left = torch.ones_like(left)
            left[found] = 0
    return found


class Edge(Protocol):
    """What `Decisions` needs of a choice: `LayerChoice` or `InputChoice`."""

    key: str | None
    decision: Decision | None
    reduction: str

    @property
    def options(self) -> tuple[str, ...]: ...

    @property
    def n_chosen(self) -> int | None: ...


class Decisions:
    """The decisions of a model, by key, in the order in which the model has them.

    A choice without a key is a decision of its own, named after its place in the model. Raises SupernetError if there
    are none, if choices with one key have different numbers of candidates, or if several are to be chosen and cannot be
    reduced.
    """

    def __init__(self, model: nn.Module) -> None:
        from zennas.supernet.choices import InputChoice, LayerChoice  # choices.py imports this file

        self.by_key: dict[str, Decision] = {}
        for place, module in model.named_modules():
            if isinstance(module, (LayerChoice, InputChoice)):
                module.decision = self._of(module, module.key or place or "choice")
        if not self.by_key:
            raise SupernetError("the model has no LayerChoice and no InputChoice, so there is nothing to search")

    def _of(self, edge: Edge, key: str) -> Decision:
        if edge.n_chosen != 1 and edge.reduction not in ("sum", "mean"):
            raise SupernetError(
                f"the choice {key} has several chosen inputs and reduction {edge.reduction}: a search needs sum or mean"
            )
        found = self.by_key.setdefault(key, Decision(key, edge.options, edge.n_chosen))
        if len(found.options) != len(edge.options):
            raise SupernetError(
                f"choices with the key {key} are one decision, but one has {len(found.options)} candidates and another "
                f"{len(edge.options)}: give them different keys"
            )
        if found.n_chosen != edge.n_chosen:
            raise SupernetError(f"choices with the key {key} are one decision, but choose different numbers of inputs")
        return found

    def __iter__(self) -> Iterator[Decision]:
        return iter(self.by_key.values())

    def __len__(self) -> int:
        return len(self.by_key)

    # -- parameters ----------------------------------------------------------------------------

    def parameters(self) -> list[nn.Parameter]:
        """The architecture parameters, one (N,) for each decision."""
        return [decision.alpha for decision in self]

    @torch.no_grad()
    def initialise(self, kind: str, ratio: float, generator: torch.Generator) -> None:
        """Draw the parameters: from N(0, ratio²) if kind is "normal", from U(-ratio, ratio) if it is "uniform"."""
        for decision in self:
            drawn = torch.empty_like(decision.alpha)
            if kind == "uniform":
                drawn.uniform_(-ratio, ratio, generator=generator)
            else:
                drawn.normal_(0, ratio, generator=generator)
            decision.alpha.copy_(drawn)

    def probabilities(self) -> dict[str, list[float]]:
        """The probability of each candidate, by key."""
        return {decision.key: decision.shares().tolist() for decision in self}

    def entropy(self) -> float:
        """The mean entropy of the decisions in nats; log N means undecided, 0 means decided."""
        return sum(_entropy(decision) for decision in self) / len(self)

    def state(self) -> dict[str, Tensor]:
        """The parameters by key."""
        return {decision.key: decision.alpha.detach().clone() for decision in self}

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take the parameters of `state`. Raises SupernetError if it is that of another space."""
        own = {decision.key: len(decision.options) for decision in self}
        found = {key: len(alpha) for key, alpha in state.items()}
        if own != found:
            raise SupernetError(f"it has {_first_difference(found, own)}")
        for decision in self:
            decision.alpha.copy_(state[decision.key])

    # -- what runs -----------------------------------------------------------------------------

    def choose(self, picks: Mapping[str, Sequence[int]]) -> None:
        """Let exactly these candidates run, without gates."""
        for decision in self:
            decision.mode, decision.active, decision.gates = PATH, tuple(picks[decision.key]), None

    def best(self) -> dict[str, tuple[int, ...]]:
        """The most probable candidates, by key."""
        return {decision.key: decision.best() for decision in self}

    def drawn(self, generator: torch.Generator) -> dict[str, tuple[int, ...]]:
        """Candidates drawn with their probabilities, by key."""
        return {decision.key: decision.drawn(generator) for decision in self}

    def open_gates(self, mode: str, generator: torch.Generator, device: torch.device) -> list[Tensor]:
        """Draw what runs in an architecture step, and return the gates of each decision, which need gradients.

        mode: one of `BINARY_MODES`, or `ALL`, where gates are the probabilities and nothing is drawn. Decisions that
            choose several inputs have all their gates in each of them.
        """
        for decision in self:
            size = len(decision.options)
            decision.mode, decision.among = mode, tuple(range(size))
            if mode == ALL:
                decision.gates = decision.shares().detach().to(device, torch.float32).requires_grad_()
                continue
            if mode == TWO and decision.n_chosen == 1 and size > 1:
                pair = tuple(_without_replacement(decision.shares().detach(), 2, generator))
                decision.among, own = pair, torch.softmax(decision.alpha.detach()[list(pair)], 0)
                decision.active = (pair[_without_replacement(own, 1, generator)[0]],)
            else:
                decision.active = decision.drawn(generator)
            gates = [float(k in decision.active) for k in decision.among]
            decision.gates = torch.tensor(gates, device=device, requires_grad=True)
        return [decision.gates for decision in self if decision.gates is not None]

    def weigh(self, device: torch.device) -> None:
        """Let all candidates run, weighted by their probabilities, without gradients of these: DARTS's weight step."""
        for decision in self:
            decision.mode, decision.gates = ALL, decision.shares().detach().to(device, torch.float32)

    @torch.no_grad()
    def add_gate_gradients(self, of_gates: Sequence[Tensor | None]) -> None:
        """Add to the gradients of the parameters what those of the gates amount to.

        ∂L/∂α_i = Σ_j ∂L/∂g_j p_j (δ_ij − p_i), where p is the softmax over the candidates that have gates.
        """
        for decision, gradient in zip(self, of_gates, strict=True):
            if decision.alpha.grad is None:
                decision.alpha.grad = torch.zeros_like(decision.alpha)
            if gradient is None:  # the loss does not depend on the choice
                continue
            among = list(decision.among)
            of_gate = gradient.to(decision.alpha)
            if decision.n_chosen is None:
                shares = decision.shares()[among]
                decision.alpha.grad[among] += of_gate * shares * (1 - shares)
            else:
                shares = torch.softmax(decision.alpha[among], 0)
                decision.alpha.grad[among] += shares * (of_gate - (shares * of_gate).sum())

    @torch.no_grad()
    def rescale(self, before: Sequence[Tensor]) -> None:
        """After an optimiser's step of mode `two`: shift both parameters of each pair so that the weight of the pair,
        e^α_i + e^α_j, is as before the step, and the probabilities of the others stay.
        """
        for decision, old in zip(self, before, strict=True):
            if decision.n_chosen == 1 and len(decision.among) == 2 < len(decision.options):
                among = list(decision.among)
                new = decision.alpha[among]
                decision.alpha[among] = new - (torch.logsumexp(new, 0) - torch.logsumexp(old[among], 0))


def _entropy(decision: Decision) -> float:
    shares = decision.shares().tolist()
    if decision.n_chosen is None:
        return sum(_plogp(p) + _plogp(1 - p) for p in shares) / len(shares)
    return sum(map(_plogp, shares))


def _plogp(p: float) -> float:
    return -p * math.log(p) if p > 0 else 0.0


def _first_difference(found: Mapping[str, int], own: Mapping[str, int]) -> str:
    for key, size in found.items():
        if key not in own:
            return f"a decision {key}, which this space does not have"
        if own[key] != size:
            return f"{size} candidates for {key}, and this space {own[key]}"
    missing: Any = next(key for key in own if key not in found)
    return f"no decision {missing}, which this space has"
