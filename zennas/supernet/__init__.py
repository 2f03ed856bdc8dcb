"""Search inside one network, as ProxylessNAS does: layers with candidates, architecture parameters, costs in the loss.

    model = nn.Sequential(LayerChoice([a, b, c]), …)
    ProxylessTrainer(model, optimiser, device, train_loader=train, valid_loader=valid).train()

Start reading at `choices.py` and `decisions.py`, then `gates.py`, `cost.py` and `trainer.py`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zennas.supernet.choices import InputChoice, LayerChoice
    from zennas.supernet.exporting import apply_fixed_architecture
    from zennas.supernet.trainer import ProxylessTrainer

__all__ = ["InputChoice", "LayerChoice", "ProxylessTrainer", "apply_fixed_architecture"]

_PLACES = {
    "InputChoice": "choices",
    "LayerChoice": "choices",
    "ProxylessTrainer": "trainer",
    "apply_fixed_architecture": "exporting",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:  # torch takes seconds to import
        raise AttributeError(f"module 'zennas.supernet' has no attribute {name!r}")
    return getattr(import_module(f"zennas.supernet.{_PLACES[name]}"), name)
