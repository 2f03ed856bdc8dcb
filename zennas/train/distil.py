"""Distillation: a student learns from a teacher's logits and, through projections, from its stages' features.

Imports torch.
"""

from __future__ import annotations

from torch import nn

from PlainNet.masternet import MasterNet
from zennas.evaluate import Shown
from zennas.train.recipe import Distillation


def distilling(network: MasterNet, settings: Distillation, shown: Shown, label_smoothing: float) -> nn.Module:
    raise NotImplementedError
