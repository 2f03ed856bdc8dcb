"""The settings of a training that decide its result; they are stored with the weights."""

from __future__ import annotations

from dataclasses import dataclass, field

from PlainNet.sizes import Size
from zennas.common.errors import WrongSettingError, ZennasError
from zennas.common.limits import MAX_BATCH, MAX_RESOLUTION, check_whole
from zennas.common.settings import Setting, check, setting

_LEARNING, _IMAGES, _TEACHER, _MACHINE = "Learning", "Images", "Teacher", "Machine and files"


class TrainingError(ZennasError, RuntimeError):
    """A training cannot start or cannot continue."""


class RecipeError(TrainingError, WrongSettingError):
    """A recipe has an invalid value or contradicts itself."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. The help text of each field describes it.

    The learning rate falls from `lr` to `final_lr` along a cosine or a line, or in steps: it is multiplied by `decay`
    after each epoch in `milestones`. If both mixup and cutmix are on, each batch uses one of them at random.
    bn_momentum, bn_eps: apply to all batch-norms; None keeps their values. With `ema`, the averaged weights are
    evaluated and stored; the decay of step n, from 0, is min(ema, (1 + n) / (10 + n)). With `minutes`, the learning
    rate follows the epochs or the time, whichever is further, and the last epoch can be a part of one.
    Raises RecipeError if a value is out of range or two values contradict each other.
    """

    epochs: int = setting(10, "Passes over the training images.", least=1, panel=_LEARNING)
    minutes: float | None = setting(
        None,
        "Most time for the training. If the epochs do not fit, there are fewer, and the learning rate falls faster.",
        above=0,
        shown="no limit",
        metavar="NUMBER",
        panel=_LEARNING,
    )
    batch_size: int = setting(64, "Images per step, over all processes.", least=2, most=MAX_BATCH, panel=_LEARNING)
    optimizer: str = setting(
        "sgd",
        "Optimiser that updates the weights.",
        choices=("sgd", "adamw", "adam", "rmsprop", "adadelta"),
        panel=_LEARNING,
    )
    lr: float = setting(
        0.2, "Peak learning rate per 256 images; it is scaled with the batch size.", least=0, most=1e6, panel=_LEARNING
    )
    final_lr: float = setting(0.0, "Learning rate per 256 images at the end.", least=0, most=1e6, panel=_LEARNING)
    schedule: str = setting(
        "cosine", "How the learning rate falls.", choices=("cosine", "linear", "step"), panel=_LEARNING
    )
    warmup: float = setting(1.0, "Epochs in which the learning rate rises to its peak.", least=0, panel=_LEARNING)
    milestones: tuple[int, ...] = setting(
        (), "Epochs after which the schedule step lowers the learning rate, such as 30,60.", least=1, panel=_LEARNING
    )
    decay: float = setting(
        0.1, "Factor by which the schedule step multiplies the learning rate.", least=0, most=1, panel=_LEARNING
    )
    momentum: float = setting(0.9, "Momentum of sgd and rmsprop.", least=0, most=1, panel=_LEARNING)
    nesterov: bool = setting(True, "Use Nesterov momentum in sgd.", panel=_LEARNING)
    weight_decay: float = setting(5e-4, "L2 penalty; decoupled in adamw.", least=0, panel=_LEARNING)
    decay_norms: bool = setting(True, "Apply weight decay to norms and biases too.", panel=_LEARNING)
    label_smoothing: float = setting(
        0.0, "Share of the target that is spread evenly over all classes.", least=0, most=1, panel=_LEARNING
    )
    augment: bool = setting(
        True, "Shift or crop training images, and mirror them if that keeps the class.", panel=_IMAGES
    )
    auto_augment: bool = setting(False, "Use AutoAugment with the usual policy for the images.", panel=_IMAGES)
    erase: float = setting(
        0.0, "Probability that a random rectangle of an image is erased.", least=0, most=1, panel=_IMAGES
    )
    cutout: int = setting(
        0,
        "Side of a square that is set to zero in each image, around a random position (DARTS on CIFAR: 16); 0 turns it "
        "off.",
        least=0,
        most=MAX_RESOLUTION,
        unit="pixels",
        panel=_IMAGES,
    )
    mixup: float = setting(0.0, "Parameter alpha of mixup; 0 turns it off.", least=0, panel=_IMAGES)
    cutmix: float = setting(0.0, "Parameter alpha of cutmix; 0 turns it off.", least=0, panel=_IMAGES)
    init: str = setting(
        "torch",
        "Rule for the initial weights (custom is Zen-NAS's).",
        choices=("torch", "custom", "msra", "xavier"),
        panel=_LEARNING,
    )
    bn_momentum: float | None = setting(
        None, "Momentum of batch-norm's running statistics.", least=0, most=1, shown="0.1", panel=_LEARNING
    )
    bn_eps: float | None = setting(None, "Epsilon of batch-norm.", above=0, most=1, shown="Zen-NAS's", panel=_LEARNING)
    ema: float = setting(
        0.0,
        "Decay per step of the moving average of the weights, less in the first steps; 0 turns it off.",
        least=0,
        most=1,
        panel=_LEARNING,
    )
    auxiliary: float = setting(
        0.0,
        "Weight of the loss of a second classifier at two thirds of the depth, which is not stored (DARTS: 0.4); 0 "
        "turns it off.",
        least=0,
        panel=_LEARNING,
    )
    drop_path: float = setting(
        0.0,
        "Probability at the end of training with which paths that join others are left out, rising linearly from 0 "
        "(DARTS: 0.2); 0 turns it off.",
        least=0,
        most=1,
        panel=_LEARNING,
    )
    quantise_aware: int = setting(
        0,
        "Last epochs in which weights and activations are rounded as in an INT8 file, which the network gets used to.",
        least=0,
        unit="epochs",
        panel=_LEARNING,
    )
    quantise_weights: str = setting(
        "per-channel",
        "Scales of weights in these epochs: one for each output channel, or one for all, as some compilers need.",
        choices=("per-channel", "per-tensor"),
        panel=_LEARNING,
    )
    clip_norm: float | None = setting(None, "Largest norm of the gradient.", above=0, shown="no limit", panel=_LEARNING)
    clip_value: float | None = setting(
        None, "Largest absolute value in the gradient.", above=0, shown="no limit", panel=_LEARNING
    )
    accumulate: int = setting(
        1, "Number of parts that each batch is split into, to save memory.", least=1, panel=_MACHINE
    )
    precision: str = setting(
        "auto",
        "Number format of automatic mixed precision; auto is bf16 on a CPU that multiplies in it, else fp32.",
        choices=("auto", "fp32", "bf16", "fp16"),
        panel=_MACHINE,
    )
    compile: bool = setting(False, "Use torch.compile.", panel=_MACHINE)
    sync_bn: bool = setting(False, "Share batch-norm statistics among all processes of torchrun.", panel=_MACHINE)
    seed: int = setting(0, "Seed of all randomness: initial weights, order, augmentation.", least=0, panel=_MACHINE)

    def __post_init__(self) -> None:
        check(self, RecipeError, flags=True)
        if self.ema == 1:
            raise RecipeError(
                "ema is 1, which would keep the initial weights: expected a number below 1, such as 0.999"
            )
        if self.drop_path == 1:
            raise RecipeError("drop_path is 1, which would leave out all paths: expected a number below 1, such as 0.2")
        if self.compile and (self.auxiliary or self.drop_path or self.quantise_aware):
            raise RecipeError(
                "compile does not work with auxiliary, drop_path or quantise_aware: leave out one of them"
            )
        check_whole("quantise_aware", self.quantise_aware, RecipeError, least=0, most=self.epochs, unit=" epochs")
        if not self.quantise_aware and self.quantise_weights != "per-channel":
            raise RecipeError(
                f"quantise_weights is {self.quantise_weights}, but no epochs are quantisation-aware: set "
                "quantise_aware, or leave it out"
            )
        if self.accumulate > self.batch_size // 2:
            raise RecipeError(
                f"accumulate is {self.accumulate}, expected at most {self.batch_size // 2}: each part of a batch of "
                f"{self.batch_size} needs at least two images"
            )
        for epoch in self.milestones:
            check_whole("milestones", epoch, RecipeError, most=self.epochs)
        if self.milestones and self.schedule != "step":
            raise RecipeError(
                f"milestones need the schedule step, but the schedule is {self.schedule}: change one of them"
            )
        if self.schedule == "step" and not self.milestones:
            raise RecipeError("the schedule step needs milestones: epochs after which the learning rate falls")


