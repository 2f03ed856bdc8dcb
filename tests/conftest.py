"""What tests share: reference values where they are, random structures, one thread for torch."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before torch is imported: as many processes as cores, each with a pool of threads, would wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from PlainNet import BlockSpec, Structure
from PlainNet.blocktype import BlockType

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"


@pytest.fixture
def reference() -> Path:
    """The folder of reference values; tests that want it are skipped where it is absent."""
    if not REFERENCE.is_dir():
        pytest.skip(f"no reference values: {REFERENCE} is not there")
    return REFERENCE


@pytest.fixture
def published(reference: Path) -> dict[str, str]:
    """The published structures by name."""
    lines = (reference / "structures.txt").read_text().splitlines()
    return dict(line.split("\t") for line in lines if not line.startswith("#"))


def load_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())  # type: ignore[no-any-return]


SMALL = (
    "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)SuperResK1K5K1(16,24,2,8,1)"
    "SuperResIDWE2K3(24,16,2,8,1)SuperConvK1BNRELU(16,32,1,1)"
)
"""A network with a block of each family, small enough to run in milliseconds."""


def random_block(kind: BlockType, rng: Random, in_channels: int, multiple: int = 8) -> BlockSpec:
    """A block of that kind with random arguments; containers hold a convolution, BN and a ReLU."""
    # Equal widths often: blocks may do something else there.
    width = in_channels if rng.random() < 0.3 else multiple * rng.randint(1, 6)
    values = {
        "in_channels": in_channels,
        "channels": in_channels,
        "out_channels": width,
        "bottleneck_channels": rng.choice([width, multiple * rng.randint(1, 6)]),
        "stride": rng.choice([1, 2]),
        "kernel_size": rng.choice([1, 3, 5]),
        "sub_layers": rng.randint(1, 3),
        "output_size": rng.randint(1, 3),
        "bias": rng.randint(0, 1),
        "width": multiple,
        "cells": rng.randint(1, 3),
        "matrix": rng.getrandbits(21) | 1 << 15,  # with the edge from the input to the output of an NB101Cell
    }
    if kind.inner == "none":
        given = [values.get(param.name, rng.randint(param.minimum, param.maximum)) for param in kind.params]
        return BlockSpec(kind.kind, tuple(given))
    stride = values["stride"]
    branch = (
        BlockSpec("ConvKX", (in_channels, width, 3, stride)),
        BlockSpec("BN", (width,)),
        BlockSpec("RELU", (width,)),
    )
    branches = (branch, branch) if kind.inner == "branches" else (branch,)
    args = kind.complete((), branches) if kind.complete else ()
    return BlockSpec(kind.kind, args, branches)


def network_around(block: BlockSpec, in_channels: int) -> Structure:
    """The block behind a stem that gives what it takes; flat blocks get their input flattened."""
    blocks = [BlockSpec("ConvKX", (3, in_channels, 3, 1))]
    if block.kind in ("Linear", "Flatten"):
        blocks.append(BlockSpec("AdaptiveAvgPool", (in_channels, 1)))
    if block.kind == "Linear":
        blocks.append(BlockSpec("Flatten", (in_channels,)))
    return Structure.of([*blocks, block])


def data_folder() -> Path:
    """The folder of measurements made by others; the calling test is skipped where it is absent."""
    folder = REFERENCE.parent / "data"
    if not folder.is_dir():
        pytest.skip(f"no data: {folder} is not there")
    return folder
