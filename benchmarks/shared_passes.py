"""zero-cost-nas's eight measures together, with shared passes, against eight separate measurements written plainly."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.common import print_machine
from PlainNet import build
from SearchSpace.nasbench201 import Cell201, network
from ZeroShotProxy import ScoreSettings, score
from ZeroShotProxy.engine.isolated import WithoutBatchNorm
from ZeroShotProxy.engine.measures import ZERO_COST_NAS

CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
BATCH = 64
ROUNDS = 9


def layers(net: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    return [module for module in net.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]


def backward(net: nn.Module, x: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return the weights of a fresh copy of the network, and their gradients."""
    net = copy.deepcopy(net).train()
    F.cross_entropy(net(x), y).backward()
    return [(m.weight.detach(), m.weight.grad) for m in layers(net) if m.weight.grad is not None]


def grad_norm(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return sum(float(g.norm()) for _, g in backward(net, x, y))


def snip(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return sum(float((w * g).abs().sum()) for w, g in backward(net, x, y))


def plain(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return sum(float((w * g).sum()) for w, g in backward(net, x, y))


def grasp(net: nn.Module, x: Tensor, y: Tensor) -> float:
    net = copy.deepcopy(net).train()
    weights = [m.weight for m in layers(net)]
    first = torch.autograd.grad(F.cross_entropy(net(x), y), weights)
    second = torch.autograd.grad(F.cross_entropy(net(x), y), weights, create_graph=True)
    products = torch.autograd.grad(sum((a * b).sum() for a, b in zip(first, second, strict=True)), weights)
    return sum(float((-w.detach() * p).sum()) for w, p in zip(weights, products, strict=True))


def fisher(net: nn.Module, x: Tensor, y: Tensor) -> float:
    net = copy.deepcopy(net).train()
    outputs: list[Tensor] = []
    for module in layers(net):
        module.register_forward_hook(lambda module, args, output: outputs.append(output))
    loss = F.cross_entropy(net(x), y)
    gradients = torch.autograd.grad(loss, outputs)
    total = 0.0
    for module, output, gradient in zip(layers(net), outputs, gradients, strict=True):
        product = output.detach() * gradient
        by_image = product.flatten(2).sum(2) if product.dim() > 2 else product
        total += float(by_image.square().mean(0).sum() / 2) * module.weight[0].numel()
    return total


def jacob_cov(net: nn.Module, x: Tensor, y: Tensor) -> float:
    x = x.clone().requires_grad_()
    net(x).backward(torch.ones(len(x), 10))
    assert x.grad is not None
    values = np.linalg.eigvalsh(np.corrcoef(x.grad.flatten(1).numpy())) + 1e-5
    return -float(np.sum(np.log(values) + 1 / values))


def synflow(net: nn.Module, x: Tensor, y: Tensor) -> float:
    net = copy.deepcopy(net).train().double()
    with torch.no_grad():
        for value in net.state_dict().values():
            value.abs_()
    with WithoutBatchNorm():
        net(torch.ones_like(x[:1], dtype=torch.float64)).sum().backward()
    return sum(float((m.weight.detach() * m.weight.grad).abs().sum()) for m in layers(net) if m.weight.grad is not None)


def l2_norm(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return sum(float(m.weight.detach().norm()) for m in layers(net))


PLAINLY: dict[str, Callable[[nn.Module, Tensor, Tensor], float]] = {
    f.__name__: f for f in (grad_norm, snip, grasp, fisher, jacob_cov, plain, synflow, l2_norm)
}


def seconds(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def main() -> None:
    print_machine()
    torch.manual_seed(0)
    net = build(network(Cell201.parse(CELL)))
    x, y = torch.randn(BATCH, 3, 32, 32), torch.randint(10, (BATCH,))
    settings = ScoreSettings(device="cpu")
    together = {name: found.value for name, found in score(net, (x, y), ZERO_COST_NAS, settings).items()}
    apart = {name: measure(net, x, y) for name, measure in PLAINLY.items()}
    worst = max(abs(together[name] / apart[name] - 1) for name in ZERO_COST_NAS)
    print(f"{CELL}, batch {BATCH}: the values agree to {worst:.1e}")
    times: dict[str, list[float]] = {"together": [], "apart": []}
    for _ in range(ROUNDS):
        times["together"].append(seconds(lambda: score(net, (x, y), ZERO_COST_NAS, settings)))
        times["apart"].append(seconds(lambda: [measure(net, x, y) for measure in PLAINLY.values()]))
    ratios = [a / b for a, b in zip(times["together"], times["apart"], strict=True)]
    middle = {name: statistics.median(values) for name, values in times.items()}
    print(
        f"eight measures, {ROUNDS} rounds in turn: separate passes {middle['apart']:.2f} s, "
        f"shared {middle['together']:.2f} s, "
        f"{statistics.median(ratios):.2f} of it ({min(ratios):.2f} to {max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
