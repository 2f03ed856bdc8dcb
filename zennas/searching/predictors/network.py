"""The network that compares two graphs, and its loss over all ordered pairs of some graphs. Imports torch.

The last layer takes two embeddings, one behind the other, to two logits. It is linear, so the difference of the logits
is a number of the first embedding plus a number of the second one: graphs are embedded once for all pairs, and the
order of many graphs is that of one number of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zennas.searching.predictors.neighbourhoods import Rows


@dataclass(frozen=True)
class Sums:
    """One layer of `Rows` as tensors: row r is the sum of the rows `sources[starts[r] : starts[r + 1]]` before it."""

    sources: Tensor
    starts: Tensor


@dataclass(frozen=True)
class Inputs:
    """`Rows` as tensors."""

    features: Tensor
    layers: tuple[Sums, ...]
    graphs: Tensor

    @classmethod
    def of(cls, rows: Rows) -> Inputs:
        layers = []
        for layer in rows.layers:
            there = layer >= 0
            ends = there.sum(axis=1).cumsum()
            starts = np.concatenate([[0], ends[:-1]])
            layers.append(Sums(torch.from_numpy(layer[there]), torch.from_numpy(starts)))
        return cls(torch.from_numpy(rows.features), tuple(layers), torch.from_numpy(rows.graphs))


class BinaryRelation(nn.Module):
    """A graph network: each layer is a sum over neighbours, a linear map, LayerNorm, ReLU and dropout.

    Weights of the graph layers begin uniformly within 1/√width, as in the code of BRP-NAS.
    """

    def __init__(self, features: int, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.linears = nn.ModuleList(nn.Linear(features if i == 0 else width, width) for i in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.last = nn.Linear(2 * width, 2)
        self.width, self.dropout = width, dropout
        for linear in self.linears:
            for weight in linear.parameters():
                nn.init.uniform_(weight, -(width**-0.5), width**-0.5)

    def embed(self, inputs: Inputs) -> Tensor:
        """Return the embedding of each graph, (graphs, width)."""
        x = inputs.features
        for linear, norm, sums in zip(self.linears, self.norms, inputs.layers, strict=True):
            x = F.embedding_bag(sums.sources, x, sums.starts, mode="sum")
            x = F.dropout(F.relu(norm(linear(x))), self.dropout, self.training)
        return x[inputs.graphs]

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the log-probabilities that the first, and that the second is better, (pairs, 2), of embeddings."""
        return F.log_softmax(self.last(torch.cat([first, second], dim=1)), dim=1)

    def parts(self, embedded: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what a graph adds to the difference of the logits as the first and as the second of a pair, each
        (graphs,), and the constant.
        """
        difference = self.last.weight[0] - self.last.weight[1]
        first, second = embedded @ difference[: self.width], embedded @ difference[self.width :]
        return first, second, self.last.bias[0] - self.last.bias[1]

    def ranking(self, embedded: Tensor) -> Tensor:
        """Return a number for each graph: a graph with a larger number is predicted to be better, in either order."""
        first, second, _ = self.parts(embedded)
        return first - second


def pair_loss(network: BinaryRelation, embedded: Tensor, worth: Tensor) -> Tensor:
    """Return the mean Kullback–Leibler divergence over all ordered pairs of at least two graphs.

    The target of a pair is the softmax of its two worths. worth: normalised accuracies, (graphs,).
    """
    first, second, constant = network.parts(embedded)
    predicted = first[:, None] + second[None, :] + constant
    wanted = worth[:, None] - worth[None, :]
    probability = torch.sigmoid(wanted)
    divergence = probability * (F.logsigmoid(wanted) - F.logsigmoid(predicted))
    divergence = divergence + (1 - probability) * (F.logsigmoid(-wanted) - F.logsigmoid(-predicted))
    pairs = len(worth) * (len(worth) - 1)
    return (divergence.sum() - divergence.diagonal().sum()) / pairs
