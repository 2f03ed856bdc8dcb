"""The classifier network of a structure: its blocks, global average pooling, a linear layer. Imports torch."""

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
    """A network for images of shape (N, C, H, W), giving logits (N, num_classes).

    Attributes: `structure`, `num_classes`, `options`; `blocks`, one module a block; `fc_linear`.
    """

    def __init__(
        self, structure: Structure, num_classes: int, options: Options = Options(), bn_eps: float = BN_EPS
    ) -> None:
        super().__init__()
        # Modules take any resolution; lowering wants one, that every usual total stride divides.
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
        return self._classify(self.forward_pre_GAP(x))

    def forward_pre_GAP(self, x: Tensor) -> Tensor:
        """The features before global average pooling, (N, C', H', W'). The Zen-score is defined on them."""
        for block in self.blocks:
            x = block(x)
        return x

    def extract_stage_features_and_logit(
        self, x: Tensor, target_downsample_ratio: int | None = None
    ) -> tuple[list[Tensor], Tensor]:
        """Features for distillation, and the logits.

        The first feature is the output of the first block whose down-sampling is
        `target_downsample_ratio`, the next one of the first block at twice that, and so on.
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
    """The network of `structure` with freshly initialised weights (torch's defaults). Raises StructureError.

    bn_eps: of all batch-norms, None for Zen-NAS's, `BN_EPS`.
    """
    return MasterNet(structure, num_classes, Options(use_se, no_reslink), BN_EPS if bn_eps is None else bn_eps)
