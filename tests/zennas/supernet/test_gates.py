"""Gates: gradients equal those of a plain sum, and nothing but the chosen candidate is touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zennas.supernet.choices import InputChoice, LayerChoice
from zennas.supernet.cost import CostLoss, CostTable, Penalty
from zennas.supernet.decisions import ALL, BINARY_MODES, FULL, FULL_V2, TWO, Decisions
from zennas.supernet.errors import SupernetError
from zennas.supernet.steps import LabelledBatch, Reinforce, Subject, architecture_step, weight_step

CPU = torch.device("cpu")


class Zero(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


def unit(width: int, kernel: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(width, width, kernel, padding=kernel // 2), nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout(0.2)
    )


def edges(count: int = 3, width: int = 4, zero: bool = True) -> Any:
    """Edges after each other. A Zero lets no gradient through, so without it every parameter has one."""
    torch.manual_seed(0)
    last = Zero if zero else lambda: nn.AvgPool2d(3, 1, 1)
    made = [
        LayerChoice([unit(width, 1), unit(width, 3), unit(width, 5), nn.Identity(), last()], key=f"edge{i}")
        for i in range(count)
    ]
    return nn.Sequential(*made, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 3))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def started(model: nn.Module, seed: int = 1) -> Decisions:
    decisions = Decisions(model)
    decisions.initialise("normal", 1.0, generator(seed))
    return decisions


def batch(n: int = 6, width: int = 4) -> tuple[Tensor, Tensor]:
    return torch.randn(n, width, 8, 8, generator=generator(5)), torch.randint(3, (n,), generator=generator(6))


def gradients(mode: str, seed: int) -> tuple[list[Tensor], Tensor, Decisions]:
    """The gradients of gates and of the input on one edge after another, with dropout."""
    model = edges()
    decisions = started(model)
    images, labels = batch()
    images.requires_grad_()
    gates = decisions.open_gates(mode, generator(seed), CPU)
    torch.manual_seed(3)
    loss = nn.functional.cross_entropy(model(images), labels)
    *of_gates, of_images = torch.autograd.grad(loss, [*gates, images], materialize_grads=True)
    return of_gates, of_images, decisions


def plain(seed: int, mode: str) -> tuple[list[Tensor], Tensor]:
    """The same, written as the sum Σ g_k o_k(x) with the others detached from x, edge by edge."""
    model = edges()
    decisions = started(model)
    images, labels = batch()
    images.requires_grad_()
    gates = decisions.open_gates(mode, generator(seed), CPU)
    torch.manual_seed(3)
    x = images
    for layer, decision, own in zip(model, decisions, gates, strict=False):
        modules, entry = list(layer.candidates), torch.get_rng_state()
        outputs = {}
        for k in sorted(decision.among, key=lambda k: k in decision.active):  # the active one last
            torch.set_rng_state(entry)
            outputs[k] = modules[k](x) if k in decision.active else modules[k](x.detach()).detach()
        x = sum(gate * outputs[k] for gate, k in zip(own, decision.among, strict=True))
    loss = nn.functional.cross_entropy(model[3:](x), labels)
    *of_gates, of_images = torch.autograd.grad(loss, [*gates, images], materialize_grads=True)
    return of_gates, of_images


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("mode", BINARY_MODES)
def test_gradients_are_those_of_the_plain_sum(mode: str, seed: int) -> None:
    of_gates, of_images, _ = gradients(mode, seed)
    expected_gates, expected_images = plain(seed, mode)
    torch.testing.assert_close(of_images, expected_images, rtol=1e-5, atol=1e-7)
    for found, expected in zip(of_gates, expected_gates, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_full_v2_is_full(seed: int = 2) -> None:
    for found, expected in zip(gradients(FULL_V2, seed)[0], gradients(FULL, seed)[0], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


def test_gradients_of_gates_become_those_of_parameters_through_the_softmax() -> None:
    of_gates, _, decisions = gradients(FULL, 0)
    decisions.add_gate_gradients(of_gates)
    for decision, of_gate in zip(decisions, of_gates, strict=True):
        alpha = decision.alpha.detach().clone().requires_grad_()
        (expected,) = torch.autograd.grad((torch.softmax(alpha, 0) * of_gate).sum(), alpha)
        torch.testing.assert_close(decision.alpha.grad, expected, rtol=1e-9, atol=1e-12)


@contextmanager
def unchanged(*, model: nn.Module, decisions: Decisions, weights: bool, alphas: bool) -> Iterator[None]:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    parameters = decisions.state()
    yield
    if weights:
        assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    if alphas:
        assert all(torch.equal(parameters[key], alpha) for key, alpha in decisions.state().items())


def optimiser_of(decisions: Decisions) -> torch.optim.Adam:
    return torch.optim.Adam(decisions.parameters(), lr=1e-2, betas=(0.0, 0.999))


@pytest.mark.parametrize("mode", [*BINARY_MODES, ALL])
def test_an_architecture_step_changes_architecture_parameters_only(mode: str) -> None:
    model = edges(zero=False)
    decisions = started(model)
    images, labels = batch()
    before = decisions.state()
    with unchanged(model=model, decisions=decisions, weights=True, alphas=False):
        architecture_step(
            Subject(model, decisions),
            LabelledBatch(images, labels),
            optimiser_of(decisions),
            generator(3),
            mode=mode,
            cost=CostLoss(),
        )
    assert all(p.grad is None for p in model.parameters())
    assert all(not torch.equal(before[key], alpha) for key, alpha in decisions.state().items())
    assert all(m.track_running_stats for m in model.modules() if isinstance(m, nn.BatchNorm2d))


def test_a_weight_step_leaves_what_was_not_drawn_bit_for_bit() -> None:
    model = edges(zero=False)
    decisions = started(model)
    images, labels = batch()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1)
    draws = generator(8)
    seen: set[str] = set()
    for _ in range(12):
        weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        momenta = {p: s["momentum_buffer"].clone() for p, s in optimizer.state.items()}
        with unchanged(model=model, decisions=decisions, weights=False, alphas=True):
            weight_step(
                Subject(model, decisions),
                LabelledBatch(images, labels),
                optimizer,
                draws,
                mode=FULL_V2,
                label_smoothing=0.1,
                scaler=torch.amp.GradScaler("cpu", enabled=False),
            )
        for place, decision in enumerate(decisions):
            for k, candidate in enumerate(model[place].candidates):
                here = f"{place}.candidates.{k}."
                if k in decision.active:
                    seen.add(here)
                    moved = [name for name in weights if name.startswith(here)]
                    assert all(not torch.equal(weights[n], model.state_dict()[n]) for n in moved)
                    continue
                for name in weights:
                    assert not name.startswith(here) or torch.equal(weights[name], model.state_dict()[name]), name
                for weight in candidate.parameters():
                    assert weight.grad is None
                    if weight in momenta:
                        assert torch.equal(momenta[weight], optimizer.state[weight]["momentum_buffer"])
    assert len(seen) >= 10


def test_recomputing_moves_no_statistics_and_draws_no_random_numbers() -> None:
    model = edges()
    decisions = started(model)
    images, labels = batch()
    gates = decisions.open_gates(FULL_V2, generator(1), CPU)
    loss = nn.functional.cross_entropy(model(images), labels)
    state = torch.get_rng_state()
    with unchanged(model=model, decisions=decisions, weights=True, alphas=True):
        torch.autograd.grad(loss, gates)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("mode", BINARY_MODES)
def test_what_runs_beside_draws_nothing_that_the_path_draws(mode: str) -> None:
    """The output is that of the path alone, with the same dropout."""
    model = edges()
    decisions = started(model)
    images, _ = batch()
    decisions.open_gates(mode, generator(1), CPU)
    torch.manual_seed(7)
    gated = model(images)
    decisions.choose({decision.key: decision.active for decision in decisions})
    torch.manual_seed(7)
    assert torch.equal(gated, model(images))


@pytest.mark.parametrize("seed", range(5))
def test_two_leaves_the_probabilities_of_the_others(seed: int) -> None:
    model = edges(zero=False)
    decisions = started(model)
    optimizer, draws = optimiser_of(decisions), generator(seed)
    images, labels = batch()
    for _ in range(3):
        before = decisions.probabilities()
        architecture_step(
            Subject(model, decisions), LabelledBatch(images, labels), optimizer, draws, mode=TWO, cost=CostLoss()
        )
        for decision in decisions:
            after = decision.shares().tolist()
            for k, p in enumerate(after):
                if k in decision.among:
                    assert abs(p - before[decision.key][k]) > 1e-6
                else:
                    assert abs(p - before[decision.key][k]) < 1e-12


def costs(decisions: Decisions) -> CostLoss:
    table = CostTable("test", "ms", 1.0, {d.key: (5.0, 3.0, 2.0, 1.0, 0.0) for d in decisions})
    return CostLoss((Penalty(table, 4.0),), weight=0.5)


@pytest.mark.parametrize("mode", BINARY_MODES)
def test_a_sampled_zero_keeps_the_gradient_of_the_cost(mode: str) -> None:
    model = edges()
    decisions = started(model)
    for decision in decisions:  # Zero, almost surely
        decision.alpha.data = torch.tensor([0.0, 0.1, 0.2, 0.3, 9.0], dtype=torch.float64)
    images, labels = batch()
    loss = costs(decisions)
    expected = {}
    for decision in decisions:
        p = decision.shares().detach()
        own = torch.tensor(loss.penalties[0].table.candidates[decision.key], dtype=torch.float64)
        expected[decision.key] = 0.5 / 4.0 * p * (own - (p * own).sum())
    found: dict[str, Tensor] = {}

    class Recorder(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:
            found.update({d.key: d.alpha.grad.clone() for d in decisions if d.alpha.grad is not None})

    free = CostLoss()
    for cost, sign in ((loss, 1), (free, -1)):
        found.clear()
        torch.manual_seed(0)
        architecture_step(
            Subject(model, decisions),
            LabelledBatch(images, labels),
            Recorder(decisions.parameters()),
            generator(0),
            mode=mode,
            cost=cost,
        )
        assert all(d.active == (4,) for d in decisions)
        for key, gradient in found.items():
            expected[key] = expected[key] - sign * gradient
    for rest in expected.values():
        torch.testing.assert_close(rest, torch.zeros_like(rest), rtol=0, atol=1e-9)


def test_reinforce_prefers_what_is_rewarded() -> None:
    model = edges(count=1)
    decisions = started(model)
    images, labels = batch()
    loss = costs(decisions)
    reinforce, optimizer, draws = Reinforce(power=2.0), optimiser_of(decisions), generator(0)
    before = float(loss.penalties[0].table.expected(decisions).detach())
    with unchanged(model=model, decisions=decisions, weights=True, alphas=False):
        for _ in range(30):
            reinforce.step(Subject(model, decisions), LabelledBatch(images, labels), optimizer, draws, cost=loss)
    assert float(loss.penalties[0].table.expected(decisions).detach()) < before
    assert reinforce.baseline is not None


def test_a_candidate_that_works_in_place_is_refused() -> None:
    model = nn.Sequential(LayerChoice([nn.ReLU(inplace=True), nn.Identity()], key="edge"))
    decisions = started(model)
    decisions.open_gates(FULL, generator(), CPU)
    with pytest.raises(SupernetError, match="ReLU changes its input in place"):
        model(torch.randn(2, 3))


@pytest.mark.parametrize("n_chosen", [1, 2, None])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_gates_of_inputs(n_chosen: int | None, reduction: str) -> None:
    torch.manual_seed(0)

    class Node(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.choice = InputChoice(n_candidates=4, n_chosen=n_chosen, reduction=reduction)

        def forward(self, tensors: list[Tensor]) -> Any:
            return self.choice(tensors)

    node, tensors = Node(), [torch.randn(2, 3) for _ in range(4)]
    decisions = started(node)
    (decision,) = decisions
    assert decision.key == "choice"
    for seed in range(4):
        (gates,) = decisions.open_gates(FULL_V2, generator(seed), CPU)
        output = node(tensors)
        chosen = [tensors[k] for k in decision.active]
        expected = sum(chosen, start=torch.zeros(2, 3))
        count = max(1, len(chosen)) if reduction == "mean" else 1
        torch.testing.assert_close(output, expected / count)
        (of_gates,) = torch.autograd.grad(output.sum(), gates)
        torch.testing.assert_close(of_gates, torch.stack([one.sum() for one in tensors]) / count)
        assert n_chosen is None or len(decision.active) == n_chosen
