"""Distillation: a student learns from a teacher's logits and, through projections, from its stages' features.

loss = cross-entropy with the labels
     + logit_weight · T² · KL(softmax(teacher / T) ‖ softmax(student / T))     (Hinton et al. 2015, arXiv 1503.02531)
     + feature_weight · Σ over stages of smooth L1(projection(student's feature), teacher's feature)        (Zen-NAS)

At T = 1 the second has the gradient of Zen-NAS's cross-entropy with the teacher's probabilities. Imports torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from PlainNet.errors import reason
from PlainNet.masternet import MasterNet
from PlainNet.sizes import sides
from zennas.common.numbers import counted
from zennas.data.base import Shown
from zennas.named.teachers import Teacher, teacher_of
from zennas.training.objectives.base import OBJECTIVES, Losses, Objective
from zennas.training.recipe import Distillation, RecipeError, TrainingError
from zennas.training.stages import Staged

if TYPE_CHECKING:
    from zennas.training.job import TrainingJob

_GAIN = 1e-4
"""Initial gain of projections; their outputs are small, so that they disturb the student little while they learn."""
_BN_EPS = 1e-3


def distilling(network: MasterNet, job: TrainingJob, shown: Shown) -> Distilling:
    """Return the objective for a student `network`; its projections are drawn from torch's global generator.

    shown: how images are prepared for the student. Raises RecipeError if the job has no teacher, TrainingError if
    teacher and student do not fit together, and the errors of `teacher_of`.
    """
    settings = job.distillation
    if settings is None:
        raise RecipeError("the objective distillation needs a teacher: name one with --teacher")
    path = None if settings.checkpoint is None else Path(settings.checkpoint)
    with torch.random.fork_rng(devices=[]):  # creating the teacher must not affect the projections
        teacher = teacher_of(settings.teacher, path, settings.resolution, shown)
    return Distilling(network, teacher, settings, shown, job.recipe.label_smoothing)


class Distilling(Objective):
    """The loss of a student with a teacher.

    network: the student. projections: 1×1 projections of its stages, trained with it but not stored in the result.
    The teacher is not a submodule, so it is neither trained, stored nor synchronised among processes, but it moves with
    this module to devices and memory formats.
    """

    _scale: Tensor
    _shift: Tensor

    def __init__(
        self, network: MasterNet, teacher: Teacher, settings: Distillation, shown: Shown, label_smoothing: float = 0.0
    ) -> None:
        super().__init__()
        self.network = network
        self.projections = nn.ModuleList()
        self._teacher, self._settings, self._label_smoothing = teacher, settings, label_smoothing
        self._ratio = settings.ratio if settings.feature_weight else None
        if teacher.shown.channels != shown.channels:
            raise TrainingError(
                f"the teacher {teacher.name} takes images of {counted(teacher.shown.channels, 'channel')}, the student "
                f"of {shown.channels}: choose a teacher for the same images"
            )
        scale, shift = _conversion(shown, teacher.shown)
        self.register_buffer("_scale", scale, persistent=False)
        self.register_buffer("_shift", shift, persistent=False)
        if settings.logit_weight and teacher.num_classes != network.num_classes:
            raise TrainingError(
                f"the teacher {teacher.name} has {teacher.num_classes} classes, the student {network.num_classes}: "
                "choose a teacher with the same number, or learn from features alone with --logit-weight 0"
            )
        self._ask, theirs = _met(teacher, self._ratio)
        if self._ratio is not None:
            mine = _own_stages(network, self._ratio, shown)
            _check_stages(mine, theirs, teacher.name, self._ratio)
            self.projections.extend(_projection(*widths, settings) for widths in zip(mine, theirs, strict=True))

    @property
    def taught_classes(self) -> tuple[str, ...] | None:
        return self._teacher.classes if self._settings.logit_weight else None

    @property
    def fingerprint(self) -> str:
        """A hash of the teacher's weights."""
        found = sha256()
        for name, weights in self._teacher.module.state_dict().items():
            found.update(name.encode())
            found.update(weights.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return found.hexdigest()[:16]

    def forward(self, images: Tensor, targets: Tensor) -> Losses:
        features, logits = self.network.extract_stage_features_and_logit(images, self._ratio)
        total = F.cross_entropy(logits, targets, label_smoothing=self._label_smoothing)
        weight = self._settings.logit_weight
        if not weight and self._ratio is None:
            return Losses(total, logits)
        theirs, answers = self._taught(images)
        if weight:
            total = total + weight * divergence(logits, answers, self._settings.temperature)
        for projection, mine, wanted in zip(self.projections, features, theirs, strict=True):
            total = total + self._settings.feature_weight * distance(projection(mine), wanted, self._settings.clip)
        return Losses(total, logits)

    @torch.no_grad()
    def _taught(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        size = sides(self._teacher.shown.resolution)
        shown = images * self._scale + self._shift
        if tuple(shown.shape[2:]) != size:
            shown = F.interpolate(shown, size=size, mode="bilinear", align_corners=False)
        return self._ask(shown)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Distilling:
        """Called by `to`, `cuda` and similar methods; applies `fn` to the teacher too."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch gives it no types
        self._teacher.module._apply(fn, recurse)
        return self


def divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return T² · KL(softmax(teacher / T) ‖ softmax(student / T)) of logits (n, classes), averaged over images."""
    mine, theirs = (F.log_softmax(logits.float() / temperature, dim=1) for logits in (student, teacher))
    return F.kl_div(mine, theirs, reduction="batchmean", log_target=True) * temperature**2


def distance(student: Tensor, teacher: Tensor, clip: float | None = None) -> Tensor:
    """Return the smooth L1 loss between features (n, C, H, W).

    The teacher's features are clipped to ± `clip` and interpolated to the student's size.
    """
    wanted = teacher.float() if clip is None else teacher.float().clamp(-clip, clip)
    if wanted.shape[2:] != student.shape[2:]:
        wanted = F.interpolate(wanted, size=student.shape[2:], mode="bilinear", align_corners=False)
    return F.smooth_l1_loss(student.float(), wanted)


def _conversion(given: Shown, wanted: Shown) -> tuple[Tensor, Tensor]:
    """Scale and shift, (C, 1, 1) each, that convert images from the normalisation of `given` to that of `wanted`."""
    mean, std, its_mean, its_std = (
        torch.tensor(values, dtype=torch.float64).view(-1, 1, 1)
        for one in (given.normalisation, wanted.normalisation)
        for values in (one.mean, one.std)
    )
    return (std / its_std).float(), ((mean - its_mean) / its_std).float()


@torch.no_grad()
def _met(teacher: Teacher, ratio: int | None) -> tuple[Staged, list[int]]:
    """The teacher's stages and their channels, found by running it on one image. Raises TrainingError if it fails."""
    size = teacher.shown.resolution
    images = torch.zeros(1, teacher.shown.channels, *sides(size))
    try:
        ask = Staged(teacher.module, ratio, images)
        features, answers = ask(images)
    except Exception as error:  # the module may be anything
        raise TrainingError(
            f"the teacher {teacher.name} fails on images of {size} pixels: {reason(error)}; "
            "choose another --teacher-size"
        ) from None
    if not isinstance(answers, Tensor) or answers.shape != (1, teacher.num_classes):
        found = tuple(answers.shape) if isinstance(answers, Tensor) else type(answers).__name__
        raise TrainingError(
            f"the teacher {teacher.name} returns {found} for one image, expected logits of shape "
            f"(1, {teacher.num_classes})"
        )
    if not all(bool(torch.isfinite(x).all()) for x in (*features, answers)):
        raise TrainingError(f"the outputs of the teacher {teacher.name} are not finite: choose another")
    return ask, [feature.shape[1] for feature in features]


@torch.no_grad()
def _own_stages(network: MasterNet, ratio: int, shown: Shown) -> list[int]:
    """Channels of the student's stages."""
    training = network.training
    image = torch.zeros(1, shown.channels, *sides(shown.resolution))
    features, _ = network.eval().extract_stage_features_and_logit(image, ratio)
    network.train(training)
    return [feature.shape[1] for feature in features]


def _check_stages(mine: list[int], theirs: list[int], name: str, ratio: int) -> None:
    if not mine or len(mine) != len(theirs):
        raise TrainingError(
            f"from a down-sampling of {ratio} on, the student has {len(mine)} stages and the teacher {name} has "
            f"{len(theirs)}, expected equal numbers: choose another --downsample-ratio, or --feature-weight 0"
        )


def _projection(inputs: int, outputs: int, settings: Distillation) -> nn.Sequential:
    """A projection from the student's number of channels to the teacher's."""
    conv = nn.Conv2d(inputs, outputs, 1, bias=not settings.proj_bn)  # batch-norm would cancel a bias
    nn.init.normal_(conv.weight, std=_GAIN / math.sqrt(inputs))
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    layers: list[nn.Module] = [conv]
    layers += [nn.BatchNorm2d(outputs, eps=_BN_EPS)] if settings.proj_bn else []
    layers += [nn.ReLU()] if settings.proj_relu else []
    return nn.Sequential(*layers)


OBJECTIVES.add("distillation", distilling)
