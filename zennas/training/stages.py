"""The features of the stages of any network, and its logits. Imports torch.

A stage ends where the feature maps become smaller. A MasterNet knows its stages; in other networks they are found by
running the network once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from PlainNet.masternet import MasterNet
from PlainNet.sizes import Sides, Size, sides, size_of

_Hook = Callable[[nn.Module, Any, Any], None]


class Staged:
    """A callable from images (n, C, H, W) to a list of stage features, each (n, c, h, w), and the logits.

    ratio: down-sampling of the first feature; the next ones are at twice that, four times that and so on, as far as the
    network goes. None gives no features. images: a batch with which the stages are found.

    A MasterNet provides its features itself (`extract_stage_features_and_logit`). In other networks, a feature is the
    last output at its down-sampling among the outermost modules with such an output; for ResNets these are the outputs
    of `layer1` to `layer4`, not those inside a block. Maps of 1×1 count as pooled and are ignored, and so are maps that
    do not have the shape of the images.
    """

    def __init__(self, network: nn.Module, ratio: int | None, images: Tensor) -> None:
        self._network, self._ratio = network, ratio
        self._size = size_of(*images.shape[-2:])
        self._found: dict[int, Tensor] = {}
        self._stages = 0
        if ratio is not None and not isinstance(network, MasterNet):
            for stage, name in enumerate(_outermost(network, ratio, images)):
                network.get_submodule(name).register_forward_hook(self._keeper(stage))
                self._stages += 1

    def __call__(self, images: Tensor) -> tuple[list[Tensor], Any]:
        if isinstance(self._network, MasterNet):
            return self._network.extract_stage_features_and_logit(images, self._ratio)
        answer = self._network(images)
        features = [self._found[stage] for stage in range(self._stages)]
        self._found.clear()
        return features, answer

    def _keeper(self, stage: int) -> _Hook:
        assert self._ratio is not None
        ratio = self._ratio

        def keep(module: nn.Module, given: Any, output: Any) -> None:
            if stage_of(output, self._size, ratio) == stage:
                self._found[stage] = output

        return keep


def stage_of(output: Any, size: Size, ratio: int) -> int | None:
    """Return the number of the stage that `output` belongs to, or None. size: that of the input images in pixels.

    Stage k has a down-sampling of about ratio · 2^k; networks without padding deviate slightly.
    """
    if not isinstance(output, Tensor) or output.dim() != 4 or min(output.shape[2:]) <= 1:
        return None
    if not isinstance(size, Sides) and output.shape[2] != output.shape[3]:
        return None
    down, along = (
        round(math.log2(before / (after * ratio))) for before, after in zip(sides(size), output.shape[2:], strict=True)
    )
    return down if down == along and down >= 0 else None


def _outermost(network: nn.Module, ratio: int, images: Tensor) -> list[str]:
    """Return the names of the modules whose outputs are the features, stage by stage."""
    seen: dict[int, tuple[int, str]] = {}

    def watch(name: str) -> _Hook:
        depth = name.count(".")

        def look(module: nn.Module, given: Any, output: Any) -> None:
            stage = stage_of(output, size_of(*images.shape[-2:]), ratio)
            if stage is not None and (stage not in seen or depth <= seen[stage][0]):
                seen[stage] = (depth, name)

        return look

    hooks: list[RemovableHandle] = []
    try:
        hooks += [module.register_forward_hook(watch(name)) for name, module in network.named_modules() if name]
        with torch.no_grad():
            network(images)
    finally:
        for hook in hooks:
            hook.remove()
    names: list[str] = []
    while len(names) in seen:
        names.append(seen[len(names)][1])
    return names
