"""The layout of Zen-NAS's checkpoints, from a structure's text: implemented independently of PlainNet.

Zen-NAS numbers everything in a block's list of modules, ReLUs among them, and calls modules with weights `netblock`.
`tests/test_zennet.py` compares it with the two layouts that Zen-NAS itself produced.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import ZenNet

Row = tuple[str, tuple[int, ...]]
"""A tensor's name and shape."""

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"
"""Folder of the layouts and logits that Zen-NAS produced, as far as they are available."""
_BLOCK = re.compile(r"(Super[A-Za-z0-9]+)\(([0-9,]+)\)")


def layout(structure: str, num_classes: int, use_se: bool) -> list[Row]:
    """Names and shapes of the tensors of a published network's checkpoint, in order."""
    rows: list[Row] = []
    channels = 3
    for i, (kind, text) in enumerate(_BLOCK.findall(structure)):
        args = [int(number) for number in text.split(",")]
        rows += _super_block(f"module_list.{i}", kind, args, use_se)
        channels = args[1]
    return [
        *rows,
        ("fc_linear.netblock.weight", (num_classes, channels)),
        ("fc_linear.netblock.bias", (num_classes,)),
    ]


def _super_block(place: str, kind: str, args: list[int], use_se: bool) -> Iterator[Row]:
    inside, outside, _, *rest = args
    if plain := re.fullmatch(r"SuperConvK(\d)BNRELU", kind):
        for i in range(rest[0]):
            yield from _conv_bn(f"{place}.module_list", 3 * i, outside, inside if i == 0 else outside, int(plain[1]))
        return
    narrow, sub_layers = rest
    unit = 0
    for _ in range(sub_layers):
        for taken, made, middle, kernels in _units(kind, inside, outside, narrow):
            yield from _unit(f"{place}.module_list.{2 * unit}", taken, made, middle, kernels, use_se, unit == 0)
            inside, unit = made, unit + 1


def _units(kind: str, inside: int, outside: int, narrow: int) -> list[tuple[int, int, int, str]]:
    """The residual units of a sub-layer: channels in and out, those in the middle, and the convolutions.

    Convolutions are kernel sizes, d for depthwise.
    """
    if inverted := re.fullmatch(r"SuperResIDWE(\d)K(\d)", kind):
        expansion, kernels = int(inverted[1]), f"1 {inverted[2]}d 1"
        wide = [max(8, round(expansion * c / 8) * 8) for c in (narrow, outside)]
        return [(inside, narrow, wide[0], kernels), (narrow, outside, wide[1], kernels)]
    if bottleneck := re.fullmatch(r"SuperResK1K(\d)K1", kind):
        kernels = f"1 {bottleneck[1]} 1"
        return [(inside, outside, narrow, kernels), (outside, outside, narrow, kernels)]
    two = re.fullmatch(r"SuperResK(\d)K(\d)", kind)
    assert two is not None, kind
    return [(inside, outside, narrow, f"{two[1]} {two[2]}")]


def _unit(place: str, inside: int, outside: int, middle: int, kernels: str, use_se: bool, first: bool) -> Iterator[Row]:
    sizes = kernels.split()
    index = 0
    for i, size in enumerate(sizes):
        last = i == len(sizes) - 1
        if last and use_se:
            yield from _squeeze(f"{place}.module_list.{index}.netblock", middle)
            index += 1
        taken = 1 if size.endswith("d") else inside if i == 0 else middle
        made = outside if last else middle
        yield from _conv_bn(f"{place}.module_list", index, made, taken, int(size[0]))
        index += 3  # convolution, batch-norm, ReLU
    if first or inside != outside:
        yield f"{place}.proj.0.weight", (outside, inside, 1, 1)
        yield f"{place}.proj.0.bias", (outside,)
        yield from _batch_norm(f"{place}.proj.1", outside)


def _squeeze(place: str, channels: int) -> Iterator[Row]:
    less = max(1, channels // 4)
    yield f"{place}.1.weight", (less, channels, 1, 1)
    yield from _batch_norm(f"{place}.2", less)
    yield f"{place}.4.weight", (channels, less, 1, 1)
    yield from _batch_norm(f"{place}.5", channels)


def _conv_bn(place: str, index: int, outside: int, inside: int, kernel: int) -> Iterator[Row]:
    yield f"{place}.{index}.netblock.weight", (outside, inside, kernel, kernel)
    yield from _batch_norm(f"{place}.{index + 1}.netblock", outside)


def _batch_norm(place: str, channels: int) -> Iterator[Row]:
    for name in ("weight", "bias", "running_mean", "running_var"):
        yield f"{place}.{name}", (channels,)
    yield f"{place}.num_batches_tracked", ()


def marked_state(rows: Sequence[Row]) -> dict[str, Tensor]:
    """Return a checkpoint that takes almost no space: every element of its i-th tensor is i."""
    return {
        name: torch.tensor(i, dtype=torch.int64 if name.endswith("tracked") else torch.float32).expand(shape)
        for i, (name, shape) in enumerate(rows)
    }


def marks_arrived(network: torch.nn.Module) -> bool:
    """Whether the network has the i-th tensor of a marked checkpoint as its own i-th."""
    return all(bool((tensor == i).all()) for i, tensor in enumerate(network.state_dict().values()))


def reference_state(keys: Sequence[tuple[str, list[int], str]]) -> dict[str, Tensor]:
    """Return the weights with which the reference logits were computed: the i-th tensor is drawn from PCG64(i)."""
    return {key: torch.from_numpy(_drawn(i, key, shape).astype(dtype)) for i, (key, shape, dtype) in enumerate(keys)}


def _drawn(index: int, key: str, shape: list[int]) -> Any:
    rng = np.random.Generator(np.random.PCG64(index))
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape)
    if key.endswith("running_var"):
        return rng.uniform(0.5, 1.5, shape)
    if len(shape) > 1:
        return rng.standard_normal(shape) * math.sqrt(1 / np.prod(shape[1:]))
    return 0.1 * rng.standard_normal(shape) + (1.0 if key.endswith("weight") else 0.0)


def reference_images(side: int) -> Tensor:
    """Return the two images of the reference logits, (2, 3, side, side)."""
    rng = np.random.Generator(np.random.PCG64(12345))
    return torch.from_numpy(rng.standard_normal((2, 3, side, side)).astype(np.float32))


def reference_logits(name: str, folder: Path) -> tuple[Tensor, dict[str, Any]] | None:
    """Logits (2, classes) of a published network with the weights of its reference, and the reference.

    None if it has no reference. folder: for the temporary checkpoint.
    """
    path = REFERENCE / f"{name}.json"
    if not path.is_file():
        return None
    facts = json.loads(path.read_text())
    torch.save({"state_dict": reference_state(facts["keys"])}, folder / "reference.pth")
    network = ZenNet.get_ZenNet(name, checkpoint=folder / "reference.pth").eval()
    with torch.no_grad():
        return network(reference_images(facts["resolution"])), facts
