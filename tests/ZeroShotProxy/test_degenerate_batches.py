"""Batches and networks at the edge of what a measure can judge."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from ZeroShotProxy import PROXIES, ProxyError, ScoreSettings, score

CPU = ScoreSettings(device="cpu")


def deep(layers: int, bias: bool = True) -> nn.Sequential:
    torch.manual_seed(0)
    parts: list[nn.Module] = [nn.Conv2d(3, 16, 3, padding=1)]
    for _ in range(layers):
        parts += [nn.Conv2d(16, 16, 3, padding=1, bias=bias), nn.ReLU()]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))


def images(count: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(count, 3, 8, 8, generator=generator), torch.arange(count) % 2


@pytest.mark.parametrize("copies", [2, 3])
def test_naswot_refuses_a_batch_with_one_image_twice(copies: int) -> None:
    x, _ = images()
    assert score(deep(3), x, ["naswot"], CPU)["naswot"].value > 0
    x[1:copies] = x[0]
    with pytest.raises(ProxyError, match="do not distinguish all 6 images of the batch"):
        score(deep(3), x, ["naswot"], CPU)


def test_naswot_is_the_log_determinant() -> None:
    net, (x, _) = deep(3), images()
    codes, y = [], x
    for layer in net:
        if isinstance(layer, nn.ReLU):
            codes.append((y > 0).flatten(1))
        y = layer(y)
    code = torch.cat(codes, 1).double()
    kernel = code @ code.T + (1 - code) @ (1 - code).T
    assert score(net, x, ["naswot"], CPU)["naswot"].value == pytest.approx(float(torch.logdet(kernel)))


NAMES = [p.info.name for p in PROXIES if p.ranking is None and p.info.needs in ("batch", "labels")]


@pytest.mark.parametrize("name", NAMES)
def test_equal_images_are_refused(name: str) -> None:
    x, labels = images()
    with pytest.raises(ProxyError, match="all 6 images of the batch are equal, expected different ones"):
        score(deep(2), (x[:1].expand_as(x), labels), [name], CPU)


@pytest.mark.parametrize("bias", [False, True])
def test_log_synflow_goes_on_where_synflow_overflows(bias: bool) -> None:
    """Each layer multiplies the flow by nearly the same factor."""
    x, _ = images()
    depths = (200, 400, 500, 600)
    first, second, third, last = (score(deep(n, bias), x, ["log_synflow"], CPU)["log_synflow"].value for n in depths)
    assert math.isfinite(score(deep(400, bias), x, ["synflow"], CPU)["synflow"].value)
    with pytest.raises(ProxyError):
        score(deep(600, bias), x, ["synflow"], CPU)
    assert first < math.log(1e308) < third
    assert last - third == pytest.approx((second - first) / 2, rel=0.05)


def test_log_synflow_refuses_what_is_not_in_proportion() -> None:
    net = nn.Sequential(*deep(600)[:1], nn.Softplus(), *deep(600)[1:])
    with pytest.raises(ProxyError, match="too large for double precision"):
        score(net, images()[0], ["log_synflow"], CPU)
