"""The moving average of the weights: its decay, and what is reported about it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from PlainNet import parse
from zennas.cli.render import print_training
from zennas.named.models import trained_model
from zennas.training.average import average_of, decay_at
from zennas.training.job import RunOptions, TrainingJob
from zennas.training.outcome import PLAIN_FILE
from zennas.training.recipe import Recipe
from zennas.training.runner import train_structure

CPU = RunOptions(device="cpu")
TINY = "SuperConvK3BNRELU(3,8,2,1)SuperResK3K3(8,16,2,8,1)SuperConvK1BNRELU(16,16,1,1)"


@pytest.mark.parametrize("decay", [0.5, 0.99, 0.9999])
def test_the_decay_grows_to_the_recipe_s(decay: float) -> None:
    found = [decay_at(decay, step) for step in range(0, 200_000, 7)]
    assert found[0] == pytest.approx(min(decay, 0.1))
    assert found == sorted(found)
    assert found[-1] == decay
    assert all(one in (decay, (1 + 7 * n) / (10 + 7 * n)) for n, one in enumerate(found))


def test_the_average_is_the_sum_by_definition() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    average = average_of(network, 0.9)
    expected = None
    for step in range(120):
        with torch.no_grad():
            for weight in [*network.parameters(), *list(network.buffers())[:2]]:
                weight.normal_()
        now = torch.cat([network[0].weight.flatten(), network[1].running_var])
        share = min(0.9, (1 + step) / (10 + step))
        expected = now if expected is None else share * expected + (1 - share) * now
        average.update_parameters(network)
    assert expected is not None
    kept = torch.cat([average.module[0].weight.flatten(), average.module[1].running_var])
    assert torch.allclose(kept, expected, atol=1e-6)


def test_an_average_with_a_slow_decay_learns_in_a_short_training(tmp_path: Path) -> None:
    recipe = Recipe(epochs=3, batch_size=64, ema=0.999)
    job = TrainingJob(parse(TINY), "digits", recipe, resolution=8)
    averaged = train_structure(job, tmp_path / "average", CPU)
    plain = train_structure(replace(job, recipe=replace(recipe, ema=0.0)), tmp_path / "plain", CPU)
    assert averaged.plain_top1 == plain.top1  # the average does not change the training
    assert averaged.top1 > plain.top1 - 10
    assert plain.plain_top1 is None
    assert plain.remark is None
    card = json.loads((tmp_path / "average" / "train.json").read_text())
    assert (card["top1"], card["plain_top1"]) == (averaged.top1, plain.top1)
    again = train_structure(job, tmp_path / "average", replace(CPU, resume="auto"))
    assert (again.plain_top1, again.plain_top5) == (averaged.plain_top1, averaged.plain_top5)


def test_both_accuracies_are_told_if_they_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The average stays at the weights after the first step.
    monkeypatch.setattr("zennas.training.average.decay_at", lambda decay, step: 1.0)
    job = TrainingJob(parse(TINY), "digits", Recipe(epochs=3, ema=0.9), resolution=8)
    found = train_structure(job, tmp_path, CPU)
    assert found.plain_top1 is not None
    assert found.plain_top1 > found.top1 + 1
    print_training(found)
    told = " ".join(capsys.readouterr().out.split())
    assert f"the moving average has top-1 {found.top1:.2f} %, the plain weights have {found.plain_top1:.2f} %" in told
    assert PLAIN_FILE in told
    plain = trained_model(str(tmp_path), tmp_path / PLAIN_FILE).network.state_dict()
    kept = trained_model(str(tmp_path)).network.state_dict()
    assert not torch.equal(plain["fc_linear.weight"], kept["fc_linear.weight"])
    near = replace(found, plain_top1=found.top1 + 1)
    assert near.remark is None
    assert SimpleNamespace(**near.to_json()).plain_top1 == found.top1 + 1
