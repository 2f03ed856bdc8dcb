"""Measuring networks on a batch with shared passes, and zero-cost-nas's `find_measures`. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from PlainNet import Options, Structure
from PlainNet.blocktype import in_channels
from PlainNet.device import device_of
from PlainNet.masternet import MasterNet
from PlainNet.sizes import sides
from ZeroShotProxy.base import (
    NO_SCORE_ALONE,
    PROXIES,
    Architecture,
    Batch,
    Measured,
    Proxy,
    ProxyError,
    ScoreSettings,
    Target,
    finite,
)
from ZeroShotProxy.engine.probe import LossFunction, Probe

T = TypeVar("T")

ZERO_COST_NAS = ("grad_norm", "snip", "grasp", "fisher", "jacob_cov", "plain", "synflow", "l2_norm")
"""The measures of zero-cost-nas (Abdelfattah et al., ICLR 2021)."""


def network_of(target: Target, settings: ScoreSettings) -> nn.Module:
    """Return `target` if it is a network; otherwise build it, with random weights from `settings.seed`."""
    if not isinstance(target, (Structure, Architecture)):
        return target
    with torch.random.fork_rng([]):
        torch.manual_seed(settings.seed)
        if isinstance(target, Architecture):
            return target.make()
        return MasterNet(target, settings.num_classes, Options(use_se=settings.use_se))


def noise(target: Structure | Architecture, settings: ScoreSettings) -> tuple[Tensor, Tensor]:
    """Return images (N, C, H, W) from N(0, 1) and random labels (N,), drawn with `settings.seed`."""
    generator = torch.Generator().manual_seed(settings.seed)
    count = settings.batch_size
    channels = target.channels if isinstance(target, Architecture) else in_channels(target.blocks[0])
    images = torch.randn(count, channels, *sides(settings.resolution), generator=generator)
    return images, torch.randint(settings.num_classes, (count,), generator=generator)


def measure(
    network: nn.Module,
    batch: Batch,
    proxies: Sequence[Proxy],
    settings: ScoreSettings,
    loss_fn: LossFunction = F.cross_entropy,
) -> dict[str, float]:
    """Return the score of a network by each proxy, keyed by name.

    batch: images (N, C, H, W), or images and labels (N,). loss_fn: a function of logits and labels. Raises ProxyError,
    with the name of the proxy, if one fails.
    """
    found = measure_arrays(network, batch, proxies, settings, loss_fn)
    return {name: finite(name, total(measured, name)) for name, measured in found.items()}


def measure_arrays(
    network: nn.Module,
    batch: Batch,
    proxies: Sequence[Proxy],
    settings: ScoreSettings,
    loss_fn: LossFunction = F.cross_entropy,
) -> dict[str, Measured]:
    """Return the results of the proxies before they are summed over layers, keyed by name.

    batch: images (N, C, H, W), or images and labels (N,). loss_fn: a function of logits and labels. Raises ProxyError,
    with the name of the proxy, if one fails.
    """
    device = device_of(settings.device)
    # Independent of the modes of the caller: gradients are needed, and the network keeps its precision.
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device.type, enabled=False):
        return _measured(network, *_on_device(batch, device), proxies, settings, loss_fn)


def _on_device(batch: Batch, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Images and labels (or None) on the device. Raises ProxyError if the batch is not valid."""
    parts: tuple[Any, ...] = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)
    kinds = [part is None or isinstance(part, Tensor) for part in parts]
    if len(parts) not in (1, 2) or not all(kinds) or parts[0] is None:
        given = ", ".join(type(part).__name__ for part in parts)
        raise ProxyError(f"the batch is {given}, expected a tensor of images (N, C, H, W), or images and labels (N,)")
    inputs, labels = parts[0], parts[1] if len(parts) == 2 else None
    if not len(inputs):
        raise ProxyError("the batch has no images")
    if labels is not None and labels.shape != inputs.shape[:1]:
        raise ProxyError(f"the batch has {len(inputs)} images, but labels of shape {tuple(labels.shape)}")
    inputs = inputs.clone() if inputs.is_inference() else inputs
    labels = labels.clone() if labels is not None and labels.is_inference() else labels
    return inputs.to(device), None if labels is None else labels.to(device)


def _measured(
    network: nn.Module,
    inputs: Tensor,
    labels: Tensor | None,
    proxies: Sequence[Proxy],
    settings: ScoreSettings,
    loss_fn: LossFunction,
) -> dict[str, Measured]:
    found: dict[str, Measured] = {}
    rules = {proxy.info.name: proxy.info.weights(settings.initialisation) for proxy in proxies}
    for rule in dict.fromkeys(rules.values()):
        group = [proxy for proxy in proxies if rules[proxy.info.name] == rule]
        uses = {use for proxy in group for use in proxy.info.uses}
        make = partial(Probe, uses=uses, loss_fn=loss_fn, seed=settings.seed, initialisation=rule)
        probe = _naming(group[0], partial(make, network, inputs, labels))
        for proxy in group:
            found[proxy.info.name] = _naming(proxy, partial(_call, proxy, probe))
    return {proxy.info.name: found[proxy.info.name] for proxy in proxies}


def _naming(proxy: Proxy, function: Callable[[], T]) -> T:
    """Call `function` and add the name of the proxy to its errors."""
    try:
        return function()
    except (RuntimeError, ValueError) as error:
        raise ProxyError(f"proxy {proxy.info.name} fails: {error}") from error
    except Exception as error:  # a network is foreign code and may raise anything
        raise ProxyError(f"proxy {proxy.info.name} fails: {type(error).__name__}: {error}") from error


