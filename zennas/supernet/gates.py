"""Gates of a mixed edge: how candidates run, and how the loss's gradient of each gate is computed. Imports torch.

An edge with candidates o_k and one-hot gates g computes y = Σ g_k o_k(x), where the active candidate i has g_i = 1
(ProxylessNAS, Cai, Zhu and Han, ICLR 2019, section 3.2). Every way below gives y = o_i(x) exactly, ∂L/∂x through o_i
only, and ∂L/∂g_k = Σ o_k(x) · ∂L/∂y; they differ in what is kept for the backward pass, and in which k have a gate.

What runs beside the active candidate neither moves the statistics of batch-norms nor draws from the generators that the
rest of the network draws from: each candidate starts from the state that they had when the edge was entered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from zennas.supernet.errors import SupernetError
from zennas.training.precision import GroupsInFloat32

Candidate = Callable[..., Tensor]
"""A function from the inputs of an edge to its output."""


@contextmanager
def still(*modules: nn.Module) -> Iterator[None]:
    """Inside, batch-norms of the modules in training mode normalise as usual, but their running statistics stay."""
    moving = [
        part
        for module in modules
        for part in module.modules()
        if isinstance(part, _NormBase) and part.training and part.track_running_stats
    ]
    for part in moving:
        part.track_running_stats = False
    try:
        yield
    finally:
        for part in moving:
            part.track_running_stats = True


class Entry:
    """The state of the random generators and of autocast when an edge was entered."""

    def __init__(self, x: Tensor) -> None:
        self._device = x.device
        self._cpu = torch.get_rng_state()
        self._own = torch.cuda.get_rng_state(x.device) if x.device.type == "cuda" else None
        kind = x.device.type
        self._autocast = (kind, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind))
        self._grouped = GroupsInFloat32.active > 0

    @contextmanager
    def again(self) -> Iterator[None]:
        """Inside, the generators and autocast are as they were on entry; afterwards, the generators are as before."""
        kind, dtype, enabled = self._autocast
        devices = [self._device] if self._own is not None else []
        # In the backward pass, the context in which the forward pass ran has ended.
        grouped = GroupsInFloat32() if self._grouped and not GroupsInFloat32.active else nullcontext()
        with torch.random.fork_rng(devices=devices), torch.autocast(kind, dtype=dtype, enabled=enabled), grouped:
            torch.set_rng_state(self._cpu)
            if self._own is not None:
                torch.cuda.set_rng_state(self._own, self._device)
            yield


def beside(candidate: Candidate, inputs: tuple[Any, ...], entry: Entry) -> Tensor:
    """Return the output of a candidate that runs beside the active one, without a graph.

    Raises SupernetError if it changes its input in place, which the other candidates read as well.
    """
    modules = (candidate,) if isinstance(candidate, nn.Module) else ()
    with torch.no_grad(), still(*modules), entry.again():
        return _run(candidate, inputs)


def _run(candidate: Candidate, inputs: tuple[Any, ...]) -> Tensor:
    before = [one._version for one in inputs if isinstance(one, Tensor)]
    output = candidate(*inputs)
    if before != [one._version for one in inputs if isinstance(one, Tensor)]:
        raise SupernetError(
            f"the candidate {type(candidate).__name__} changes its input in place, which the other candidates of the "
            "choice read as well: use inplace=False there"
        )
    return output


def kept(
    candidates: Sequence[Candidate], inputs: tuple[Any, ...], gates: Tensor, among: Sequence[int], active: int
) -> Tensor:
    """The output of the active candidate, with gates for all of `among`, whose outputs are kept (`full` and `two`).

    gates: (len(among),), in the order of `among`, which contains `active`.
    """
    entry = Entry(_tensor_of(inputs))
    chosen = _run(candidates[active], inputs)
    outputs = [chosen.detach() if k == active else beside(candidates[k], inputs, entry) for k in among]
    return _Kept.apply(chosen, gates, *outputs)  # type: ignore[no-any-return]


def recomputed(candidates: Sequence[Candidate], inputs: tuple[Any, ...], gates: Tensor, active: int) -> Tensor:
    """The output of the active candidate, with gates for all; the others run in the backward pass (`full_v2`).

    gates: (len(candidates),).
    """
    entry = Entry(_tensor_of(inputs))
    chosen = _run(candidates[active], inputs)

    def output(k: int, given: tuple[Any, ...]) -> Tensor:
        return beside(candidates[k], given, entry)

    plain = [(isinstance(one, Tensor), None if isinstance(one, Tensor) else one) for one in inputs]
    tensors = [one for one in inputs if isinstance(one, Tensor)]
    return _Recomputed.apply(chosen, gates, output, active, plain, *tensors)  # type: ignore[no-any-return]


def weighted(candidates: Sequence[Candidate], inputs: tuple[Any, ...], shares: Tensor) -> Tensor:
    """The sum of all candidates' outputs, weighted with `shares`, (len(candidates),): a mixed edge of DARTS (`all`)."""
    total = shares[0] * candidates[0](*inputs)
    for share, candidate in zip(shares[1:], candidates[1:], strict=True):
        total = total + share * candidate(*inputs)
    return total


def _tensor_of(inputs: tuple[Any, ...]) -> Tensor:
    return next(one for one in inputs if isinstance(one, Tensor))


def _product(output: Tensor, grad: Tensor) -> Tensor:
    """Σ output · grad, in at least single precision."""
    return (output.float() * grad.float()).sum() if output.dtype != torch.float64 else (output * grad).sum()


class _Kept(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, chosen: Tensor, gates: Tensor, *outputs: Tensor) -> Tensor:
        ctx.save_for_backward(*outputs)
        ctx.dtype = gates.dtype
        return chosen.view_as(chosen)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        gates = None
        if ctx.needs_input_grad[1]:
            gates = torch.stack([_product(output, grad) for output in ctx.saved_tensors]).to(ctx.dtype)
        return grad, gates, *[None] * len(ctx.saved_tensors)


class _Recomputed(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        chosen: Tensor,
        gates: Tensor,
        output: Callable[[int, tuple[Any, ...]], Tensor],
        active: int,
        plain: list[tuple[bool, Any]],
        *tensors: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(chosen, *tensors)
        ctx.output, ctx.active, ctx.plain = output, active, plain
        ctx.count, ctx.dtype = len(gates), gates.dtype
        return chosen.view_as(chosen)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        chosen, *tensors = ctx.saved_tensors
        gates = None
        if ctx.needs_input_grad[1]:
            rest = iter(tensors)
            inputs = tuple(next(rest) if is_tensor else one for is_tensor, one in ctx.plain)
            found = [_product(chosen if k == ctx.active else ctx.output(k, inputs), grad) for k in range(ctx.count)]
            gates = torch.stack(found).to(ctx.dtype)
        return grad, gates, None, None, None, *[None] * len(tensors)