@dataclass(frozen=True)
class Distillation:
    """How a teacher is used: loss = cross-entropy + logit_weight · KL at `temperature` + feature_weight · features.

    teacher: a name as in `zennas/named/teachers.py`. ratio: down-sampling of the first stage whose features are
    compared; further stages follow at twice that, four times that and so on. proj_bn, proj_relu: layers in the 1×1
    projections from the student's stages to the teacher's. Raises RecipeError if a value is out of range.
    """

    teacher: str = field(
        metadata=Setting(
            "timm:NAME, torchvision:NAME, a training's folder, or a model of the zoo.", metavar="MODEL", panel=_TEACHER
        ).metadata
    )
    checkpoint: str | None = setting(
        None,
        "File with the teacher's weights; FILE#NAME for one of several in it.",
        flag="--teacher-weights",
        existing=True,
        panel=_TEACHER,
    )
    resolution: Size | None = setting(
        None,
        "Size of the teacher's input images, like 224 or 96x160.",
        least=1,
        most=MAX_RESOLUTION,
        unit="pixels",
        metavar="SIZE",
        flag="--teacher-size",
        shown="its own",
        panel=_TEACHER,
    )
    logit_weight: float = setting(1.0, "Weight of the loss on logits.", least=0, panel=_TEACHER)
    feature_weight: float = setting(1.0, "Weight of the loss on features.", least=0, panel=_TEACHER)
    temperature: float = setting(1.0, "Temperature that logits are divided by.", least=1e-3, most=1000, panel=_TEACHER)
    ratio: int | None = setting(
        None,
        "Down-sampling of the first stage whose features are compared.",
        least=1,
        flag="--downsample-ratio",
        shown="logits only",
        panel=_TEACHER,
    )
    proj_bn: bool = setting(True, "Batch-norm in the projections of features.", panel=_TEACHER)
    proj_relu: bool = setting(True, "ReLU in the projections of features.", panel=_TEACHER)
    clip: float | None = setting(
        None,
        "Clip the teacher's features to ± this.",
        least=1e-3,
        flag="--feature-clip",
        shown="no limit",
        panel=_TEACHER,
    )

    def __post_init__(self) -> None:
        check(self, RecipeError, flags=True)
