"""The network as stored by PyTorch's own formats. torch is imported when one is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latency.measuring.onnx_files import INPUT
from zennas.accuracy.comparison import FileAnswers
from zennas.exporting.base import ExportJob

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, fx


def folded_network(job: ExportJob) -> fx.GraphModule:
    """Return the network with batch-norm folded, its argument named like the input of the other formats."""
    from latency.measuring.folding import folded

    network = folded(job.subject.build())
    for node in network.graph.nodes:
        if node.op == "placeholder":
            node.name = node.target = INPUT
    network.recompile()
    return network


def example(job: ExportJob) -> Tensor:
    """Return a batch of two images, (2, 3, R, R); exporters would take a batch size of one for a constant."""
    import torch

    return torch.zeros(2, *job.subject.graph.input.dims)


def on_arrays(network: Callable[[Tensor], Tensor]) -> FileAnswers:
    import torch

    def answers(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            found: NDArray[np.float32] = network(torch.from_numpy(images)).numpy()
        return found

    return answers
