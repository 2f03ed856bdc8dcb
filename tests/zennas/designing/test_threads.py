"""The number of CPU threads of a design."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from PlainNet import build, parse
from zennas.designing import threads

NETWORK = "SuperConvK3BNRELU(1,4,1,1)SuperResK3K3(4,8,2,4,1)"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("one", "all_of_them", "chosen"), [(0.1, 5.0, 1), (0.3, 0.2, 2)])
def test_the_faster_number_is_used(
    monkeypatch: pytest.MonkeyPatch, one: float, all_of_them: float, chosen: int
) -> None:
    monkeypatch.setattr(threads, "_most", lambda: 2)
    monkeypatch.setattr(threads, "_seconds", lambda network, images, count: one if count == 1 else all_of_them)
    network = build(parse(NETWORK), num_classes=3)
    assert threads.use_fastest(network, 1, 8, 4) == chosen
    assert torch.get_num_threads() == chosen


def test_steps_are_timed_and_leave_no_gradients() -> None:
    network = build(parse(NETWORK), num_classes=3)
    found = threads.use_fastest(network, 1, 8, 4)
    assert found in (1, threads._most())
    assert all(weights.grad is None for weights in network.parameters())


def test_the_choice_ends_with_the_design(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_seconds", lambda network, images, count: float(count))
    torch.set_num_threads(2)
    with threads.threads_kept():
        assert threads.use_fastest(build(parse(NETWORK), num_classes=3), 1, 8, 4) == 1
        assert threads.use_fastest(build(parse(NETWORK), num_classes=3), 1, 8, 4) == 1
    assert torch.get_num_threads() == 2
