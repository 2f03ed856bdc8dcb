"""`MasterNet`, the network of a structure: its blocks, global average pooling, and a linear layer. Imports torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from PlainNet.blocktype import Options
from PlainNet.grammar import PROBE_RESOLUTION
from PlainNet.ir import Structure
from PlainNet.lowering import lower
from PlainNet.modules import block_module
from PlainNet.ops import BN_EPS, FLAT, Linear


class MasterNet(nn.Module):
    """The network of a structure, from images (N, C, H, W) to logits (N, num_classes).

    structure: the `Structure` of the network. num_classes: the outputs of the classifier. options: see `Options`.
    bn_eps: the epsilon of all batch-norms.

    `blocks` has one module for each block, and `fc_linear` is the classifier. Raises StructureError if the structure is
    not a network.
    """

    def __init__(
        self, structure: Structure, num_classes: int, options: Options = Options(), bn_eps: float = BN_EPS
    ) -> None:
        super().__init__()
        # Modules work at any resolution. Lowering needs one, which should be divisible by all usual strides.
        graph = lower(structure, resolution=PROBE_RESOLUTION, num_classes=num_classes, options=options)
        self.structure = structure
        self.num_classes = num_classes
        self.options = options
        self.blocks = nn.ModuleList(block_module(graph, i, bn_eps) for i in range(len(structure)))
        head = graph.nodes[-1].op
        assert isinstance(head, Linear)
        self.fc_linear = nn.Linear(head.in_features, num_classes)
        self._flat = graph.shape_of(graph.block_outputs[-1]).size == FLAT

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of images (N, C, H, W)."""
        return self._classify(self.forward_pre_GAP(x))

    def forward_pre_GAP(self, x: Tensor) -> Tensor:
        """Return the features before global average pooling, (N, C', H', W'). The Zen-score is defined on them."""
        for block in self.blocks:
            x = block(x)
        return x

    def extract_stage_features_and_logit(
        self, x: Tensor, target_downsample_ratio: int | None = None
    ) -> tuple[list[Tensor], Tensor]:
        """Return feature maps for distillation, each (N, C', H', W'), and the logits (N, num_classes).

        The first feature map is the output of the first block that reduces the resolution by
        `target_downsample_ratio`, the next one of the first block that reduces it by twice as much, and so on. If the
        ratio is None, there are no feature maps.
        """
        features = []
        wanted = target_downsample_ratio
        image_size = x.shape[2]
        for block in self.blocks:
            x = block(x)
            if wanted is not None and x.dim() == 4 and round(image_size / x.shape[2]) == wanted:
                features.append(x)
                wanted *= 2
        return features, self._classify(x)

    def _classify(self, x: Tensor) -> Tensor:
        if not self._flat:
            x = torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)
        logits: Tensor = self.fc_linear(x)
        return logits

    def extra_repr(self) -> str:
        return f"structure={self.structure}"


def build(
    structure: Structure,
    *,
    num_classes: int = 10,
    use_se: bool = False,
    no_reslink: bool = False,
    bn_eps: float | None = None,
) -> MasterNet:
    """Return the network of `structure` with random weights (torch's default initialisation).

    num_classes: the outputs of the classifier.
    use_se: whether super-blocks have squeeze-and-excitation.
    no_reslink: whether to leave residual links and their projections out.
    bn_eps: the epsilon of all batch-norms, or None for `BN_EPS`, Zen-NAS's value.

    Raises StructureError if the structure is not a network.
    """
    return MasterNet(structure, num_classes, Options(use_se, no_reslink), BN_EPS if bn_eps is None else bn_eps)
