"""Files of weights of other programs, and damaged ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import torch

from benchmarks._hostile.cases import ODD, Case, mangled
from PlainNet import build, parse
from PlainNet.checkpoint import load_checkpoint

TEXT = "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,8,2,8,1)SuperConvK1BNRELU(8,16,1,1)"


def checkpoints(rng: Random, folder: Path) -> Iterator[Case]:
    torch.manual_seed(0)
    structure = parse(TEXT)
    state = OrderedDict(build(structure, num_classes=10).state_dict())
    for number in range(160):
        path = folder / f"weights{number}.pth"
        torch.save(_odd(state, rng), path)
        if rng.random() < 0.3:
            path.write_bytes(mangled(path.read_bytes(), rng))
        network = build(structure, num_classes=10)
        yield Case(f"weights {number}", lambda network=network, path=path: load_checkpoint(network, path))


def _odd(state: OrderedDict[str, Any], rng: Random) -> Any:
    names = sorted(state)
    name = rng.choice(names)
    value = state[name]
    prefix = rng.choice(("module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model.", "net.", "x."))
    return rng.choice(
        [
            {f"{prefix}{key}": one for key, one in state.items()},
            {rng.choice(("state_dict", "model", "model_state_dict", "net", "weights")): state, "epoch": 3},
            {key: one for key, one in state.items() if key != name},
            {**state, "more": value},
            {**state, name: value.double() if value.is_floating_point() else value},
            {**state, name: value.flatten()[:1].clone()},
            {**state, name: torch.full_like(value, 9).half() if value.is_floating_point() else value},
            {**state, name: rng.choice(ODD)},
            {**state, name: value.to_sparse() if value.dim() else value},
            {**state, name: torch.empty_like(value, device="meta")},
            list(state.values()),
            rng.choice(ODD),
            {1: value, None: value},
        ]
    )
