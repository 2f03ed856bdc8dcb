"""All that is decided about a training, as it is stored beside the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from zennas.common.errors import WrongSettingError, ZennasError
from zennas.common.limits import check_kind, check_number, check_resolution, check_whole


class TrainingError(ZennasError, RuntimeError):
    """A training that cannot begin or cannot go on."""


class RecipeError(TrainingError, WrongSettingError):
    """A recipe that is none."""


CHOICES = {
    "optimizer": ("sgd", "adamw", "adam", "rmsprop", "adadelta"),
    "schedule": ("cosine", "linear", "step"),
    "init": ("torch", "custom", "msra", "xavier"),
    "precision": ("fp32", "bf16", "fp16"),
}


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    epochs, batch_size: images in a step, over all processes. lr, final_lr: learning rate for 256 images at its peak and
    at the end, scaled with the batch size. schedule: from one to the other as a cosine, a line, or in steps: times
    `decay` at each of the epochs `milestones`. warmup: epochs of linearly rising learning rate.
    weight_decay: not of norms and biases unless `decay_norms`. label_smoothing: share of the target that is spread over
    all classes.
    augment: shift or crop, and mirror, as is usual for the images; auto_augment: AutoAugment with the policy that is
    usual for them; erase: probability that a rectangle of an image is erased; mixup, cutmix: parameter of the beta
    distribution of the mixing weights, 0 for none; with both, one of them by chance for each batch.
    init: "custom" is Zen-NAS's; see `initialise.py`. bn_momentum, bn_eps: of all batch-norms, None for what they have.
    ema: decay per step of the moving average of the weights, which is then what is evaluated and kept; 0 for none.
    clip_norm: largest norm of the gradient; clip_value: largest value in it. accumulate: parts that a batch is run in.
    precision: of automatic mixed precision. compile: run torch.compile's network. sync_bn: batch-norm over the images
    of all processes. seed: of initialisation, order and augmentation.
    """

    epochs: int = 10
    batch_size: int = 64
    optimizer: str = "sgd"
    lr: float = 0.2
    final_lr: float = 0.0
    schedule: str = "cosine"
    warmup: float = 1.0
    milestones: tuple[int, ...] = ()
    decay: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    decay_norms: bool = True
    label_smoothing: float = 0.0
    augment: bool = True
    auto_augment: bool = False
    erase: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    init: str = "torch"
    bn_momentum: float | None = None
    bn_eps: float | None = None
    ema: float = 0.0
    clip_norm: float | None = None
    clip_value: float | None = None
    accumulate: int = 1
    precision: str = "fp32"
    compile: bool = False
    sync_bn: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in {"epochs": 1, "batch_size": 2, "accumulate": 1, "seed": 0}.items():
            check_whole(_flag(name), getattr(self, name), RecipeError, least=least)
        most = {"momentum": 1, "label_smoothing": 1, "erase": 1, "ema": 1, "decay": 1, "bn_momentum": 1, "bn_eps": 1}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "bool":
                check_kind(_flag(field.name), value, bool, RecipeError)
            elif "float" in str(field.type) and value is not None:
                check_number(_flag(field.name), value, RecipeError, most=most.get(field.name, math.inf))
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise RecipeError(f"{_flag(name)} is {getattr(self, name)!r}, expected {' or '.join(known)}")
        self._check_together()

    def _check_together(self) -> None:
        for name in ("bn_eps", "clip_norm", "clip_value"):
            if getattr(self, name) == 0:
                raise RecipeError(f"{_flag(name)} is 0, expected a number above 0, or none at all")
        if self.ema == 1:
            raise RecipeError("ema is 1, which keeps the initial weights: expected a number below 1, such as 0.999")
        if self.accumulate > self.batch_size // 2:
            raise RecipeError(
                f"accumulate is {self.accumulate}, expected at most {self.batch_size // 2}: parts of a batch of "
                f"{self.batch_size} need two images"
            )
        object.__setattr__(self, "milestones", tuple(self.milestones))  # JSON has lists
        for epoch in self.milestones:
            check_whole("milestones", epoch, RecipeError, most=self.epochs)
        if self.milestones and self.schedule != "step":
            raise RecipeError(f"milestones are for the schedule step, which is {self.schedule}")
        if self.schedule == "step" and not self.milestones:
            raise RecipeError("the schedule step needs milestones: epochs after which the learning rate falls")


def _flag(name: str) -> str:
    return name.replace("_", "-")


@dataclass(frozen=True)
class Distillation:
    """How a teacher takes part: loss = cross-entropy + logit_weight · KL at `temperature` + feature_weight · features.

    teacher: see `zennas/named/teachers.py`; resolution: its own, None for what is known of it. ratio: down-sampling of
    the first stage whose features are compared, then twice that and so on, None for logits only. proj_bn, proj_relu:
    whether the 1×1 projections from the student's stages to the teacher's are followed by batch-norm and by ReLU.
    clip: features of the teacher are clipped to ± that.
    """

    teacher: str
    checkpoint: str | None = None
    resolution: int | None = None
    logit_weight: float = 1.0
    feature_weight: float = 1.0
    temperature: float = 1.0
    ratio: int | None = None
    proj_bn: bool = True
    proj_relu: bool = True
    clip: float | None = None

    def __post_init__(self) -> None:
        for name in ("logit_weight", "feature_weight"):
            check_number(_flag(name), getattr(self, name), RecipeError)
        check_number("temperature", self.temperature, RecipeError, least=1e-3, most=1000)
        if self.clip is not None:
            check_number("feature-clip", self.clip, RecipeError, least=1e-3)
        if self.resolution is not None:
            check_resolution(self.resolution, RecipeError)
        if self.ratio is not None:
            check_whole("downsample-ratio", self.ratio, RecipeError)
