"""What the tests of LiteRT files share: models of one operator, and networks with noise to calibrate them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from latency.litert.model import Builtin, Fused, Model, Operator, Padding, Tensor, conv_options
from latency.litert.network import float_model
from latency.measuring.subject import of_structure
from PlainNet import Structure
from PlainNet.deployed.deploy import deploy

pytest.importorskip("ai_edge_litert", reason="needs pip install 'zennas[litert]'")


def network(structure: Structure, resolution: Any, seed: int = 0) -> tuple[Model, NDArray[Any], NDArray[Any]]:
    """The model of a structure with SE in float32, four images, and PyTorch's logits for these."""
    subject = of_structure(structure, resolution, 10, True, seed=seed)
    module = subject.build()
    shape = (4, *subject.graph.input.dims)
    images = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    with torch.no_grad():
        logits = module(torch.from_numpy(images)).numpy()
    return float_model(deploy(subject.graph), subject.graph, module), images, logits  # type: ignore[arg-type]


def convolution(fused: Fused = Fused.NONE, channels: int = 3) -> Model:
    """A 3×3 convolution with random weights on images of 6×5 pixels, in float32."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((4, 3, 3, channels), dtype=np.float32)
    bias = rng.standard_normal(4, dtype=np.float32)
    tensors = (
        Tensor("images", (1, 6, 5, channels)),
        Tensor("logits", (1, 6, 5, 4)),
        Tensor("w", weights.shape, "float32", weights),
        Tensor("b", bias.shape, "float32", bias),
    )
    options = conv_options(Padding.SAME, (1, 1), fused, (1, 1))
    return Model(tensors, (Operator(Builtin.CONV_2D, (0, 2, 3), (1,), options),), (0,), (1,), "one convolution")
