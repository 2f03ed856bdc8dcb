"""Proxies of one batch against their definitions: zico, swap, epe_nas, meco."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ZeroShotProxy import ProxyError, score

from .small_network import CPU, batch, noise, small, value


def test_zico() -> None:
    x, y = batch()
    found = []
    for part in (slice(0, 6), slice(6, 12)):
        net = small().train()
        F.cross_entropy(net(x[part]), y[part]).backward()
        layers = [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
        found.append([m.weight.grad.double().numpy() for m in layers if m.weight.grad is not None])
    expected = 0.0
    for a, b in zip(*found, strict=True):
        deviation = np.abs(a - b) / 2
        mean = (np.abs(a) + np.abs(b)) / 2
        expected += math.log((mean[deviation > 0] / deviation[deviation > 0]).sum())
    assert value("zico") == pytest.approx(expected, rel=1e-4)


def test_zico_needs_two_mini_batches() -> None:
    with pytest.raises(ProxyError, match="zico fails: the batch has 3 images, expected at least 4"):
        value("zico", images=3)


def test_swap_counts_different_patterns() -> None:
    net = small().train()
    patterns: list[Tensor] = []
    for module in net.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_pre_hook(lambda m, args: patterns.append((args[0] > 0).flatten(1).T))
    net(batch()[0])
    expected = len({tuple(row.tolist()) for row in torch.cat(patterns)})
    assert value("swap") == expected
    # More than 64 images do not fit one integer.
    x = torch.cat([batch()[0]] * 6)
    assert score(small(), x, ["swap"], CPU)["swap"].value == expected


def test_epe_nas() -> None:
    x, y = batch()
    x.requires_grad_()
    small().train()(x).sum().backward()
    assert x.grad is not None
    rows = x.grad.flatten(1).numpy()
    expected = sum(abs(np.log(np.abs(np.corrcoef(rows[y.numpy() == label])) + 1e-5).sum()) for label in range(5))
    assert value("epe_nas") == pytest.approx(expected, rel=1e-3)


def test_meco() -> None:
    net = small().train()
    maps: list[Tensor] = []
    for module in net.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda m, args, out: maps.append(out[0].detach().clone()))
    net(noise())
    expected = sum(
        float(np.linalg.eigvalsh(np.nan_to_num(np.corrcoef(found.flatten(1).numpy())))[0])
        for found in maps
        if found.dim() == 3 and found.shape[1] > 1
    )
    # Behind global pooling a channel has one value and no correlation.
    assert value("meco") == pytest.approx(expected, rel=1e-4, abs=1e-4)
