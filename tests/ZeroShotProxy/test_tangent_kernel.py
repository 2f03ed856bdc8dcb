"""Proxies of the Fisher information and the tangent kernel against their definitions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap
from torch.nn import functional as F

from ZeroShotProxy import ProxyError, score
from ZeroShotProxy.engine.per_image import first_weights_jacobian
from ZeroShotProxy.engine.probe import Probe

from .small_network import CPU, batch, noise, redrawn, small, value


def test_gradients_by_image_are_those_of_jacrev() -> None:
    net = redrawn("kaiming_fan_in")
    probe = Probe(small(), batch()[0], None, initialisation="kaiming_fan_in")
    logits, jacobian = first_weights_jacobian(probe, probe.noise)
    # A fresh batch-norm that is not training divides by sqrt(1 + eps), and does nothing else.
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-12
    net.eval()
    values = {name: p.detach() for name, p in net.named_parameters()}
    first = {name: p.flatten()[:1] for name, p in values.items()}

    def predict(changed: dict[str, Tensor], image: Tensor) -> Tensor:
        full = {
            name: torch.cat([changed[name], p.flatten()[1:]]).view(p.shape) if name in changed else p
            for name, p in values.items()
        }
        found: Tensor = functional_call(net, full, (image[None],))[0]
        return found

    by_name = vmap(jacrev(predict), in_dims=(None, 0))(first, noise())
    expected = torch.cat([by_name[name] for name in first], 2)
    assert torch.allclose(logits, net(noise()), atol=1e-5)
    # Parameters come in the order of the calls, which here differs from that of the modules.
    order = torch.argsort(expected.abs().sum((0, 1)))
    other = torch.argsort(jacobian.abs().sum((0, 1)))
    assert torch.allclose(jacobian[:, :, other].abs(), expected[:, :, order].abs(), atol=1e-5)


def test_ntk_is_the_condition_number_of_the_kernel() -> None:
    net = redrawn("kaiming_fan_in")
    x, y = batch()
    values = {name: p.detach() for name, p in net.named_parameters() if name.endswith("weight")}
    rest = {name: p.detach() for name, p in net.named_parameters() if not name.endswith("weight")}

    def logits(weights: dict[str, Tensor]) -> Tensor:
        found: Tensor = functional_call(small().train(), {**weights, **rest}, (x,)).sum(1)
        return found

    jacobian = torch.cat([found.flatten(1) for found in jacrev(logits)(values).values()], 1).double()
    kernel = jacobian @ jacobian.T
    eigenvalues = torch.linalg.eigvalsh(kernel)
    assert value("ntk") == pytest.approx(float(eigenvalues[-1] / eigenvalues[0]), rel=1e-2)
    targets = F.one_hot(y, 5).double()
    known, held_out = (part - part.mean(0) for part in (targets[:6], targets[6:]))
    predicted = kernel[6:, :6] @ torch.linalg.inv(kernel[:6, :6]) @ known
    expected = float(((predicted - held_out) ** 2).sum(1).mean())
    assert value("ntk_regression") == pytest.approx(expected, rel=1e-2)


def test_equal_images_have_a_singular_kernel() -> None:
    x = batch(2)[0].repeat(2, 1, 1, 1)
    with pytest.raises(ProxyError, match=r"ntk fails: the kernel of 4 images is singular"):
        score(small(), x, ["ntk"], CPU)


def test_vkdnw_counts_weight_tensors_first() -> None:
    entropy, single = value("vkdnw_entropy"), value("vkdnw_single")
    assert 0 < entropy <= math.log(9)
    assert single - entropy == pytest.approx(len(list(small().parameters())))
