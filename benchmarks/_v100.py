"""Shared code of the programs about NVIDIA's V100: public tables, Zen-NAS's published latencies, PyTorch's profile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import ZenNet
from latency.kernels import UNFUSED, WEIGHTED, Kernel
from latency.predicting.models import Learned, traffic
from latency.predicting.predictor import Predictor
from latency.predicting.profile import Profile
from PlainNet import Options, parse

Floats = NDArray[np.float64]
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BATCH = 64
BANDWIDTH = 900e6
"""Bytes per millisecond of a V100's HBM2, from NVIDIA's data sheet."""
PUBLISHED_MS = {
    "zennet_imagenet1k_flops400M_SE_res224": 0.25,
    "zennet_imagenet1k_flops600M_SE_res224": 0.36,
    "zennet_imagenet1k_flops900M_SE_res224": 0.55,
    "zennet_imagenet1k_latency01ms_res224": 0.1,
    "zennet_imagenet1k_latency02ms_res224": 0.2,
    "zennet_imagenet1k_latency03ms_res224": 0.3,
    "zennet_imagenet1k_latency05ms_res224": 0.5,
    "zennet_imagenet1k_latency08ms_res224": 0.8,
    "zennet_imagenet1k_latency12ms_res224": 1.2,
}
"""From Zen-NAS's README: ms per image on a V100, batch 64, FP16."""


def unfused(tensorrt: Profile) -> Profile:
    """Return a profile with TensorRT's convolutions and everything else unfused, at the memory's full bandwidth."""
    learned = tuple(model for model in tensorrt.models if isinstance(model, Learned))
    return replace(tensorrt, models=(*learned, traffic(BANDWIDTH, 0.0)), fusion=UNFUSED, batch=BATCH)


def network_kernels(name: str, profile: Profile) -> list[Kernel]:
    """Return the kernels that a published network runs."""
    info = ZenNet.model_info(name)
    predictor = Predictor(
        profile, resolution=224, num_classes=info["num_classes"], options=Options(info["use_se"]), batch_size=BATCH
    )
    return predictor.kernels(predictor.lowered(parse(info["structure"])))


def shares(profile: Profile) -> tuple[Floats, Floats]:
    """Return, per published network, ms per image of its kernels with weights and of the others at full bandwidth."""
    heavy, light = [], []
    for name in PUBLISHED_MS:
        kernels = network_kernels(name, profile)
        heavy.append(sum(profile.kernel_ms(k) for k in kernels if k.kind in WEIGHTED) / BATCH)
        light.append(sum(profile.kernel_ms(k) for k in kernels if k.kind not in WEIGHTED) / BATCH)
    return np.array(heavy), np.array(light)


def slowdown(heavy: Floats, light: Floats, ms: Floats) -> float:
    """Return the constant of the profile: how many times longer than at full bandwidth kernels without weights take.

    It fits `heavy` + constant × `light` to the published `ms` by least squares of the relative error.
    """
    part, rest = light / ms, 1 - heavy / ms
    return float(part @ rest / (part @ part))