def _call(proxy: Proxy, probe: Probe) -> Measured:
    if proxy.ranking is not None:
        raise ProxyError(f"it {NO_SCORE_ALONE}")
    if proxy.measure is None:
        raise ProxyError("it scores only structures and MasterNets")
    if proxy.info.needs in ("batch", "labels"):
        _refuse_equal(probe.inputs)
    return proxy.measure(probe)


def _refuse_equal(images: Tensor) -> None:
    """Raise ProxyError if several images are all equal: batch-norms then divide by almost nothing."""
    if len(images) > 1 and bool((images == images[:1]).all()):
        raise ProxyError(f"all {len(images)} images of the batch are equal, expected different ones")


def total(measured: Measured, name: str) -> float:
    """Return a number unchanged, and the sum over all layers for a list of tensors.

    name: the proxy, for messages. Raises ProxyError for no layers, and for anything else.
    """
    if isinstance(measured, list):
        if not measured:
            raise ProxyError(f"proxy {name} fails: the measure has no layers to sum")
        return float(torch.stack([part.sum() for part in measured]).sum())
    try:
        return float(measured)
    except (TypeError, ValueError):  # a proxy can come from anybody
        raise ProxyError(f"proxy {name} returns {measured!r:.80}, expected a number or a list of tensors") from None


def find_measures(
    net_orig: nn.Module,
    dataloader: Iterable[Sequence[Tensor]],
    dataload_info: tuple[str, int, int],
    device: torch.device | str,
    loss_fn: LossFunction = F.cross_entropy,
    measure_names: Sequence[str] | None = None,
    measures_arr: Mapping[str, Measured] | None = None,
) -> dict[str, float]:
    """Return the scores of any network by several measures, with the arguments and meaning of zero-cost-nas.

    net_orig: the network, which is not changed. Random generators are not changed either.
    dataloader: an iterable of batches (images, labels).
    dataload_info: ("random", number of batches, number of classes) for the first batches of the loader, or ("grasp",
        images per class, number of classes) for a balanced batch.
    device: the device to run on.
    loss_fn: a function of logits and labels.
    measure_names: proxies that measure networks, or None for the eight of zero-cost-nas.
    measures_arr: a result of `find_measures_arrays`, which is then only summed.

    The result is keyed by the given names. Raises ProxyError, with the name of the measure, if one fails, and
    UnknownNameError if a name is unknown.
    """
    if measures_arr is None:
        measures_arr = find_measures_arrays(net_orig, dataloader, dataload_info, device, loss_fn, measure_names)
    return {name: finite(name, total(measured, name)) for name, measured in measures_arr.items()}


def find_measures_arrays(
    net_orig: nn.Module,
    dataloader: Iterable[Sequence[Tensor]],
    dataload_info: tuple[str, int, int],
    device: torch.device | str,
    loss_fn: LossFunction = F.cross_entropy,
    measure_names: Sequence[str] | None = None,
) -> dict[str, Measured]:
    """Return the results of several measures before they are summed over layers, keyed by the given names.

    A result is a list with a tensor for each layer, or a number if the measure has no layers. The arguments and errors
    are those of `find_measures`.
    """
    names = list(ZERO_COST_NAS if measure_names is None else measure_names)
    proxies = {name: PROXIES.get(name) for name in names}
    how, count, classes = _checked_info(dataload_info)
    batch = _first(dataloader, count) if how == "random" else _balanced(dataloader, count, classes)
    settings = ScoreSettings(device=str(device), num_classes=classes)
    unique = list({proxy.info.name: proxy for proxy in proxies.values()}.values())
    found = measure_arrays(net_orig, batch, unique, settings, loss_fn)
    return {name: found[proxy.info.name] for name, proxy in proxies.items()}


def _checked_info(info: Any) -> tuple[str, int, int]:
    """Return the three values of `dataload_info`. Raises ProxyError if it is not valid."""
    match info:
        case ("random" | "grasp" as how, int(count), int(classes)):
            return how, count, classes
    raise ProxyError(f"dataload_info is {info!r}, expected ('random' or 'grasp', a number, the number of classes)")


def _pair(batch: Any) -> tuple[Tensor, Tensor]:
    """The images and labels of a batch of the data loader."""
    if isinstance(batch, (tuple, list)) and len(batch) > 1 and all(isinstance(part, Tensor) for part in batch[:2]):
        return batch[0], batch[1]
    raise ProxyError(f"the data loader returns a {type(batch).__name__}, expected images and labels as tensors")


def _first(dataloader: Iterable[Sequence[Tensor]], batches: int) -> tuple[Tensor, Tensor]:
    taken: list[tuple[Tensor, Tensor]] = []
    if batches > 0:
        for batch in dataloader:
            taken.append(_pair(batch))
            if len(taken) == batches:
                break
    if not taken or len(taken) < batches:
        raise ProxyError(f"the data loader has {len(taken)} batches, expected {batches}")
    return torch.cat([batch[0] for batch in taken]), torch.cat([batch[1] for batch in taken])


def _balanced(dataloader: Iterable[Sequence[Tensor]], images: int, classes: int) -> tuple[Tensor, Tensor]:
    """The first `images` images of each class, classes in order."""
    taken: dict[int, list[Tensor]] = {label: [] for label in range(classes)}
    for inputs, labels in map(_pair, dataloader):
        for image, label in zip(inputs, labels.tolist(), strict=True):
            if len(taken.get(label, ())) < images and label in taken:
                taken[label].append(image)
        if all(len(found) == images for found in taken.values()):
            break
    missing = [label for label, found in taken.items() if len(found) < images]
    if missing or not classes or not images:
        raise ProxyError(f"the data loader has fewer than {images} images of classes {missing[:5]}")
    labels = torch.arange(classes).repeat_interleave(images)
    return torch.stack([image for found in taken.values() for image in found]), labels
