"""One network and one batch, as proxies look at them: passes that several proxies need are run once. Imports torch.

A proxy says in `ProxyInfo.uses` which of `Passes` it reads; a `Probe` is told the uses of all proxies that
will be asked, runs one forward pass with everything recorded, and the backward passes behind it. Where memory
runs out the batch is split and the pieces are added up; batch-norms then see pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ZeroShotProxy.base import Use
from ZeroShotProxy.engine.isolated import Isolated, Output, ProbeError, ReluCodes

T = TypeVar("T")
LossFunction: TypeAlias = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Passes:
    """What the passes over a batch gave; entries nobody uses are empty. Lists go with `Probe.weights`.

    gradients: of the loss by each weight. fisher: for each layer, by output channel (C,), half the mean over
    images of the squared sum over positions of activation × gradient. hessian_gradient: the Hessian of the loss
    times its gradient. jacobian: of the summed logits by the input, (N, C, H, W). relu_codes: which inputs of
    each ReLU are positive, (N, features) each, in order.
    """

    gradients: list[Tensor]
    fisher: list[Tensor]
    hessian_gradient: list[Tensor]
    jacobian: Tensor
    relu_codes: list[Tensor]


class Probe:
    """A network and a batch: inputs (N, C, H, W), labels (N,) in int64 or None, a loss of (logits, labels).

    It runs on the device of the inputs. uses: what will be read of `passes`. seed: of dropout, of weights drawn
    by a rule (see `Isolated`) and of whatever else a proxy draws.
    """

    def __init__(
        self,
        network: nn.Module,
        inputs: Tensor,
        labels: Tensor | None,
        *,
        uses: Collection[Use] = (),
        loss_fn: LossFunction = F.cross_entropy,
        seed: int = 0,
        initialisation: str = "own",
    ) -> None:
        self.network = Isolated(network, inputs.device, seed=seed, initialisation=initialisation)
        self.inputs = inputs.detach().to(self.network.dtype)
        self._labels = labels
        self.loss_fn = loss_fn
        self.uses = frozenset(uses)
        self.seed = seed
        self._shared: dict[Callable[[Probe], Any], Any] = {}

    def shared(self, function: Callable[[Probe], T]) -> T:
        """`function(self)`, called once however many proxies ask for it."""
        if function not in self._shared:
            self._shared[function] = function(self)
        found: T = self._shared[function]
        return found

    @property
    def noise(self) -> Tensor:
        """Images from N(0, 1) of the batch's shape, drawn from `seed`: for proxies that are defined on noise."""
        generator = torch.Generator().manual_seed(self.seed)
        return torch.randn(self.inputs.shape, generator=generator).to(self.inputs)

    @property
    def labels(self) -> Tensor:
        """Raises ProbeError where the batch has none."""
        if self._labels is None:
            raise ProbeError("it needs labels, and the batch has none")
        return self._labels

    @property
    def weights(self) -> list[Tensor]:
        """The weights of convolution and linear layers, in the order of the network's modules."""
        return [weight.detach() for weight in self.network.weights]

    def gradients(self, x: Tensor, y: Tensor) -> list[Tensor]:
        """Of the mean loss over images `x` with labels `y` alone, by each of `weights`; raises ProbeError."""
        loss = self._finite_loss(self.network(x), y)
        weights = self.network.weights
        found = [g.detach() for g in or_zero(torch.autograd.grad(loss, weights, allow_unused=True), weights)]
        _refuse_zeros(found)
        return found

    @property
    def relu_codes(self) -> list[Tensor]:
        """Those of `passes`; raises ProbeError where the network has no ReLU."""
        if not self.passes.relu_codes:
            raise ProbeError("the network has no ReLU")
        return self.passes.relu_codes

    @cached_property
    def passes(self) -> Passes:
        """Raises ProbeError where the loss is not finite or every gradient is zero."""
        pieces = 1
        while True:
            try:
                return self._run(pieces)
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise
                if pieces >= len(self.inputs):
                    raise ProbeError("out of memory with a batch of one image") from error
            pieces *= 2
            if self.inputs.is_cuda:
                torch.cuda.empty_cache()

    def _run(self, pieces: int) -> Passes:
        images = self.inputs.chunk(pieces)
        batches = list(zip(images, self.labels.chunk(pieces) if self._needs_loss else images, strict=True))
        found = [self._piece(x, y, whole=len(batches) == 1) for x, y in batches]
        gradients = [_total(parts) for parts in zip(*(passes.gradients for passes in found), strict=True)]
        if gradients:
            _refuse_zeros(gradients)
        hessian_gradient = found[0].hessian_gradient
        if "hessian" in self.uses and len(batches) > 1:
            products = [self._hessian_product(x, y, gradients) for x, y in batches]
            hessian_gradient = [_total(parts) for parts in zip(*products, strict=True)]
        return Passes(
            gradients,
            [_total(parts) for parts in zip(*(passes.fisher for passes in found), strict=True)],
            hessian_gradient,
            torch.cat([passes.jacobian for passes in found]),
            [torch.cat(parts) for parts in zip(*(passes.relu_codes for passes in found), strict=True)],
        )

    @property
    def _needs_loss(self) -> bool:
        return bool(self.uses & {"gradients", "fisher", "hessian"})

    def _piece(self, x: Tensor, y: Tensor, whole: bool) -> Passes:
        """The passes over part of the batch, weighted by its share; with `whole` the Hessian's product too."""
        uses, needs_loss = self.uses, self._needs_loss
        hessian = whole and "hessian" in uses
        x = x.clone().requires_grad_("jacobian" in uses)
        logits, outputs, codes = self._forward(x, copied=False)
        if any(output.overwritten for output in outputs):  # by an in-place ReLU right behind a layer
            logits, outputs, codes = self._forward(x, copied=True)
        jacobian = x.new_empty(0)
        if "jacobian" in uses:
            found = torch.autograd.grad(logits.sum(), x, retain_graph=needs_loss, allow_unused=True)
            (jacobian,) = or_zero(found, [x])
        gradients: list[Tensor] = []
        fisher: list[Tensor] = []
        product: list[Tensor] = []
        if needs_loss:
            loss = self._loss(logits, y)
            weights = self.network.weights
            activations = [output.value for output in outputs]
            by_each = torch.autograd.grad(loss, [*weights, *activations], allow_unused=True, create_graph=hessian)
            connected = or_zero(by_each[: len(weights)], weights)
            gradients = [g.detach() for g in connected]
            fisher = self._fisher(outputs, by_each[len(weights) :])
            if hessian:
                product = _product(connected, gradients, weights)
        return Passes(gradients, fisher, product, jacobian, codes)

    def _forward(self, x: Tensor, copied: bool) -> tuple[Tensor, list[Output], list[Tensor]]:
        """Logits, outputs of the layers and codes of the ReLUs, as far as they are used."""
        with ExitStack() as watching:
            layers = list(self.network.layers.values())
            outputs = watching.enter_context(self.network.outputs(layers, copied)) if "fisher" in self.uses else []
            recorder = watching.enter_context(ReluCodes()) if "relu_codes" in self.uses else None
            watching.enter_context(torch.set_grad_enabled(bool(self.uses - {"relu_codes"})))
            logits = self.network(x)
        return logits, outputs, recorder.codes if recorder is not None else []

    def _finite_loss(self, logits: Tensor, y: Tensor) -> Tensor:
        loss = self.loss_fn(logits, y)
        if not bool(torch.isfinite(loss)):
            raise ProbeError(f"the loss is {loss.item()}")
        return loss

    def _loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """The loss of part of the batch, as its share of the whole."""
        loss = self._finite_loss(logits, y)
        return loss if len(y) == len(self.labels) else loss * (len(y) / len(self.labels))

    def _hessian_product(self, x: Tensor, y: Tensor, vector: list[Tensor]) -> list[Tensor]:
        loss = self._loss(self.network(x), y)
        found = torch.autograd.grad(loss, self.network.weights, allow_unused=True, create_graph=True)
        return _product(or_zero(found, self.network.weights), vector, self.network.weights)

    def _fisher(self, outputs: list[Output], gradients: tuple[Tensor | None, ...]) -> list[Tensor]:
        if not outputs:
            return []
        found = [weight.new_zeros(weight.shape[0]) for weight in self.weights]
        for output, gradient in zip(outputs, gradients, strict=True):
            if gradient is not None:
                product = output.value.detach() * gradient.detach()
                if self.weights[output.module].dim() == 2:  # a linear layer has its channels last
                    product = product.movedim(-1, 1)
                by_image = product.reshape(*product.shape[:2], -1).sum(2)
                found[output.module] += by_image.square().sum(0) / (2 * len(self.labels))
        return found


def _product(gradients: list[Tensor], vector: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
    """The Hessian times `vector`, from gradients that have a graph."""
    along = torch.stack([(v * g).sum() for v, g in zip(vector, gradients, strict=True)]).sum()
    return [g.detach() for g in or_zero(torch.autograd.grad(along, weights, allow_unused=True), weights)]


def or_zero(found: Sequence[Tensor | None], like: Sequence[Tensor]) -> list[Tensor]:
    """Layers that the output does not depend on have gradient zero."""
    return [torch.zeros_like(w) if g is None else g for g, w in zip(found, like, strict=True)]


def _refuse_zeros(gradients: list[Tensor]) -> None:
    if not any(bool(g.any()) for g in gradients):
        raise ProbeError("the gradient of the loss is zero everywhere")


def _total(parts: tuple[Tensor, ...]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)


def _out_of_memory(error: RuntimeError) -> bool:
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "can't allocate memory" in text
