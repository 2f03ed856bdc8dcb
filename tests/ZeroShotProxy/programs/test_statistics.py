"""The statistics of units against hooks on the network's modules."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ZeroShotProxy.engine.probe import Probe
from ZeroShotProxy.programs.errors import ProgramError
from ZeroShotProxy.programs.statistics import STATISTICS, UNIT_KINDS, Perturbed, UnitKind, statistics_of_units


class Units(nn.Module):
    """Two units, the first with in-place ReLUs around it, and a residual whose tensor has several uses."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4))
        self.first = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(4, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6))
        self.second = nn.Sequential(nn.ReLU(), nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6))
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(self.stem(x))
        x = torch.relu_(x + self.second(x))
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


class Copying(Units):
    """The same function with nothing in place, and what the statistics are."""

    def run(self, x: Tensor) -> tuple[Tensor, list[dict[str, Tensor]]]:
        found = []

        def unit(layers: nn.Sequential, pre: Tensor) -> Tensor:
            relu, conv, bn = layers
            own = pre * 1  # so that the gradient is that through this ReLU alone
            taken = torch.relu(own)
            output: Tensor = bn(conv(taken))
            found.append({"pre": own, "input": taken, "weight": conv.weight, "output": output})
            for value in (own, taken, output):
                value.retain_grad()
            assert isinstance(relu, nn.ReLU)
            return output

        y = unit(self.first, self.stem(x))
        y = torch.relu(y + unit(self.second, y))
        return self.head(y.mean((2, 3))), found

    def run_convolutions_first(self, x: Tensor) -> tuple[Tensor, list[dict[str, Tensor]]]:
        """The same with units that end with their ReLU."""
        found = []

        def unit(taken: Tensor, conv: nn.Module, bn: nn.Module) -> tuple[Tensor, Tensor]:
            made: Tensor = bn(conv(taken))
            own = made * 1  # so that the gradient is that through this ReLU alone
            output = torch.relu(own)
            found.append({"pre": own, "input": taken, "weight": conv.weight, "output": output})  # type: ignore[dict-item]
            for value in (own, taken, output):
                value.retain_grad()
            return made, output

        _, first = unit(x.clone().requires_grad_(), *self.stem)
        y, second = unit(first, *self.first[1:])
        y = torch.relu(y + self.second[1:](second))
        return self.head(y.mean((2, 3))), found


def batch() -> Tensor:
    return torch.randn(5, 3, 6, 6, generator=torch.Generator().manual_seed(1))


def network() -> Units:
    torch.manual_seed(0)
    return Units()


def probe(images: int = 5) -> Probe:
    return Probe(network(), batch()[:images], None, seed=7)


def by_hand(x: Tensor, units: UnitKind) -> list[dict[str, Tensor]]:
    net = Copying()
    net.load_state_dict(network().state_dict())
    logits, found = net.run(x) if units == "relu-conv-bn" else net.run_convolutions_first(x)
    logits.sum().backward()
    values = [{of: value.detach() for of, value in unit.items()} for unit in found]
    gradients = [{f"grad_{of}": value.grad for of, value in unit.items()} for unit in found]
    return [{**a, **b} for a, b in zip(values, gradients, strict=True)]  # type: ignore[dict-item]


def images(seed: int = 7) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    noise, change = (torch.randn(batch().shape, generator=generator) for _ in range(2))
    return {"data": batch(), "noise": noise, "perturbed": batch() + math.sqrt(0.01) * change}


@pytest.mark.parametrize("units", UNIT_KINDS)
@pytest.mark.parametrize("perturbed", ["difference", "value"])
def test_each_statistic_is_what_it_says(perturbed: Perturbed, units: UnitKind) -> None:
    found = statistics_of_units(probe(), list(STATISTICS), perturbed, units=units)
    wanted = {kind: by_hand(x, units) for kind, x in images().items()}
    assert len(found) == 2
    for number, unit in enumerate(found):
        assert set(unit) == set(STATISTICS)
        for name, value in unit.items():
            if name == "weight":
                expected = wanted["data"][number]["weight"]
            else:
                of, _, kind = name.rpartition("_")
                expected = wanted[kind][number][of]
                if kind == "perturbed" and perturbed == "difference":
                    expected = expected - wanted["data"][number][of]
            torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-5)
            assert not value.requires_grad


def test_only_what_is_asked_for_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    one, runs = probe(), []
    inner: Callable[[Tensor], Tensor] = one.network.__call__

    def counted(x: Tensor) -> Tensor:
        runs.append(torch.is_grad_enabled())
        return inner(x)

    monkeypatch.setattr(one, "network", counted)
    statistics_of_units(one, ["pre_noise"])
    assert runs == [False]
    statistics_of_units(one, ["pre_noise"])
    assert runs == [False]
    statistics_of_units(one, ["pre_noise", "grad_pre_data", "output_data", "weight"])
    assert runs == [False, True]
    statistics_of_units(one, ["grad_pre_perturbed"])  # the batch's is known
    assert runs == [False, True, True]
    assert [set(unit) for unit in statistics_of_units(probe(), ["weight"])] == [{"weight"}] * 2


def test_alone_and_together_are_equal() -> None:
    together = statistics_of_units(probe(), list(STATISTICS))
    for name in STATISTICS:
        for unit, all_of_it in zip(statistics_of_units(probe(), [name]), together, strict=True):
            torch.testing.assert_close(unit[name], all_of_it[name])


def test_kinds_of_units_do_not_share_what_they_know() -> None:
    one = probe()
    first, second = (statistics_of_units(one, ["pre_data", "grad_pre_noise"], units=kind) for kind in UNIT_KINDS)
    assert [tuple(unit["pre_data"].shape) for unit in first] == [(5, 4, 6, 6), (5, 6, 3, 3)]
    torch.testing.assert_close([unit["pre_data"] for unit in first], [unit["pre_data"] for unit in second])
    assert [tuple(unit["weight"].shape) for unit in statistics_of_units(one, ["weight"], units="conv-bn-relu")] == [
        (4, 3, 3, 3),
        (6, 4, 3, 3),
    ]


def test_the_first_images_of_a_batch() -> None:
    found = statistics_of_units(probe(), ["input_data", "grad_output_data"], images=2)
    wanted = statistics_of_units(probe(2), ["input_data", "grad_output_data"])
    for unit, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(unit, other)
    with pytest.raises(ProgramError, match="the program looks at 6 images, but the batch has 5"):
        statistics_of_units(probe(), ["input_data"], images=6)


def test_networks_without_units_or_gradients_are_refused() -> None:
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    with pytest.raises(ProgramError, match="no convolution between a ReLU and a batch-norm"):
        statistics_of_units(Probe(plain, batch(), None), ["weight"])
    with pytest.raises(ProgramError, match="no convolution with a batch-norm and a ReLU behind it"):
        statistics_of_units(Probe(plain, batch(), None), ["weight"], units="conv-bn-relu")
    flat = network()
    nn.init.zeros_(flat.head.weight)
    assert statistics_of_units(Probe(flat, batch(), None), ["pre_data"])
    with pytest.raises(ProgramError, match="the gradient of the logits is zero everywhere"):
        statistics_of_units(Probe(flat, batch(), None), ["grad_weight_data"])
