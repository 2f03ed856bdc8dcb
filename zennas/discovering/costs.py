"""What programs cost, for searches that also want them fast. This file does not import torch by itself.

An operation is timed once, on tensors of one size, and a program costs the sum over its different nodes. That is less
exact than timing each program, but the same for all that is compared, whatever else the machine does; and a search that
is continued reads the times that it began with.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path

from PlainNet.files import write_text
from zennas.discovering.errors import DiscoveryError
from zennas.discovering.files import ANEW, read_json
from ZeroShotProxy.programs.operations import OPERATIONS, apply
from ZeroShotProxy.programs.tree import Call, Tree, nodes

COSTS = "costs.json"
SHAPE = (1, 32, 16, 16)
"""Of the tensors, an activation in the middle of a network of NAS-Bench-201."""
_REPEATS = 21


def cost_of(tree: Tree, costs: Mapping[str, float]) -> float:
    """Return what a program costs on a unit, in microseconds: the sum over its different nodes."""
    return sum(costs[node.operation] for node in set(nodes(tree)) if isinstance(node, Call))


def stored_costs(folder: Path) -> dict[str, float]:
    """Return the costs of all operations in microseconds, which are measured and stored if the folder has none.

    Raises DiscoveryError if the file is damaged.
    """
    path = folder / COSTS
    if not path.exists():
        write_text(path, json.dumps(_measured(), indent=1) + "\n")
    found = read_json(path, ANEW)
    if set(found) != set(OPERATIONS) or not all(
        type(x) is float and x > 0 and math.isfinite(x) for x in found.values()
    ):
        raise DiscoveryError(f"{path} is damaged: expected a positive number for each of {len(OPERATIONS)} operations")
    return found


def _measured() -> dict[str, float]:
    """The median time of each operation."""
    import torch

    generator = torch.Generator().manual_seed(0)
    arguments = [torch.randn(SHAPE, generator=generator) for _ in range(2)]
    found = {}
    for name, operation in OPERATIONS.items():
        times = []
        for _ in range(_REPEATS):
            began = time.perf_counter()
            apply(name, arguments[: operation.arity])
            times.append(time.perf_counter() - began)
        found[name] = round(sorted(times)[_REPEATS // 2] * 1e6, 1)
    return found
