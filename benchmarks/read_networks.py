"""How many classifiers of torchvision and timm are read as op graphs, and whether their costs are what others count.

Of torchvision, parameters and GFLOPs are compared with those that it publishes with its weights. Of timm (networks of
less than 100M parameters), parameters are compared with the module's own, and FLOPs of the smallest network of each
family with fvcore's, which counts no convolutions with padding "same". Nothing is downloaded.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter, defaultdict
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from benchmarks.common import print_machine
from latency.base import LatencyError
from latency.measuring.weights import weight_count
from latency.reading.module import read_graph
from PlainNet.cost import op_cost
from PlainNet.ops import OpGraph

LARGEST = 100_000_000
ATTENTION = "transformers and networks with attention"


def main() -> None:
    print_machine()
    warnings.filterwarnings("ignore")
    of_torchvision()
    if find_spec("timm"):
        of_timm()
    else:
        print("timm is not installed")


def flops(graph: OpGraph) -> int:
    """Return the multiply–accumulates of a graph."""
    return sum(op_cost(node.op, node.shape).flops for node in graph.nodes)


def of_torchvision() -> None:
    """Print how many of torchvision's classifiers are read, with the published numbers."""
    from torchvision import models

    names = models.list_models(module=models)
    read: list[str] = []
    different: list[str] = []
    refused: list[str] = []
    for name in names:
        weights = next(iter(models.get_model_weights(name)))
        extra = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        # RegNets compute their widths with torch, which needs numbers.
        with torch.device("cpu" if name.startswith("regnet") else "meta"):
            module = models.get_model(name, weights=None, **extra)
        try:
            graph = read_graph(name, module, 3, weights.transforms().crop_size[0])
        except LatencyError as error:
            refused.append(str(error))
            continue
        read.append(name)
        params, giga = weight_count(graph), flops(graph) / 1e9
        published = weights.meta["num_params"], weights.meta["_ops"]
        if params != published[0] or abs(giga - published[1]) > 0.00051:  # they are rounded to three digits
            different.append(f"{name}: {params:,} and {giga:.3f}, published {published[0]:,} and {published[1]}")
    print(f"torchvision: {len(read)} of {len(names)} read, {len(read) - len(different)} with published numbers")
    for line in different:
        print(f"  {line}")
    print(f"  {len(refused)} refused, {sum(ATTENTION in line for line in refused)} of them for attention")


def of_timm() -> None:
    """Print how many of timm's small networks are read, and what the rest is refused for."""
    import timm

    began = time.perf_counter()
    counts: Counter[str] = Counter()
    families: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    others: Counter[str] = Counter()
    for name in timm.list_models():
        with torch.device("meta"):
            module = timm.create_model(name)
        own = sum(weights.numel() for weights in module.parameters())
        if own >= LARGEST:
            continue
        counts["all"] += 1
        channels, size, _ = module.pretrained_cfg.get("input_size", (3, 224, 224))
        try:
            graph = read_graph(name, module, channels, size)
        except LatencyError as error:
            counts["attention" if ATTENTION in str(error) else "others"] += 1
            if ATTENTION not in str(error):
                others[type(module).__module__.rpartition(".")[2]] += 1
            continue
        counts["read"] += 1
        counts["equal"] += weight_count(graph) == own
        families[type(module).__module__].append((flops(graph), name, size))
    print(
        f"timm {timm.__version__}, less than {LARGEST / 1e6:g}M parameters: {counts['read']} of {counts['all']} read, "
        f"{counts['equal']} with the parameters of the module, in {time.perf_counter() - began:.0f} s"
    )
    print(f"  {counts['attention']} refused for attention, {counts['others']} for others:")
    print("  " + ", ".join(f"{family} {number}" for family, number in others.most_common()))
    smallest = [min(found) for found in families.values()]
    different = [line for count, name, size in smallest for line in compared(timm, name, size, count)]
    print(f"  FLOPs of {len(smallest) - len(different)} of {len(smallest)} families' smallest equal fvcore's")
    for line in different:
        print(f"  {line}")


def compared(timm: Any, name: str, size: int, count: int) -> list[str]:
    """What differs between the FLOPs that were read and fvcore's: nothing, or a line."""
    from fvcore.nn import FlopCountAnalysis

    module: nn.Module = timm.create_model(name).eval()  # with numbers, because torch.jit traces no meta tensors
    try:
        found = FlopCountAnalysis(module, torch.zeros(1, 3, size, size)).unsupported_ops_warnings(False)
        operators = found.uncalled_modules_warnings(False).by_operator()
    except Exception as error:  # torch.jit does not take every network
        return [f"{name}: fvcore fails, {str(error).splitlines()[0][:80]}"]
    other = operators.get("conv", 0) + operators.get("linear", 0)
    return [] if count == other else [f"{name}: {count:,}, fvcore {other:,}"]


if __name__ == "__main__":
    main()
