"""SWAP: how many different patterns ReLUs make over a batch of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ZeroShotProxy.base import ProxyInfo, register_measure

if TYPE_CHECKING:
    from ZeroShotProxy.engine.probe import Probe


def swap(probe: Probe) -> float:
    """Number of different sample-wise activation patterns: for which images of the batch a ReLU's input is positive,
    counted over all ReLU inputs of the network."""
    codes = probe.relu_codes
    # One row of bits a ReLU input, packed into bytes that are compared as one piece of memory.
    rows = [np.ascontiguousarray(np.packbits(code.T.cpu().numpy(), axis=1)) for code in codes]
    patterns = np.concatenate([row.view(f"V{row.shape[1]}").ravel() for row in rows])
    return float(len(np.unique(_as_integers(patterns))))


def _as_integers(patterns: np.ndarray) -> np.ndarray:
    """The same patterns in a type that sorts fast, where eight bytes hold them."""
    if patterns.itemsize > 8:
        return patterns
    padded = np.zeros((len(patterns), 8), dtype=np.uint8)
    padded[:, : patterns.itemsize] = patterns.view(np.uint8).reshape(len(patterns), -1)
    return padded.view(np.uint64).ravel()


register_measure(
    ProxyInfo(
        "swap",
        "number of different patterns that ReLUs make over the batch",
        source="Peng et al., SWAP-NAS, ICLR 2024",
        needs="batch",
        uses=("relu_codes",),
    ),
    swap,
)
