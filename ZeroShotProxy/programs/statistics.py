"""The 22 statistics of a unit of a ReLU, a convolution and a batch-norm, figure 1 of the EZNAS paper as we read it.

                                                                  relu-conv-bn       conv-bn-relu
    pre_IMAGES       T1, the input of the ReLU                    (N, C, H, W)       (N, C', H', W')
    input_IMAGES     T2, the input of the convolution             (N, C, H, W)       (N, C, H, W)
    weight           T3, the weight of the convolution            (C', C, K, K)      (C', C, K, K)
    output_IMAGES    T4, what the unit makes: the output of the   batch-norm,        ReLU, (N, C', H', W')
                                                                  (N, C', H', W')
    grad_…_IMAGES    the gradient of the sum of all logits by these: grad_pre, grad_input, grad_weight, grad_output

Units of the first kind are those of EZNAS and of the published programs. Those of the second kind begin with a
convolution, which can be that of the image.
IMAGES is `data` for the batch, `noise` for images from N(0, 1), or `perturbed` for the batch plus noise of variance
0.01. As in the released code, perturbed statistics are differences to those of the batch, unless asked otherwise.

The gradient at the ReLU's input is that through this ReLU alone, even if the tensor has other uses, as in the released
code. This file does not import torch by itself.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ZeroShotProxy.programs.errors import ProgramError

if TYPE_CHECKING:
    from torch import Tensor

    from ZeroShotProxy.engine.probe import Probe
    from ZeroShotProxy.engine.units import Unit

Perturbed: TypeAlias = Literal["difference", "value"]
UnitKind: TypeAlias = Literal["relu-conv-bn", "conv-bn-relu"]
"""The operations of a unit, in their order."""
UNIT_KINDS: tuple[UnitKind, ...] = ("relu-conv-bn", "conv-bn-relu")
NO_UNITS: dict[UnitKind, str] = {
    "relu-conv-bn": "the network has no convolution between a ReLU and a batch-norm",
    "conv-bn-relu": "the network has no convolution with a batch-norm and a ReLU behind it",
}
"""Why a network has no statistics."""
IMAGES = ("data", "noise", "perturbed")
VARIANCE = 0.01
"""Of the noise in perturbed images."""


@dataclass(frozen=True)
class Statistic:
    """A statistic.

    name: in programs. of: the tensor, "pre", "input", "weight", "output", or "conv" for what the convolution makes.
    gradient: whether it is the gradient by it. images: one of `IMAGES`, or "" for the weight.
    """

    name: str
    of: str
    gradient: bool
    images: str


def _all() -> Iterable[Statistic]:
    for of in ("pre", "input", "output"):
        yield from (Statistic(f"{of}_{images}", of, False, images) for images in IMAGES)
    yield Statistic("weight", "weight", False, "")
    for of in ("pre", "input", "weight", "output"):
        yield from (Statistic(f"grad_{of}_{images}", of, True, images) for images in IMAGES)


STATISTICS = {statistic.name: statistic for statistic in _all()}
"""The statistics by name."""
AT_CONVOLUTIONS = {name: Statistic(name, "conv", True, images) for images in IMAGES for name in [f"grad_conv_{images}"]}
"""The gradients by what the convolution makes, which no program reads. Those by its weight follow from them."""
_COLLECTED = STATISTICS | AT_CONVOLUTIONS


def statistics_of_units(
    probe: Probe,
    names: Collection[str],
    perturbed: Perturbed = "difference",
    images: int | None = None,
    units: UnitKind = "relu-conv-bn",
) -> list[dict[str, Tensor]]:
    """Return statistics of all units of a network by name, unit by unit in running order.

    There is one forward pass for each kind of images that is needed, and a backward pass if gradients are; programs
    that score the same network share the results.

    names: keys of `STATISTICS` or `AT_CONVOLUTIONS`. perturbed: whether perturbed statistics are differences to those
    of the batch, or values. images: how many images of the batch to use, the first ones, or None for all. units: their
    kind.

    Raises ProgramError if the batch has too few images, the network has no units or others for other images, or
    gradients are zero everywhere.
    """
    if images is not None and len(probe.inputs) < images:
        raise ProgramError(f"the program looks at {images} images, but the batch has {len(probe.inputs)}")
    wanted = {name: _COLLECTED[name] for name in names}
    relative = {name for name, one in wanted.items() if one.images == "perturbed" and perturbed == "difference"}
    base = {name: f"{name.removesuffix('perturbed')}data" for name in relative}
    known = probe.shared(_known).setdefault((units, images or len(probe.inputs)), {})
    _complete(known, probe, {*wanted, *base.values()}, images, units)
    lengths = {len(known[name]) for name in {*wanted, *base.values()}}
    if len(lengths) > 1:
        raise ProgramError(f"the network has {' or '.join(map(str, sorted(lengths)))} units, depending on the images")
    return [
        {name: known[name][i] - known[base[name]][i] if name in base else known[name][i] for name in wanted}
        for i in range(lengths.pop())
    ]


def _known(probe: Probe) -> dict[tuple[UnitKind, int], dict[str, list[Tensor]]]:
    """What is known of a network: for kinds of units and numbers of images, the statistics of all units."""
    return {}


def _complete(
    known: dict[str, list[Tensor]], probe: Probe, names: Iterable[str], images: int | None, units: UnitKind
) -> None:
    """Add the statistics that are not known yet. The weight, which does not depend on images, joins a pass."""
    missing = [_COLLECTED[name] for name in sorted(names) if name not in known]
    kinds = [kind for kind in IMAGES if any(one.images == kind for one in missing)]
    if missing and not kinds:
        kinds = ["noise"]
    for number, kind in enumerate(kinds):
        of_this = [one for one in missing if one.images == kind or (not one.images and not number)]
        known |= _pass(probe, _images(probe, kind)[:images], of_this, units)


def _images(probe: Probe, kind: str) -> Tensor:
    """The images of a kind, (N, C, H, W). The noise of perturbed ones is drawn after that of `Probe.noise`."""
    import torch

    if kind == "data":
        return probe.inputs
    if kind == "noise":
        return probe.noise
    generator = torch.Generator().manual_seed(probe.seed)
    torch.randn(probe.inputs.shape, generator=generator)
    noise = torch.randn(probe.inputs.shape, generator=generator).to(probe.inputs)
    return probe.inputs + math.sqrt(VARIANCE) * noise


def _pass(probe: Probe, x: Tensor, wanted: list[Statistic], kind: UnitKind) -> dict[str, list[Tensor]]:
    """Run the network on images `x`, and return statistics by name, for all units."""
    import torch

    from ZeroShotProxy.engine.units import Units

    gradients = [one for one in wanted if one.gradient]
    if gradients and kind == "conv-bn-relu":  # whose first convolution reads the images
        x = x.clone().requires_grad_()
    with Units(keep=True, order=kind.split("-")) as units, torch.set_grad_enabled(bool(gradients)):
        total = probe.network(x).sum()
    found = units.found
    if not found:
        raise ProgramError(NO_UNITS[kind])
    values = {one.name: [_value(unit, one.of).detach() for unit in found] for one in wanted if not one.gradient}
    return values | (_gradients(total, found, gradients, kind) if gradients else {})


def _value(unit: Unit, of: str) -> Tensor:
    value = {"pre": unit.relu.copy, "input": unit.conv.copy, "weight": unit.weight, "output": unit.output}[of]
    assert value is not None  # the units keep everything
    return value


def _gradients(total: Tensor, units: list[Unit], wanted: list[Statistic], kind: UnitKind) -> dict[str, list[Tensor]]:
    """Gradients by name, for all units, from one backward pass. Raises ProgramError if one kind is zero everywhere."""
    import torch

    from ZeroShotProxy.engine.probe import or_zero

    # Tensors that do not depend on any weight, such as the ReLU of zeros, have gradient zero.
    places = {
        "input": [unit.conv.read for unit in units],
        "weight": [unit.weight for unit in units],
        "conv": [unit.conv.made for unit in units],
        "output": [unit.output for unit in units],
    }
    # The gradient at the ReLU's input follows from that at its output.
    rectified = "input" if kind == "relu-conv-bn" else "output"
    place_of = {one.name: rectified if one.of == "pre" else one.of for one in wanted}
    read = {of: [x for x in places[of] if x.requires_grad] for of in dict.fromkeys(place_of.values())}
    inputs = [x for tensors in read.values() for x in tensors]
    given = torch.autograd.grad(total, inputs, allow_unused=True) if inputs else ()
    by_place = {}
    rest = iter(or_zero(given, inputs))
    for of in read:
        by_place[of] = [next(rest) if x.requires_grad else torch.zeros_like(x) for x in places[of]]
    found = {}
    for one in wanted:
        gradients = by_place[place_of[one.name]]
        if one.of == "pre":
            gradients = [g * (x > 0) for g, x in zip(gradients, places[rectified], strict=True)]
        if not any(bool(g.any()) for g in gradients):
            raise ProgramError("the gradient of the logits is zero everywhere")
        found[one.name] = [g.detach() for g in gradients]
    return found
