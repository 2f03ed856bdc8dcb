"""A score depends on what a network computes, not on how its class is written."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ZeroShotProxy import PROXIES, ProxyError, ScoreSettings, score

CPU = ScoreSettings(device="cpu", resolution=16)


class InRunningOrder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu1 = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2, self.bn2, self.relu2 = nn.Conv2d(8, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.conv3, self.bn3, self.relu3 = nn.Conv2d(12, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU()
        self.fc = nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(self.relu1(self.bn1(self.conv1(x))))
        x = self.pool2(self.relu2(self.bn2(self.conv2(x))))
        x = self.relu3(self.bn3(self.conv3(x)))
        return self.fc(x.mean([2, 3]))  # type: ignore[no-any-return]


class WithSharedLayers(InRunningOrder):
    """One ReLU and one pooling for all, registered before the layers that run first."""

    def __init__(self) -> None:
        super().__init__()
        self.relu, self.pool = nn.ReLU(), nn.MaxPool2d(2)
        for name in ("relu1", "relu2", "relu3", "pool1", "pool2"):
            delattr(self, name)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu(self.bn1(self.conv1(x))))
        x = self.pool(self.relu(self.bn2(self.conv2(x))))
        return self.fc(self.relu(self.bn3(self.conv3(x))).mean([2, 3]))  # type: ignore[no-any-return]


class WithFunctions(WithSharedLayers):
    """As in PyTorch's tutorial, with functions for what has no weights."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = F.max_pool2d(self.bn2(self.conv2(x)).relu(), 2)
        return self.fc(F.relu(self.bn3(self.conv3(x)), inplace=True).mean([2, 3]))  # type: ignore[no-any-return]


class OnlyFunctions(InRunningOrder):
    """Convolutions and padding by functions, too."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(F.pad(x, (1, 1, 1, 1)), self.conv1.weight, self.conv1.bias)
        x = F.max_pool2d(torch.relu(self.bn1(x)), 2)
        x = F.conv2d(x, self.conv2.weight, bias=self.conv2.bias, padding=1)
        x = F.max_pool2d(F.relu_(self.bn2(x)), 2)
        x = F.relu(self.bn3(F.conv2d(x, self.conv3.weight, self.conv3.bias, padding=(1, 1))))
        return F.linear(x.mean([2, 3]), self.fc.weight, self.fc.bias)


class WithClamps(WithSharedLayers):
    """ReLUs as clamps."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.bn1(self.conv1(x)).clamp(min=0))
        x = self.pool(torch.clamp(self.bn2(self.conv2(x)), 0.0))
        return self.fc(self.bn3(self.conv3(x)).clamp_min_(0).mean([2, 3]))  # type: ignore[no-any-return]


class Backwards(InRunningOrder):
    """The same layers, registered in the opposite order."""

    def __init__(self) -> None:
        super().__init__()
        for name, module in reversed(list(self.named_children())):
            delattr(self, name)
            setattr(self, name, module)


class WithIdentities(InRunningOrder):
    def __init__(self) -> None:
        super().__init__()
        self.same = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.same(x))


class Wrapper(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)  # type: ignore[no-any-return]


class Preparing(Wrapper):
    """A wrapper that prepares the images."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net)
        self.prepare = nn.Identity()
        self.register_buffer("mean", torch.zeros(3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(self.prepare(x - self.mean))  # type: ignore[no-any-return]


def ways() -> dict[str, nn.Module]:
    """One function, with the same weights."""
    torch.manual_seed(0)
    first = InRunningOrder()
    made: dict[str, nn.Module] = {"in running order": first}
    for kind in (WithSharedLayers, WithFunctions, OnlyFunctions, WithClamps, Backwards, WithIdentities):
        made[kind.__name__] = kind()
        made[kind.__name__].load_state_dict(first.state_dict())
    for name in ("in running order", "WithFunctions", "Backwards"):
        made[f"{name}, wrapped"] = Wrapper(made[name])
        made[f"{name}, wrapped twice"] = nn.Sequential(Wrapper(made[name]))
        made[f"{name}, prepared"] = Preparing(made[name])
    return made


NAMES = sorted({proxy.info.name for proxy in PROXIES if proxy.ranking is None and proxy.info.needs != "structure"})


def value_or_error(net: nn.Module, batch: tuple[Tensor, Tensor], name: str) -> float | str:
    try:
        return score(net, batch, [name], CPU)[name].value
    except ProxyError as error:
        return str(error)


@pytest.mark.parametrize("name", NAMES)
def test_the_score_is_the_same_for_all_ways_of_writing_a_network(name: str) -> None:
    generator = torch.Generator().manual_seed(1)
    batch = torch.randn(8, 3, 16, 16, generator=generator), torch.randint(10, (8,), generator=generator)
    found = {way: value_or_error(net, batch, name) for way, net in ways().items()}
    first = found["in running order"]
    assert isinstance(first, float) or name.startswith("eznas")  # which needs a batch-norm after a ReLU's convolution
    assert found == {way: pytest.approx(first, rel=1e-4) if isinstance(first, float) else first for way in found}
