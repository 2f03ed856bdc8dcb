"""Zen-NAS's flags for a teacher, and the current names of its models."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser, Namespace

from zennas.common.errors import WrongSettingError
from zennas.legacy.arguments import ARCH
from zennas.legacy.derived import add_flags, taken
from zennas.training.recipe import Distillation

GEFFNET = "geffnet_"
"""Zen-NAS's prefix for models of gen-efficientnet-pytorch; timm has them now, some under other names."""
_RENAMED = {
    "mnasnet_a1": "semnasnet_100",
    "mnasnet_b1": "mnasnet_100",
    "tf_efficientnet_l2_ns_475": "tf_efficientnet_l2.ns_jft_in1k_475",
}
_ENDINGS = {"_ns": ".ns_jft_in1k", "_ap": ".ap_in1k"}
# Without an ending timm would take the noisy students; geffnet had AutoAugment's weights, RandAugment's for these.
_BARE = re.compile(r"tf_efficientnet_b[0-8]")
_RAND_AUGMENT = ("5", "7", "8")


TEACHING = {
    "--teacher_load_parameters_from --teacher-weights": "checkpoint",
    "--teacher_input_image_size --teacher-size": "resolution",
    "--teacher_feature_weight --feature-weight": "feature_weight",
    "--teacher_logit_weight --logit-weight": "logit_weight",
    "--target_downsample_ratio --downsample-ratio": "ratio",
    "--ts_clip": "clip",
}
"""Flags that set a field of `Distillation`."""


def add_teacher(made: ArgumentParser) -> None:
    """Add the teacher's flags, which `distillation` reads. Messages use the names with hyphens."""
    add = made.add_argument_group("teacher").add_argument
    add("--teacher_arch", help="timm:NAME, torchvision's NAME, geffnet_NAME, a training's folder, or a published name")
    add("--teacher_pretrained", action="store_true", help="use the teacher's published weights")
    add_flags(add, Distillation, TEACHING)
    add("--ts_proj_no_relu", action="store_true", help="no ReLU in the projections of features")
    add("--ts_proj_no_bn", action="store_true", help="no batch-norm in the projections of features")


def distillation(options: Namespace) -> Distillation:
    """Return the distillation settings. Raises WrongSettingError if no usable teacher is given, TrainingError if a
    value is out of range.
    """
    arch = options.teacher_arch
    if arch is None or arch == ARCH:
        raise WrongSettingError(
            "no teacher is given: set --teacher_arch to timm:NAME, a torchvision name, a training's folder or a "
            "published name"
        )
    if not (options.teacher_pretrained or options.teacher_load_parameters_from or os.path.isdir(arch)):
        raise WrongSettingError(
            f"--teacher_arch {arch} would have random weights: add --teacher_pretrained or "
            "--teacher_load_parameters_from FILE"
        )
    return Distillation(
        teacher_name(arch),
        **taken(options, TEACHING),
        proj_bn=not options.ts_proj_no_bn,
        proj_relu=not options.ts_proj_no_relu,
    )


def teacher_name(arch: str) -> str:
    """Return the name of Zen-NAS's --teacher_arch for `Distillation`; only names of geffnet and torchvision change."""
    if arch.startswith(GEFFNET):
        return f"timm:{_timm_name(arch.removeprefix(GEFFNET))}"
    if ":" in arch or os.path.isdir(arch):
        return arch
    from torchvision import models

    return f"torchvision:{arch}" if arch in models.list_models(module=models) else arch


def _timm_name(name: str) -> str:
    """timm's name of a geffnet model, with the weights that it had there."""
    if name in _RENAMED:
        return _RENAMED[name]
    for ending, tag in _ENDINGS.items():
        if name.startswith("tf_efficientnet_") and name.endswith(ending):
            return name.removesuffix(ending) + tag
    if _BARE.fullmatch(name):
        return f"{name}.{'ra' if name.endswith(_RAND_AUGMENT) else 'aa'}_in1k"
    return name
