"""What the tests of distillation share: a student, a teacher, a batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from PlainNet import parse
from PlainNet.masternet import MasterNet, build
from zennas.data import Normalisation
from zennas.data.base import Shown
from zennas.named.teachers import Teacher
from zennas.training.objectives.distillation import Distilling
from zennas.training.recipe import Distillation

STUDENT = "SuperConvK3BNRELU(3,8,2,1)SuperResK3K3(8,16,2,8,1)"
TEACHER = "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)SuperResK3K3(16,24,2,16,1)"
GREY = Normalisation((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
OTHER = Normalisation((0.4, 0.5, 0.6), (0.5, 0.2, 0.25))
SHOWN = Shown(GREY, 16, 16)
FEATURES = Distillation("a teacher", ratio=2)


def student(seed: int = 0, text: str = STUDENT) -> MasterNet:
    torch.manual_seed(seed)
    return build(parse(text))


def taught_by(module: nn.Module | None = None, shown: Shown = SHOWN, classes: int = 10) -> Teacher:
    module = student(1, TEACHER) if module is None else module
    return Teacher(module.eval().requires_grad_(False), shown, "mine", classes)


def distilling(settings: Distillation, teacher: Teacher | None = None, network: MasterNet | None = None) -> Distilling:
    return Distilling(network or student(), teacher or taught_by(), settings, SHOWN)


def batch(count: int = 6, seed: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 16, 16, generator=generator), torch.randint(0, 10, (count,), generator=generator)
