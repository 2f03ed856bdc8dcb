"""SWAP: the number of different activation patterns of ReLUs over a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ZeroShotProxy.base import ProxyInfo, register_measure

if TYPE_CHECKING:
    from ZeroShotProxy.engine.probe import Probe


def swap(probe: Probe) -> float:
    """Return the number of different sample-wise activation patterns over all ReLU inputs of the network.

    The pattern of a ReLU input says for which images of the batch it is positive. Raises ProxyError if the network has
    no ReLU.
    """
    codes = probe.relu_codes
    # One row of bits per ReLU input, packed into bytes that are compared as a whole.
    rows = [np.ascontiguousarray(np.packbits(code.T.cpu().numpy(), axis=1)) for code in codes]
    patterns = np.concatenate([row.view(f"V{row.shape[1]}").ravel() for row in rows])
    return float(len(np.unique(_as_integers(patterns))))


def _as_integers(patterns: np.ndarray) -> np.ndarray:
    """The patterns as integers, which are fast to sort, if they fit into eight bytes."""
    if patterns.itemsize > 8:
        return patterns
    padded = np.zeros((len(patterns), 8), dtype=np.uint8)
    padded[:, : patterns.itemsize] = patterns.view(np.uint8).reshape(len(patterns), -1)
    return padded.view(np.uint64).ravel()


register_measure(
    ProxyInfo(
        "swap",
        "number of different activation patterns of ReLUs over the batch",
        source="Peng et al., SWAP-NAS, ICLR 2024",
        needs="batch",
        uses=("relu_codes",),
        plain="how many different patterns of switched ReLUs the images of a batch cause",
    ),
    swap,
)
