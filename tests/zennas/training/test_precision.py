"""Mixed precision on the CPU: what stays in float32, and what does not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from zennas.supernet.gates import Entry
from zennas.training.precision import GroupsInFloat32, autocast

CPU = torch.device("cpu")


def test_convolutions_with_groups_stay_in_float32() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 4, 8, 8, requires_grad=True)
    plain, depthwise = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4)
    with autocast("bf16", CPU):
        y = plain(x)
        z = depthwise(y)
    assert (y.dtype, z.dtype) == (torch.bfloat16, torch.float32)
    with torch.no_grad():
        assert torch.equal(z, depthwise(y.float()))
    z.square().sum().backward()
    assert x.grad is not None
    assert depthwise.weight.grad is not None
    assert depthwise.weight.grad.dtype == torch.float32


def test_the_context_can_be_entered_again_and_leaves_nothing_behind() -> None:
    context, conv = autocast("bf16", CPU), nn.Conv2d(4, 4, 5, groups=2)
    x = torch.randn(1, 4, 5, 5)
    for _ in range(2):
        with context:
            assert conv(x).dtype == torch.float32
        assert GroupsInFloat32.active == 0
        with torch.autocast("cpu", torch.bfloat16):
            assert conv(x).dtype == torch.bfloat16
    with autocast("fp32", CPU):
        assert conv(x).dtype == torch.float32


def test_functions_with_named_groups_and_other_convolutions() -> None:
    x, weight = torch.randn(1, 4, 9), torch.randn(4, 1, 3)
    with autocast("bf16", CPU):
        assert nn.functional.conv1d(x, weight, groups=4, stride=2).dtype == torch.float32
        assert nn.functional.conv1d(x, torch.randn(4, 1, 5), groups=4).dtype == torch.float32
        assert nn.functional.conv1d(x, weight, groups=4).dtype == torch.bfloat16
        assert nn.functional.linear(x, torch.randn(3, 9)).dtype == torch.bfloat16


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_an_edge_that_is_run_again_has_the_same_arithmetic(precision: str) -> None:
    conv, x = nn.Conv2d(4, 4, 3, stride=2, groups=4), torch.randn(1, 4, 5, 5)
    with autocast(precision, CPU):
        entry, first = Entry(x), nn.functional.relu(conv(x @ torch.eye(5)))
    with entry.again():
        again = nn.functional.relu(conv(x @ torch.eye(5)))
    assert torch.equal(first, again)
    assert first.dtype == again.dtype
    assert GroupsInFloat32.active == 0
