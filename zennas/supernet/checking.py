"""Checks of a supernet on one batch, before anything is trained. Imports torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from zennas.supernet.choices import LayerChoice
from zennas.supernet.decisions import Decisions
from zennas.supernet.errors import SupernetError
from zennas.supernet.gates import still


def check_outputs(model: nn.Module, decisions: Decisions, images: Tensor) -> None:
    """Check that the candidates of each choice give outputs of one shape. images: a few, (n, C, H, W).

    The model, its statistics and the random generators stay as they are. Raises SupernetError that names the choice.
    """

    def compare(choice: nn.Module, inputs: tuple[Any, ...]) -> None:
        assert isinstance(choice, LayerChoice)
        shapes = {name: _shape(module(*inputs)) for name, module in zip(choice.options, choice.candidates, strict=True)}
        first = next(iter(shapes))
        for name, shape in shapes.items():
            if shape != shapes[first]:
                key = choice.decision.key if choice.decision is not None else choice.key
                raise SupernetError(
                    f"the candidates of the choice {key} give different shapes: {first} gives {shapes[first]} and "
                    f"{name} gives {shape}"
                )

    hooks = [module.register_forward_pre_hook(compare) for module in model.modules() if isinstance(module, LayerChoice)]
    devices = [images.device] if images.device.type == "cuda" else []
    try:
        decisions.choose(decisions.best())
        with torch.no_grad(), still(model), torch.random.fork_rng(devices=devices):
            model(images)
    finally:
        for hook in hooks:
            hook.remove()


def _shape(output: Any) -> Any:
    return tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
