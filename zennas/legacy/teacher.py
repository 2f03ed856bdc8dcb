"""Zen-NAS's flags of a teacher, and what its names are called today."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from zennas.common.errors import WrongSettingError
from zennas.common.limits import MAX_RESOLUTION
from zennas.legacy.arguments import ARCH, count

if TYPE_CHECKING:
    from zennas.training.recipe import Distillation

GEFFNET = "geffnet_"
"""Zen-NAS's prefix for models of gen-efficientnet-pytorch; they live on in timm, some under other names."""
_RENAMED = {
    "mnasnet_a1": "semnasnet_100",
    "mnasnet_b1": "mnasnet_100",
    "tf_efficientnet_l2_ns_475": "tf_efficientnet_l2.ns_jft_in1k_475",
}
_ENDINGS = {"_ns": ".ns_jft_in1k", "_ap": ".ap_in1k"}
# Without an ending timm would take the noisy students; geffnet had AutoAugment's weights, RandAugment's for these.
_BARE = re.compile(r"tf_efficientnet_b[0-8]")
_RAND_AUGMENT = ("5", "7", "8")


def add_teacher(made: ArgumentParser) -> None:
    """The flags; `distillation` reads them. Names with hyphens are those that messages speak of."""
    add = made.add_argument_group("teacher").add_argument
    add("--teacher_arch", help="timm:NAME, torchvision's NAME, geffnet_NAME, a training's folder, or a published name")
    add("--teacher_pretrained", action="store_true", help="with the weights that it is known for")
    add("--teacher_load_parameters_from", "--teacher-weights", metavar="FILE", help="with these weights")
    add("--teacher_input_image_size", "--teacher-size", type=count(1, MAX_RESOLUTION), help="default: its own")
    add("--teacher_feature_weight", "--feature-weight", type=float, default=1.0)
    add("--teacher_logit_weight", "--logit-weight", type=float, default=1.0)
    add(
        "--target_downsample_ratio",
        "--downsample-ratio",
        type=count(),
        help="first stage whose features are compared, by its down-sampling; default: logits only",
    )
    add("--ts_proj_no_relu", action="store_true", help="no ReLU in the projections of features")
    add("--ts_proj_no_bn", action="store_true", help="no batch-norm in them")
    add("--ts_clip", type=float, help="clip the teacher's features to this, either way")


def distillation(options: Namespace) -> Distillation:
    """What the flags say. Raises WrongSettingError, TrainingError."""
    from zennas.training.recipe import Distillation

    arch = options.teacher_arch
    if arch is None or arch == ARCH:
        raise WrongSettingError("which teacher? --teacher_arch timm:NAME, torchvision's NAME, a folder or a name")
    if not (options.teacher_pretrained or options.teacher_load_parameters_from or os.path.isdir(arch)):
        raise WrongSettingError(
            f"--teacher_arch {arch} would have random weights: give --teacher_pretrained, or "
            "--teacher_load_parameters_from FILE"
        )
    return Distillation(
        teacher_name(arch),
        checkpoint=options.teacher_load_parameters_from,
        resolution=options.teacher_input_image_size,
        logit_weight=options.teacher_logit_weight,
        feature_weight=options.teacher_feature_weight,
        ratio=options.target_downsample_ratio,
        proj_bn=not options.ts_proj_no_bn,
        proj_relu=not options.ts_proj_no_relu,
        clip=options.ts_clip,
    )


def teacher_name(arch: str) -> str:
    """Zen-NAS's --teacher_arch as `Distillation` takes it; what is neither geffnet's nor torchvision's stays."""
    if arch.startswith(GEFFNET):
        return f"timm:{_timm_name(arch.removeprefix(GEFFNET))}"
    if ":" in arch or os.path.isdir(arch):
        return arch
    from torchvision import models

    return f"torchvision:{arch}" if arch in models.list_models(module=models) else arch


def _timm_name(name: str) -> str:
    """Today's name of a model of geffnet's, with the weights that it had there."""
    if name in _RENAMED:
        return _RENAMED[name]
    for ending, tag in _ENDINGS.items():
        if name.startswith("tf_efficientnet_") and name.endswith(ending):
            return name.removesuffix(ending) + tag
    if _BARE.fullmatch(name):
        return f"{name}.{'ra' if name.endswith(_RAND_AUGMENT) else 'aa'}_in1k"
    return name
