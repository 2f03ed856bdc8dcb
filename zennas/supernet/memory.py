"""Bytes that a network keeps for its backward pass. Imports torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class Kept:
    """Counts tensors that autograd keeps, each storage once. bytes: so far."""

    def __init__(self, without: Iterable[Tensor] = ()) -> None:
        self._own = {_storage(tensor) for tensor in without}
        self._seen: dict[int, tuple[int, Tensor]] = {}

    @property
    def bytes(self) -> int:
        """The bytes of all tensors that were kept."""
        return sum(size for size, _ in self._seen.values())

    def add(self, tensor: Tensor) -> Tensor:
        """Count one tensor, and return it."""
        place = _storage(tensor)
        if place not in self._own:
            # The tensor stays alive, so that no other gets its place.
            self._seen[place] = (tensor.untyped_storage().nbytes(), tensor)
        return tensor


@contextmanager
def kept_for_backward(without: Iterable[Tensor] = ()) -> Iterator[Kept]:
    """Inside, count the bytes that autograd keeps. without: tensors that exist anyway: weights and the input."""
    count = Kept(without)
    with torch.autograd.graph.saved_tensors_hooks(count.add, lambda tensor: tensor):
        yield count


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
