"""Drop-path: during training, whole paths that join in a sum are left out at random, image by image. Imports torch.

The probability rises linearly with the epochs. What is dropped depends only on seed, epoch, step and image, so a
training that is resumed drops the same.

Sources: Larsson et al., FractalNet, ICLR 2017; Liu et al., DARTS, ICLR 2019 (the operations of cells, but no identity);
Huang et al., Deep Networks with Stochastic Depth, ECCV 2016 (residual branches, but no shortcut).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from PlainNet import ops
from PlainNet.masternet import MasterNet
from zennas.data.loading import generator
from zennas.training.distributed import Group
from zennas.training.insertion import graph_of, insert, places, within
from zennas.training.recipe import Recipe, TrainingError

SHORTCUTS = ("proj", "shortcut", "downsample")
"""Names of the projections of residual links, which are kept as identities are."""
_PURPOSE = 4
"""Of random keys, see `feed.py`."""


class Paths:
    """The random choices of a step, which all `DropPath` modules of a network share.

    probability: with which a path of an image is dropped.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.probability = 0.0
        self._draws = self._current = torch.zeros(0, count)
        self._used = 0

    def begin(self, recipe: Recipe, group: Group, epoch: int, step: int) -> None:
        """Draw for the images of a step; both count from 0. Every process draws for all images and takes its own."""
        self.probability = recipe.drop_path * epoch / recipe.epochs
        drawn = torch.rand(
            recipe.batch_size, self.count, generator=generator(recipe.seed, epoch, _PURPOSE, step), dtype=torch.float32
        )
        self._draws, self._used = drawn[group.rank :: group.world].to(group.device), 0

    def next(self, images: int) -> None:
        """Go on to the next part of the step's images."""
        self._current = self._draws[self._used : self._used + images]
        self._used += images

    def kept(self, path: int, images: int) -> Tensor:
        """Return whether a path of each image is kept, (images,)."""
        return self._current[:images, path] >= self.probability


class DropPath(nn.Module):
    """Sets the value of a path to zero for some images, and scales the others so that the expectation is the same."""

    def __init__(self, paths: Paths, path: int) -> None:
        super().__init__()
        self._paths, self._path = paths, path

    def forward(self, x: Tensor) -> Tensor:
        probability = self._paths.probability
        if not self.training or not probability:
            return x
        kept = self._paths.kept(self._path, len(x)).to(x.dtype) / (1 - probability)
        return x * kept.view(-1, 1, 1, 1)


def with_drop_path(network: MasterNet) -> Paths:
    """Put a `DropPath` behind each path of a network that joins others, and return what they share.

    Raises TrainingError if no paths join.
    """
    graph = graph_of(network)
    where = places(network, graph)
    found = [
        (number, value)
        for number, join in enumerate(graph.nodes, start=1)
        if isinstance(join.op, ops.Add)
        for value in join.inputs
        if value and not isinstance(graph.nodes[value - 1].op, ops.Zero)
        if within(graph.nodes[value - 1], join) not in (None, *SHORTCUTS)
    ]
    if not found:
        raise TrainingError(
            "drop-path leaves out paths that join others, such as residual branches, but the network is a single path: "
            "set drop-path to 0"
        )
    paths = Paths(len(found))
    for path, (number, value) in enumerate(found):
        insert(where[value], f"drop_path_{path}", DropPath(paths, path), where[number].node)
    # The first block and not the network, which does not run as a whole when its features are distilled.
    network.blocks[0].register_forward_pre_hook(lambda block, inputs: paths.next(len(inputs[0])))
    return paths
