"""`ProxylessTrainer`: schedules, what is trained when, checkpoints, kills, precision, and the variants."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from tests.test_imports import ROOT
from tests.zennas.supernet.searches import cost, images, network, trainer
from zennas.supernet import LayerChoice, ProxylessTrainer
from zennas.supernet.cost import CostLoss, CostTable, Penalty
from zennas.supernet.errors import SupernetError
from zennas.supernet.history import SEARCH, WARM_UP, SearchEpoch


class StoppedError(Exception):
    pass


class Watching:
    """Keeps what it sees, and stops a search after a number of weight steps."""

    def __init__(self, stop: int | None = None) -> None:
        self.steps: list[tuple[str, int, int]] = []
        self.epochs: list[SearchEpoch] = []
        self._stop = stop

    def step(self, phase: str, epoch: int, step: int, steps: int, loss: float) -> None:
        self.steps.append((phase, epoch, step))
        if self._stop is not None and len(self.steps) == self._stop:
            raise StoppedError

    def epoch(self, done: SearchEpoch) -> None:
        self.epochs.append(done)


def parameters(one: ProxylessTrainer) -> dict[str, Tensor]:
    return one.decisions.state()


def same(one: ProxylessTrainer, other: ProxylessTrainer) -> bool:
    weights, others = one.model.state_dict(), other.model.state_dict()
    return all(torch.equal(alpha, parameters(other)[key]) for key, alpha in parameters(one).items()) and all(
        torch.equal(weights[name], others[name]) for name in weights
    )


def test_a_search_warms_up_and_then_alternates() -> None:
    watching = Watching()
    search = trainer(watcher=watching)
    first = parameters(search)
    search.train()
    assert [(e.phase, e.epoch) for e in watching.epochs] == [(WARM_UP, 1), (SEARCH, 1), (SEARCH, 2), (SEARCH, 3)]
    assert watching.steps == [(e.phase, e.epoch, step) for e in watching.epochs for step in range(1, 7)]
    assert search.state.updates == 2 * 3  # three in each epoch of the search but the first
    start = {key: torch.softmax(alpha, 0).tolist() for key, alpha in first.items()}
    assert watching.epochs[1].probabilities == start
    assert watching.epochs[2].probabilities != start
    assert watching.epochs[0].valid_top1 is None
    assert watching.epochs[-1].valid_top1 == search.validate()[1]
    assert watching.epochs[-1].valid_top1 is not None
    assert watching.epochs[-1].valid_top1 > 80
    assert watching.epochs[-1].expected == search.expected()
    assert 0 < watching.epochs[-1].entropy < watching.epochs[0].entropy


def test_learning_rates_follow_cosines() -> None:
    search = trainer(init_lr=0.025, warmup_lr=0.05, warmup_epochs=2)
    assert search._lr(0) == 0.05
    assert search._lr(6) == pytest.approx(0.025)
    assert search._lr(12) == 0.025
    assert search._lr(12 + 9) == pytest.approx(0.0125)
    assert 0 < search._lr(search.steps - 1) < 0.025 * 0.01


def test_the_same_seed_gives_the_same_search_and_another_gives_another() -> None:
    one, other, third = trainer(), trainer(), trainer(seed=1)
    before = torch.get_rng_state()
    for search in (one, other, third):
        search.train()
    assert same(one, other)
    assert not same(one, third)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("stop", [3, 6, 11, 17, 20])
def test_a_stopped_search_ends_the_same(tmp_path: Path, stop: int) -> None:
    whole = trainer()
    whole.train()
    with pytest.raises(StoppedError):
        trainer(tmp_path, watcher=Watching(stop)).train()
    resumed = trainer(tmp_path, checkpoint_every=None)
    assert resumed.state.step in (stop - 1, stop)
    resumed.train()
    assert same(whole, resumed)
    plain = [{**e.to_json(), "seconds": 0} for e in whole.history]
    assert [{**e.to_json(), "seconds": 0} for e in resumed.history] == plain


def test_a_killed_search_ends_with_the_same_parameters(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    command = [sys.executable, "-m", "tests.zennas.supernet.searches", str(tmp_path)]
    for _ in range(2):  # killed twice, each time within an epoch
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(9):
                process.stdout.readline()
            process.kill()
        assert process.returncode == -9
    resumed = trainer(tmp_path)
    assert 15 <= resumed.state.step < resumed.steps
    resumed.train()
    whole = trainer()
    whole.train()
    assert same(whole, resumed)


@pytest.mark.parametrize("changed", [{"binary_mode": "two"}, {"binary_mode": "full"}, {"binary_mode": "all"}])
def test_other_modes_learn(changed: dict[str, str]) -> None:
    search = trainer(n_epochs=6, **changed)
    search.train()
    accuracy = search.history[-1].valid_top1
    assert accuracy is not None
    assert accuracy > 80


def test_reinforce_learns_to_be_fast_and_goes_on_with_its_baseline(tmp_path: Path) -> None:
    settings = {"arch_update": "reinforce", "n_epochs": 4}
    search = trainer(tmp_path, **settings)
    before = search.expected()["latency"]
    search.train()
    assert search.expected()["latency"] < before
    again = trainer(tmp_path, **settings)
    assert again.state.baseline == again._reinforce.baseline == search.state.baseline
    assert search.state.baseline is not None


def test_bf16_trains() -> None:
    search = trainer(precision="bf16", n_epochs=2)
    search.train()
    assert all(weight.dtype == torch.float32 for weight in search.model.parameters())
    assert search.history[-1].loss < search.history[0].loss


def test_a_cost_in_the_loss_makes_networks_cheaper() -> None:
    expected = []
    for weight in (0.0, 0.1, 10.0):
        loss = cost()
        search = trainer(n_epochs=5, cost=CostLoss(loss.penalties, weight=weight))
        search.train()
        expected.append(search.expected()["latency"])
    assert expected[0] > expected[1] > expected[2]


def test_an_architecture_is_exported_and_sampled(tmp_path: Path) -> None:
    search = trainer(arch_path=tmp_path / "arch.json")
    search.train()
    search.export(tmp_path / "final.json")
    found = json.loads((tmp_path / "final.json").read_text())
    assert list(found) == ["e0", "e1"]
    assert all(sum(mask) == 1 and len(mask) == 3 for mask in found.values())
    assert found == {key: [k in picks for k in range(3)] for key, picks in search.decisions.best().items()}
    assert json.loads((tmp_path / "arch.json").read_text()) == found
    assert search.picks(sample=True) == search.picks(sample=True)


def test_a_checkpoint_of_another_space_or_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        trainer(tmp_path, watcher=Watching(3)).train()
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(SupernetError, match="checkpoint of another space: it has no decision e2, which this space has"):
        trainer(tmp_path, edges=3)
    with pytest.raises(SupernetError, match=r"belongs to a search with .*n_epochs"):
        trainer(tmp_path, n_epochs=5)
    with pytest.raises(SupernetError, match=r"belongs to a search with .*weight"):
        trainer(tmp_path, cost=CostLoss(cost().penalties, weight=0.5))
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    (tmp_path / "checkpoint.pt").write_bytes(b"not one")
    with pytest.raises(SupernetError, match="delete it to start again"):
        trainer(tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"binary_mode": "three"}, "binary_mode is 'three', expected full_v2, full, two or all"),
        ({"n_epochs": 0}, "n_epochs is 0, expected at least 1"),
        ({"label_smoothing": 2.0}, "label_smoothing is 2.0"),
        ({"precision": "fp16"}, "precision is fp16, which needs CUDA"),
        ({"arch_init_type": "zeros"}, "arch_init_type is 'zeros', expected normal or uniform"),
        ({"cost": CostLoss((Penalty(CostTable("x", "ms", 0.0, {"f": (1.0,)}), 1.0),))}, "are of a decision f"),
    ],
)
def test_settings_that_cannot_be(changed: dict[str, object], message: str) -> None:
    with pytest.raises(SupernetError, match=message):
        trainer(**changed)


def test_shapes_are_checked_before_anything_is_trained() -> None:
    model = network()
    model[1].candidates[2] = nn.AvgPool2d(2)  # type: ignore[index,union-attr]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    loader = DataLoader(images(8, 0), batch_size=4)
    search = ProxylessTrainer(model, torch.optim.SGD(model.parameters(), lr=0.1), "cpu", loader, loader, n_epochs=1)
    with pytest.raises(SupernetError, match=r"the choice e0 give different shapes: one gives .* and nothing gives"):
        search.train()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_loss_that_is_not_finite_ends_the_search() -> None:
    with pytest.raises(SupernetError, match="the loss is nan in weight step"):
        trainer(warmup_lr=1e30).train()


@pytest.mark.long
def test_processes_of_torchrun_stay_together() -> None:
    """Each sees its part of the images, and all have the same weights, parameters and accuracy in the end."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "-m"]
    done = subprocess.run(
        [*command, "tests.zennas.supernet.together"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = dict(line.split("|") for line in done.stdout.splitlines() if line.startswith("rank"))
    assert set(told) == {"rank 0", "rank 1"}
    assert len(set(told.values())) == 1


class Zero(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


@pytest.mark.parametrize(
    "changed", [{"binary_mode": mode} for mode in ("full_v2", "full", "two", "all")] + [{"arch_update": "reinforce"}]
)
def test_what_is_needed_becomes_probable(changed: dict[str, str]) -> None:
    """Zeros let nothing of the images through, so that only the other candidate can tell the classes apart."""
    torch.manual_seed(0)
    edge = LayerChoice({"zero": Zero(), "identity": nn.Identity(), "nothing": Zero()}, key="e")
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), edge, nn.AdaptiveAvgPool2d((1, 2)), nn.Flatten(), nn.Linear(8, 2)
    )
    search = ProxylessTrainer(
        model,
        torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        "cpu",
        DataLoader(images(48, 1), batch_size=8, shuffle=True),
        DataLoader(images(48, 2), batch_size=16, shuffle=True),
        n_epochs=6,
        warmup_epochs=2,
        arch_optim_lr=0.1,
        grad_update_arch_param_every=1,
        **changed,  # type: ignore[arg-type]
    )
    search.train()
    zero, identity, other = search.decisions.probabilities()["e"]
    assert identity > 2 * max(zero, other)
    assert search.picks() == {"e": (1,)}
