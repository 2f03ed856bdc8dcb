"""`Probe`: one network and one batch, with passes that several proxies share. Imports torch.

`ProxyInfo.uses` lists the results of `Passes` that a proxy reads. A `Probe` takes the uses of all proxies, runs one
forward pass that records everything, and then the backward passes. If memory runs out, the batch is split and the
results of the parts are added; batch-norms then use the statistics of the parts.
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
    """The results of the passes over a batch. Results that are not used are empty.

    The first three are lists with one tensor for each of `Probe.weights`.
    gradients: the gradient of the loss by the weight.
    fisher: half the mean over images of (sum over positions of activation × gradient)², for each output channel (C,).
    hessian_gradient: the Hessian of the loss times its gradient.
    jacobian: the gradient of the summed logits by the input, (N, C, H, W).
    relu_codes: for each ReLU, in order, which inputs are positive, (N, features).
    """

    gradients: list[Tensor]
    fisher: list[Tensor]
    hessian_gradient: list[Tensor]
    jacobian: Tensor
    relu_codes: list[Tensor]


class Probe:
    """A network and a batch, as measures see them. It runs on the device of the inputs.

    network: any module, which is not changed.
    inputs: images (N, C, H, W). labels: int64 (N,), or None.
    uses: the fields of `passes` that are going to be read.
    loss_fn: a function of logits and labels.
    seed: the seed of dropout, of weights that are drawn by a rule, and of everything else that proxies draw.
    initialisation: "own" for the network's weights, or a rule in `initialise.py`.
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
        self.network = Isolated(
            network, inputs.device, seed=seed, initialisation=initialisation, example=inputs[:1].detach()
        )
        self.inputs = inputs.detach().to(self.network.dtype)
        self._labels = labels
        self.loss_fn = loss_fn
        self.uses = frozenset(uses)
        self.seed = seed
        self._shared: dict[Callable[[Probe], Any], Any] = {}

    def shared(self, function: Callable[[Probe], T]) -> T:
        """Return `function(self)`, which is called only once and then shared by all proxies."""
        if function not in self._shared:
            self._shared[function] = function(self)
        found: T = self._shared[function]
        return found

    @property
    def noise(self) -> Tensor:
        """Images from N(0, 1) in the shape of the batch, drawn with `seed`, for proxies that are defined on noise."""
        generator = torch.Generator().manual_seed(self.seed)
        return torch.randn(self.inputs.shape, generator=generator).to(self.inputs)

    @property
    def labels(self) -> Tensor:
        """The labels (N,) of the batch. Raises ProbeError if it has none."""
        if self._labels is None:
            raise ProbeError("it needs labels, but the batch has none")
        return self._labels

    @property
    def weights(self) -> list[Tensor]:
        """The weights of the convolution and linear layers, in the order of the network's modules."""
        return [weight.detach() for weight in self.network.weights]

    def gradients(self, x: Tensor, y: Tensor) -> list[Tensor]:
        """Return the gradients of the mean loss over images `x` with labels `y`, one for each of `weights`.

        Raises ProbeError if the loss is not finite or all gradients are zero.
        """
        loss = self._finite_loss(self.network(x), y)
        weights = self.network.weights
        found = [g.detach() for g in or_zero(torch.autograd.grad(loss, weights, allow_unused=True), weights)]
        _refuse_zeros(found)
        return found

    @property
    def relu_codes(self) -> list[Tensor]:
        """Which inputs of each ReLU are positive, (N, features) each. Raises ProbeError if the network has no ReLU."""
        if not self.passes.relu_codes:
            raise ProbeError("the network has no ReLU")
        return self.passes.relu_codes

    @cached_property
    def passes(self) -> Passes:
        """The results of the shared passes, which run on first use.

        Raises ProbeError if the loss is not finite, all gradients are zero, or memory runs out for a single image.
        """
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
        """The passes over a part of the batch, weighted by its share. Only if `whole`, the product with the Hessian."""
        uses, needs_loss = self.uses, self._needs_loss
        hessian = whole and "hessian" in uses
        x = x.clone().requires_grad_("jacobian" in uses)
        logits, outputs, codes = self._forward(x, copied=False)
        if any(output.overwritten for output in outputs):  # for example by an in-place ReLU after a layer
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
        """Logits, and if they are used the outputs of layers and the codes of ReLUs."""
        with ExitStack() as watching:
            outputs = watching.enter_context(self.network.outputs(copied)) if "fisher" in self.uses else []
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
        """The loss of a part of the batch, weighted by its share of the batch."""
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
                if self.weights[output.layer].dim() == 2:  # a linear layer has its channels last
                    product = product.movedim(-1, 1)
                by_image = product.reshape(*product.shape[:2], -1).sum(2)
                found[output.layer] += by_image.square().sum(0) / (2 * len(self.labels))
        return found


def _product(gradients: list[Tensor], vector: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
    """The Hessian times `vector`, from gradients with a graph."""
    along = torch.stack([(v * g).sum() for v, g in zip(vector, gradients, strict=True)]).sum()
    return [g.detach() for g in or_zero(torch.autograd.grad(along, weights, allow_unused=True), weights)]


def or_zero(found: Sequence[Tensor | None], like: Sequence[Tensor]) -> list[Tensor]:
    """Replace missing gradients, of tensors that the output does not depend on, with zeros."""
    return [torch.zeros_like(w) if g is None else g for g, w in zip(found, like, strict=True)]


def _refuse_zeros(gradients: list[Tensor]) -> None:
    if not any(bool(g.any()) for g in gradients):
        raise ProbeError("the gradient of the loss is zero everywhere")


def _total(parts: tuple[Tensor, ...]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)


def _out_of_memory(error: RuntimeError) -> bool:
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "can't allocate memory" in text
