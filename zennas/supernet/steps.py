"""One step of a search: a weight step, or an architecture step. Imports torch.

A weight step changes the weights of one path and nothing else: the gradients of all others are None, so that neither
weight decay nor momentum moves them. An architecture step changes architecture parameters and nothing else: no weights,
no statistics of batch-norms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn, optim
from torch.nn import functional as F

from zennas.supernet.cost import CostLoss
from zennas.supernet.decisions import ALL, TWO, Decisions
from zennas.supernet.errors import SupernetError
from zennas.supernet.gates import still

Average = Callable[[Sequence[Tensor]], None]
"""Replaces tensors by their means over all processes, in place."""


def alone(tensors: Sequence[Tensor]) -> None:
    """The `Average` of a single process."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What steps work on. autocast: the context of forward passes. average: over the processes of the search."""

    model: nn.Module
    decisions: Decisions
    autocast: AbstractContextManager[Any] = field(default_factory=nullcontext)
    average: Average = alone


class LabelledBatch(NamedTuple):
    """images: (n, C, H, W), and labels: (n,), on the model's device."""

    images: Tensor
    labels: Tensor


def weight_step(
    subject: Subject,
    batch: LabelledBatch,
    optimizer: optim.Optimizer,
    generator: torch.Generator,
    *,
    mode: str,
    label_smoothing: float,
    scaler: torch.amp.GradScaler,
) -> tuple[Tensor, Tensor]:
    """Train the weights of one drawn path, or of all paths in mode `ALL`; return the loss and the logits."""
    model, decisions = subject.model, subject.decisions
    optimizer.zero_grad(set_to_none=True)
    if mode == ALL:
        decisions.weigh(batch.images.device)
    else:
        decisions.choose(decisions.drawn(generator))
    with subject.autocast:
        logits = model(batch.images)
        loss = F.cross_entropy(logits, batch.labels, label_smoothing=label_smoothing)
    scaler.scale(loss).backward()
    subject.average([p.grad for p in model.parameters() if p.grad is not None])
    scaler.step(optimizer)
    scaler.update()
    return loss.detach(), logits.detach()


def architecture_step(
    subject: Subject,
    batch: LabelledBatch,
    optimizer: optim.Optimizer,
    generator: torch.Generator,
    *,
    mode: str,
    cost: CostLoss,
    scale: float = 1.0,
) -> float:
    """Update the architecture parameters by gradients of gates and of costs; return the cross-entropy.

    scale: factor of the loss in the backward pass, against underflow in half precision.
    Raises SupernetError if a gradient is not finite, and the scale is not to blame.
    """
    model, decisions = subject.model, subject.decisions
    gates = decisions.open_gates(mode, generator, batch.images.device)
    with still(model):
        with subject.autocast:
            cross_entropy = F.cross_entropy(model(batch.images), batch.labels)
        of_gates: list[Tensor | None] = [None] * len(gates)
        if cross_entropy.requires_grad:
            of_gates[:] = torch.autograd.grad(cross_entropy * scale, gates, allow_unused=True)
    present = [gradient for gradient in of_gates if gradient is not None]
    subject.average(present)
    if not all(bool(torch.isfinite(gradient).all()) for gradient in present):
        if scale == 1:
            raise SupernetError("the gradients of gates are not finite: try a lower learning rate of the weights")
        return float(cross_entropy.detach())  # too large a scale, which the next weight step lowers
    value = cross_entropy.detach().double().cpu()
    subject.average([value])
    _set_gradients(decisions, value, of_gates, cost, scale)
    before = [alpha.detach().clone() for alpha in decisions.parameters()]
    optimizer.step()
    if mode == TWO:
        decisions.rescale(before)
    return float(value)


def _set_gradients(
    decisions: Decisions, cross_entropy: Tensor, of_gates: Sequence[Tensor | None], cost: CostLoss, scale: float
) -> None:
    """Set the gradients of the parameters: what the costs amount to, and then, added, what the gates do."""
    parameters = decisions.parameters()
    value = cross_entropy.clone().requires_grad_()
    loss = cost(value, decisions)
    slope, *of_costs = torch.autograd.grad(loss, [value, *parameters], allow_unused=True)
    for alpha, gradient in zip(parameters, of_costs, strict=True):
        alpha.grad = torch.zeros_like(alpha) if gradient is None else gradient
    factor = float(slope) / scale
    decisions.add_gate_gradients([None if one is None else factor * one.double() for one in of_gates])


class Reinforce:
    """Architecture steps by REINFORCE: the reward is accuracy · Π (reference / cost)^0.1, on one batch.

    samples: networks for each update. decay: how fast the baseline follows the mean reward of an update,
    baseline += decay · (mean − baseline), as in the original.
    """

    def __init__(self, samples: int = 10, decay: float = 0.99, power: float = 0.1) -> None:
        self.samples, self.decay, self.power = samples, decay, power
        self.baseline: float | None = None

    def step(
        self,
        subject: Subject,
        batch: LabelledBatch,
        optimizer: optim.Optimizer,
        generator: torch.Generator,
        *,
        cost: CostLoss,
    ) -> float:
        """Update the architecture parameters, and return the mean reward."""
        model, decisions = subject.model, subject.decisions
        rewards, drawn = [], []
        for _ in range(self.samples):
            picks = decisions.drawn(generator)
            decisions.choose(picks)
            with torch.no_grad(), still(model), subject.autocast:
                accuracy = (model(batch.images).argmax(1) == batch.labels).double().mean().cpu()
            subject.average([accuracy])
            rewards.append(float(accuracy) * self._factor(cost, picks))
            drawn.append(picks)
        mean = sum(rewards) / len(rewards)
        self.baseline = mean if self.baseline is None else self.baseline + self.decay * (mean - self.baseline)
        optimizer.zero_grad(set_to_none=True)
        terms = [
            (self.baseline - reward) * log_probability(decisions, picks)
            for reward, picks in zip(rewards, drawn, strict=True)
        ]
        (sum(terms[1:], start=terms[0]) / len(terms)).backward()
        optimizer.step()
        return mean

    def _factor(self, cost: CostLoss, picks: dict[str, tuple[int, ...]]) -> float:
        factor = 1.0
        for penalty in cost.penalties:
            factor *= (penalty.reference / penalty.table.of(picks)) ** self.power
        return factor


def log_probability(decisions: Decisions, picks: dict[str, tuple[int, ...]]) -> Tensor:
    """The sum over the decisions of log p of what was picked; of several picked inputs, the sum of theirs."""
    total = torch.zeros((), dtype=torch.float64)
    for decision in decisions:
        picked = list(picks[decision.key])
        if decision.n_chosen is None:
            signs = torch.tensor([1.0 if k in picked else -1.0 for k in range(len(decision.options))])
            total = total + nn.functional.logsigmoid(signs * decision.alpha).sum()
        else:
            total = total + torch.log_softmax(decision.alpha, 0)[picked].sum()
    return total
