"""Networks of other makers: what they raise, and layers with their channels last."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from PlainNet import parse
from ZeroShotProxy import Proxy, ProxyError, ProxyInfo, ensembles, score, scores
from ZeroShotProxy.engine import measures

from .small_network import CPU, batch


def test_whatever_a_network_raises_names_the_proxy() -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 5)

        def forward(self, x: Tensor) -> Tensor:
            raise AssertionError("wrong image height")

    with pytest.raises(ProxyError, match="proxy meco fails: AssertionError: wrong image height"):
        score(Broken(), batch(), ["meco"], CPU)


def test_linear_layers_may_have_their_channels_last() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.head = nn.Linear(3, 6), nn.Linear(6, 5)

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.head(torch.relu(self.inner(x.movedim(1, -1))).mean((1, 2)))
            return logits

    class First(nn.Module):
        """The same with a convolution."""

        def __init__(self, last: Last) -> None:
            super().__init__()
            self.inner, self.head = nn.Conv2d(3, 6, 1), last.head
            self.inner.weight = nn.Parameter(last.inner.weight.detach()[:, :, None, None].clone())
            self.inner.bias = nn.Parameter(last.inner.bias.detach().clone())

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.head(torch.relu(self.inner(x)).mean((2, 3)))
            return logits

    torch.manual_seed(0)
    last = Last()
    names = ["fisher", "vkdnw_entropy", "snip", "zico"]
    ours, theirs = score(last, batch(), names, CPU), score(First(last), batch(), names, CPU)
    for name in names:
        assert ours[name].value == pytest.approx(theirs[name].value, rel=1e-4), name


def broken(*args: object) -> None:
    raise ZeroDivisionError("oh")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda *args: 3.0, "returns 3.0, expected a Score"),
        (lambda *args: None, "returns None, expected a Score"),
        (broken, "fails: ZeroDivisionError: oh"),
    ],
)
def test_a_broken_proxy_of_somebody_else_is_named(answer: Any, says: str) -> None:
    theirs = Proxy(ProxyInfo("theirs", "a proxy", source="theirs"), structure=answer)
    with pytest.raises(ProxyError, match=f"^proxy theirs {says}$"):
        scores._by_structure(theirs, parse("SuperConvK3BNRELU(3,8,1,1)"), CPU)


@pytest.mark.parametrize(
    ("measured", "says"),
    [
        ([], "proxy theirs fails: the measure has no layers to sum"),
        ("x", "proxy theirs returns 'x', expected a number or a list of tensors"),
        (None, "proxy theirs returns None, expected a number or a list of tensors"),
    ],
)
def test_a_measure_of_somebody_else_that_returns_no_number_is_named(measured: Any, says: str) -> None:
    with pytest.raises(ProxyError, match=f"^{says}$"):
        measures.total(measured, "theirs")


@pytest.mark.parametrize(
    ("ranks", "says"),
    [
        (lambda rows: [1.0], "proxy theirs returns 1 scores for 2 networks"),
        (lambda rows: [float("nan"), 1.0], "proxy theirs returns nan, expected a finite number"),
        (broken, "proxy theirs fails: ZeroDivisionError: oh"),
    ],
)
def test_a_broken_ranking_of_somebody_else_is_named(ranks: Any, says: str) -> None:
    theirs = Proxy(ProxyInfo("theirs", "a ranking", source="theirs"), ranking=ranks, parts=("flops", "params"))
    with pytest.raises(ProxyError, match=f"^{says}$"):
        ensembles._ranked(theirs, [[1.0, 2.0], [2.0, 1.0]])
