"""Networks to time: a structure with seeded weights, or any module. torch is imported when one is built.

    subject = of_structure(PlainNet.parse(text), 32, 10)
    subject = of_module("resnet18", torchvision.models.resnet18(), (3, 224, 224))

An untrained network gets the batch-norm statistics of a seeded batch, so that its activations neither explode nor
vanish, not even in half precision, and so that errors in folding batch-norm show.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

from latency.base import LatencyError, Subject
from PlainNet.blocktype import Options
from PlainNet.grammar import parse
from PlainNet.ir import Structure
from PlainNet.lowering import lower
from PlainNet.ops import Add, BatchNorm, OpGraph, Shape
from PlainNet.sizes import SizeLike, area, checked_size, sides, size_of

if TYPE_CHECKING:
    from torch import nn


def of_structure(
    structure: Structure,
    resolution: SizeLike,
    num_classes: int,
    use_se: bool = False,
    name: str | None = None,
    seed: int = 0,
) -> Subject:
    """The classifier of `structure` for images of `resolution` pixels, with weights drawn with `seed`.

    Raises StructureError if the structure is not a network at that resolution.
    """
    graph = lower(structure, resolution=resolution, num_classes=num_classes, options=Options(use_se))

    def make() -> nn.Module:
        from PlainNet.masternet import build

        network = build(structure, num_classes=num_classes, use_se=use_se)
        _draw_calm_weights(network, graph, "blocks.")
        return network

    return Subject(name or _short(str(structure)), graph, _remembered(make, seed))


def of_module(name: str, module: nn.Module, input_shape: tuple[int, int, int]) -> Subject:
    """A convolutional module on images of `input_shape`, (C, H, W).

    The module is copied with its weights. Batch-norms that have not seen an image yet get the statistics of a seeded
    batch. Raises LatencyError if the module has operations that the op graph does not have.
    """
    from latency.reading.module import read_graph

    channels, height, width = input_shape
    graph = read_graph(name, module, channels, size_of(height, width))
    mine = copy.deepcopy(module).cpu().float()

    def make() -> nn.Module:
        fresh = copy.deepcopy(mine)
        _calibrate(fresh, graph.input, only_untouched=True)
        return fresh

    def make_calmer() -> nn.Module:
        fresh = copy.deepcopy(mine)
        _draw_calm_weights(fresh, graph)
        return fresh

    return Subject(name, graph, _remembered(make, seed=0), _remembered(make_calmer, seed=0))


def subject_of(
    target: Structure | str | nn.Module,
    *,
    resolution: SizeLike = 32,
    num_classes: int = 10,
    use_se: bool = False,
    name: str | None = None,
) -> Subject:
    """Return a subject for a structure, its text, or a module that takes RGB images.

    num_classes and use_se apply to structures; a module has its own classes. Raises StructureError (ParseError for text
    that cannot be parsed) and LatencyError.
    """
    if isinstance(target, str):
        target = parse(target)
    if isinstance(target, Structure):
        return of_structure(target, resolution, num_classes, use_se, name)
    size = checked_size(resolution, LatencyError, "the resolution")
    return of_module(name or type(target).__name__, target, (3, *sides(size)))


def _remembered(make: Callable[[], nn.Module], seed: int) -> Callable[[], nn.Module]:
    """Return a function that copies what `make` builds under `seed`. The global random generator is not changed."""
    made: list[nn.Module] = []

    def build() -> nn.Module:
        import torch

        with torch.inference_mode(False), torch.no_grad():  # callers may be in inference mode, but copies outlive it
            if not made:
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(seed)
                    made.append(make().eval().requires_grad_(False))
            return copy.deepcopy(made[0])

    return build


def _draw_calm_weights(network: nn.Module, graph: OpGraph, prefix: str = "") -> None:
    """Draw new weights that hardly amplify errors of rounding. prefix: of the graph's paths, in the module."""
    _draw_weights(network)
    _calm(network, graph, prefix)
    _calibrate(network, graph.input)


def _draw_weights(network: nn.Module) -> None:
    """Draw convolutions by He's rule (ICCV 2015), scale the classifier's outputs to unit size, vary batch-norms."""
    from torch import nn

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
        elif isinstance(module, nn.BatchNorm2d):
            if module.affine:
                nn.init.uniform_(module.weight, 0.8, 1.2)
                nn.init.uniform_(module.bias, -0.2, 0.2)
            continue
        else:
            continue
        if module.bias is not None:
            nn.init.uniform_(module.bias, -0.1, 0.1)


_BRANCH = 0.25
"""Size of a residual branch relative to its shortcut."""


def _calm(network: nn.Module, graph: OpGraph, prefix: str) -> None:
    """Make residual branches small, as training does: deep random networks are chaotic and amplify rounding errors."""
    from torch import nn

    for node in graph.nodes:
        if isinstance(node.op, Add):
            ends = [i - 1 for i in node.inputs if i and isinstance(graph.nodes[i - 1].op, BatchNorm)]
            if ends:  # residual blocks add the shortcut to the branch
                path = f"{prefix}{graph.nodes[ends[0]].path}"
                norm = network.get_submodule(path)
                if not isinstance(norm, nn.BatchNorm2d):  # a structure's block of a single operation
                    norm = norm.get_submodule("op")
                if norm.weight is not None:
                    norm.get_parameter("weight").data.mul_(_BRANCH)


_LEAST_VARIANCE = 0.1
"""The least variance of a channel, as a share of the layer's mean: a few positions may agree by chance, and the
channel would then be amplified."""


def _calibrate(network: nn.Module, image: Shape, only_untouched: bool = False) -> None:
    """Set running statistics to those of a batch of noise; `only_untouched` keeps those of a trained network.

    Channels of maps that are pooled to 1×1 are scaled by their size instead of their variance. Pooled noise is almost
    the same for all images, and dividing by such a small variance would amplify every other image.
    """
    import torch
    from torch import nn

    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d) and m.running_var is not None]
    trained = any(m.num_batches_tracked is None or int(m.num_batches_tracked) for m in norms)
    if not norms or (only_untouched and trained):
        return
    pooled: set[nn.Module] = set()
    network.eval()
    before = [module.momentum for module in norms]
    for module in norms:
        module.train()
        module.momentum = None  # the statistics of the one batch
        module.reset_running_stats()
    watches = [
        m.register_forward_pre_hook(lambda m, x: pooled.add(m) if x[0][0, 0].numel() == 1 else None) for m in norms
    ]
    network(torch.randn(8 if area(image.size) <= 64 * 64 else 4, *image.dims))
    for module, momentum, watch in zip(norms, before, watches, strict=True):
        watch.remove()
        module.momentum = momentum
        mean, variance = module.running_mean, module.running_var
        assert mean is not None
        assert variance is not None
        variance.clamp_(min=_LEAST_VARIANCE * float(variance.mean()))
        if module in pooled:
            variance += mean.square()


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"
