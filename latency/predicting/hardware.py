"""Devices as `features.Hardware`: peaks and tile sizes from data sheets, the basis of learned models. No torch."""

from __future__ import annotations

from latency.predicting.features import Hardware
from PlainNet.registry import UnknownNameError, nearest_names

_TENSOR_TILES = ((256, 128), (128, 128), (256, 64), (128, 64), (64, 64), (128, 32), (64, 128))
_CUDA_TILES = ((128, 128), (128, 64), (64, 128), (128, 32), (64, 64), (64, 32))
_VECTOR_TILES = ((1, 16), (6, 16), (6, 64), (14, 32), (28, 16))

# NVIDIA's data sheets: dense multiply–accumulates (half of the FLOPs), memory bandwidth, streaming multiprocessors.
V100 = {
    "fp32": Hardware(7.85e9, 7.85e9, 900e6, 4, 4, 80, _CUDA_TILES, 0.004),
    "fp16": Hardware(56e9, 7.85e9, 900e6, 2, 8, 80, _TENSOR_TILES, 0.004),
    "int8": Hardware(31e9, 7.85e9, 900e6, 1, 32, 80, _TENSOR_TILES, 0.004),
}
H200 = {
    "fp32": Hardware(33.5e9, 33.5e9, 4800e6, 4, 4, 132, _CUDA_TILES, 0.003),
    "fp16": Hardware(495e9, 33.5e9, 4800e6, 2, 8, 132, _TENSOR_TILES, 0.003),
    "bf16": Hardware(495e9, 33.5e9, 4800e6, 2, 8, 132, _TENSOR_TILES, 0.003),
    "int8": Hardware(990e9, 33.5e9, 4800e6, 1, 16, 132, _TENSOR_TILES, 0.003),
}
_BY_NAME = {
    f"{device}-{precision}": one for device, of in (("v100", V100), ("h200", H200)) for precision, one in of.items()
}


def processor(precision: str, threads: int = 1) -> Hardware:
    """A core of a server CPU with 512-bit vectors at about 3 GHz; a reasonable starting point for any other CPU."""
    width = {"int8": 1, "bf16": 2, "fp16": 2}.get(precision, 4)
    macs = 1e8 * threads * 4 / width
    return Hardware(macs, macs / 2, 15e6, width, 16, threads, _VECTOR_TILES, 0.002)


def named(name: str, precision: str, threads: int) -> Hardware:
    """Return the device `cpu`, `v100` or `h200`. Raises UnknownNameError for another name or precision."""
    if name == "cpu":
        return processor(precision, threads)
    try:
        return _BY_NAME[f"{name}-{precision}"]
    except KeyError:
        known = ["cpu", *_BY_NAME]
        near = nearest_names(f"{name}-{precision}", known) or known
        raise UnknownNameError(f"no data sheet of {name} in {precision}; known: {', '.join(near)}") from None
