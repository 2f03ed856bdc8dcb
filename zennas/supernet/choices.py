"""`LayerChoice` and `InputChoice`: places in a model where a search decides. Imports torch.

They work in any `nn.Module`. A trainer makes the decisions; afterwards, `exporting.apply_fixed_architecture` replaces
each choice by what was chosen. Arguments and meanings are those of NNI (version 1.9).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from zennas.supernet.decisions import ALL, FULL_V2, PATH, Decision
from zennas.supernet.errors import SupernetError
from zennas.supernet.gates import kept, recomputed, weighted

REDUCTIONS = ("sum", "mean", "concat", "none")


class LayerChoice(nn.Module):
    """One of several modules, which take the same inputs and give outputs of one shape.

    op_candidates: the modules, as a list or an ordered dict.
    reduction: what is returned if several are chosen: their "sum", their "mean", their "concat" along channels, or with
        "none" a list of their outputs.
    return_mask: also return which are chosen, as a boolean tensor (N,).
    key: the name of the decision. Choices with the same key are one decision; without a key, a choice is a decision of
        its own, named after its place in the model.

    options: the names of the candidates. n_chosen: how many are chosen in a search.

    Calls raise SupernetError if nobody makes the decision.
    """

    def __init__(
        self,
        op_candidates: Sequence[nn.Module] | Mapping[str, nn.Module],
        reduction: str = "sum",
        return_mask: bool = False,
        key: str | None = None,
    ) -> None:
        super().__init__()
        named = op_candidates if isinstance(op_candidates, Mapping) else dict(enumerate(op_candidates))
        if not named:
            raise SupernetError("a LayerChoice has no candidates, expected at least one module")
        self.options = tuple(map(str, named))
        self.n_chosen: int | None = 1
        self.candidates = nn.ModuleList(named.values())
        self.reduction, self.return_mask, self.key = _checked(reduction), return_mask, key
        self.decision: Decision | None = None

    def __len__(self) -> int:
        return len(self.candidates)

    def forward(self, *inputs: Any) -> Any:
        """Return the output of the chosen candidate; with `return_mask`, also which one it is."""
        decision = _made(self.decision, "LayerChoice")
        modules = list(self.candidates)
        gates, active = decision.gates, decision.active
        if gates is None or decision.mode == PATH:
            found = [modules[k](*inputs) for k in active]
        elif decision.mode == ALL:
            found = [weighted(modules, inputs, _on(gates, inputs))]
        elif decision.mode == FULL_V2:
            found = [recomputed(modules, inputs, gates, active[0])]
        else:
            found = [kept(modules, inputs, gates, decision.among, active[0])]
        output = _reduced(found, self.reduction)
        return (output, torch.tensor(decision.mask())) if self.return_mask else output

    def extra_repr(self) -> str:
        return f"key={self.key!r}, reduction={self.reduction!r}"


class InputChoice(nn.Module):
    """Some of several tensors.

    n_candidates: how many tensors there are, given as a list; or
    choose_from: the names of tensors that are given as a dict, or of the list's places.
    n_chosen: how many are chosen; None for any number, each on its own.
    reduction, return_mask, key: as for `LayerChoice`. If none is chosen, the output is zeros.

    options: the names of the tensors.

    Raises SupernetError if the numbers contradict each other, or if a call has other tensors.
    """

    def __init__(
        self,
        n_candidates: int | None = None,
        choose_from: Sequence[str] | None = None,
        n_chosen: int | None = None,
        reduction: str = "sum",
        return_mask: bool = False,
        key: str | None = None,
    ) -> None:
        super().__init__()
        if n_candidates is None and not choose_from:
            raise SupernetError("an InputChoice needs n_candidates or choose_from")
        if n_candidates is not None and choose_from is not None and len(choose_from) != n_candidates:
            raise SupernetError(f"n_candidates is {n_candidates}, but choose_from has {len(choose_from)} names")
        self.options = tuple(choose_from) if choose_from else tuple(map(str, range(n_candidates or 0)))
        if not self.options:
            raise SupernetError(f"n_candidates is {n_candidates}, expected at least 1")
        if n_chosen is not None and not 1 <= n_chosen <= len(self.options):
            raise SupernetError(f"n_chosen is {n_chosen}, expected 1 to {len(self.options)}, or None for any number")
        self.n_chosen = n_chosen
        self.reduction, self.return_mask, self.key = _checked(reduction), return_mask, key
        self.decision: Decision | None = None

    def forward(self, optional_inputs: Sequence[Tensor] | Mapping[str, Tensor]) -> Any:
        """Return the chosen tensors, reduced; with `return_mask`, also which they are."""
        decision = _made(self.decision, "InputChoice")
        tensors = self._in_order(optional_inputs)
        output = self._search(tensors, decision) if decision.mode != PATH else self._pick(tensors, decision.active)
        return (output, torch.tensor(decision.mask())) if self.return_mask else output

    def _pick(self, tensors: list[Tensor], active: Sequence[int]) -> Any:
        found = [tensors[k] for k in active]
        return _reduced(found, self.reduction) if found else torch.zeros_like(tensors[0])

    def _search(self, tensors: list[Tensor], decision: Decision) -> Any:
        picks: list[Callable[..., Tensor]] = [lambda *given, k=k: given[k] for k in range(len(tensors))]
        inputs = tuple(tensors)
        assert decision.gates is not None  # `Decisions` made them
        if decision.mode == ALL:
            return _reduced([weighted(picks, inputs, _on(decision.gates, inputs))], self.reduction)
        if decision.n_chosen == 1:
            return _reduced([kept(picks, inputs, decision.gates, decision.among, decision.active[0])], self.reduction)
        # The sum over all with their gates; the tensors are there anyway, so nothing is computed for those with 0.
        count = max(1, len(decision.active)) if self.reduction == "mean" else 1
        gates = decision.gates.to(tensors[0].dtype)
        summed = sum((gate * one for gate, one in zip(gates, tensors, strict=True)), start=torch.zeros_like(tensors[0]))
        return summed / count

    def _in_order(self, given: Sequence[Tensor] | Mapping[str, Tensor]) -> list[Tensor]:
        if isinstance(given, Mapping):
            missing = [name for name in self.options if name not in given]
            if missing:
                raise SupernetError(
                    f"an InputChoice got no tensor named {missing[0]}, expected {', '.join(self.options)}"
                )
            return [given[name] for name in self.options]
        if len(given) != len(self.options):
            raise SupernetError(f"an InputChoice got {len(given)} tensors, expected {len(self.options)}")
        return list(given)

    def extra_repr(self) -> str:
        return f"options={self.options}, n_chosen={self.n_chosen}, key={self.key!r}, reduction={self.reduction!r}"


def _checked(reduction: str) -> str:
    if reduction not in REDUCTIONS:
        raise SupernetError(f"reduction is {reduction!r}, expected {', '.join(REDUCTIONS[:-1])} or {REDUCTIONS[-1]}")
    return reduction


def _made(decision: Decision | None, what: str) -> Decision:
    if decision is None:
        raise SupernetError(
            f"nobody makes the decision of a {what}: pass the model to ProxylessTrainer, or to apply_fixed_architecture"
        )
    return decision


def _on(gates: Tensor, inputs: Sequence[Any]) -> Tensor:
    tensor = next(one for one in inputs if isinstance(one, Tensor))
    return gates.to(tensor.device, tensor.dtype if tensor.is_floating_point() else torch.float32)


def _reduced(outputs: list[Tensor], reduction: str) -> Any:
    if reduction == "none":
        return outputs
    if len(outputs) == 1:
        return outputs[0]
    shapes = {tuple(one.shape) for one in outputs}
    if reduction != "concat" and len(shapes) > 1:
        raise SupernetError(
            f"the chosen outputs have the shapes {' and '.join(map(str, sorted(shapes)))}: all must be equal"
        )
    if reduction == "concat":
        return torch.cat(outputs, 1)
    total = torch.stack(outputs).sum(0)
    return total if reduction == "sum" else total / len(outputs)
