"""Contracts of proxies: scores are finite and determined by the seed, and networks are not changed. Imports torch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor, nn

from PlainNet import Options, build, parse
from PlainNet.arrays.blocks import Blocks
from PlainNet.arrays.costs import CostArrays
from PlainNet.arrays.structures import Structures
from PlainNet.sizes import Sides
from zennas.testing.arrays import spaces_with_arrays, walked
from zennas.testing.expecting import expect, expect_equal, expect_near, expect_refused
from zennas.testing.networks import SMALL
from ZeroShotProxy import PROXIES, Proxy, ProxyError, Score, ScoreSettings, score
from ZeroShotProxy.base import LONGEST_MEANING, Target

SETTINGS = ScoreSettings(resolution=16, batch_size=12, repeats=2, device="cpu")  # 4: counts of patterns are all 2⁴
STRUCTURE = parse(SMALL)


def value(proxy: Proxy, target: Target = STRUCTURE, settings: ScoreSettings = SETTINGS) -> Score:
    return score(target, [proxy.info.name], settings)[proxy.info.name]


class Foreign(nn.Module):
    """A network from outside this project, with an in-place ReLU, dropout and a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.body = nn.Sequential(
            nn.Conv2d(8, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, padding=1),
            nn.BatchNorm2d(8),
        )
        self.deeper = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU())
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.deeper(x + self.body(x))
        logits: Tensor = self.head(self.dropout(x.mean((2, 3))))
        return logits


def foreign() -> tuple[Foreign, tuple[Tensor, Tensor]]:
    """Return a `Foreign` network and a batch of images (8, 3, 16, 16) and labels (8,)."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    batch = torch.randn(8, 3, 16, 16, generator=generator), torch.randint(10, (8,), generator=generator)
    return Foreign(), batch


def _ranks(proxy: Proxy) -> str | None:
    return None if proxy.ranking is None else f"{proxy.info.name} ranks populations"


def _no_measure(proxy: Proxy) -> str | None:
    return None if proxy.measure is not None else f"{proxy.info.name} scores structures only"


@lru_cache(maxsize=1)
def _first_score(proxy: Proxy) -> tuple[Score, bool]:
    """Return the score, which several contracts look at, and whether torch's global generator was left alone."""
    before = torch.random.get_rng_state()
    found = value(proxy)
    return found, torch.equal(before, torch.random.get_rng_state())


def score_is_finite_and_inside_its_interval(proxy: Proxy) -> str | None:
    """The score is finite; if it has an interval, it lies inside and was repeated as often as requested."""
    if reason := _ranks(proxy):
        return reason
    found, _ = _first_score(proxy)
    expect(math.isfinite(found.value), f"{proxy.info.name} gives {found.value}")
    if found.interval is not None:
        low, high = found.interval
        expect(
            low <= found.value <= high, f"{proxy.info.name} gives {found.value} outside its interval {low} to {high}"
        )
        expect_equal(len(found.repeats), SETTINGS.repeats, f"repetitions of {proxy.info.name}")
    return None


def the_seed_decides(proxy: Proxy) -> str | None:
    """Equal seeds give equal scores; different seeds give different ones exactly if the proxy declares it is random."""
    if reason := _ranks(proxy):
        return reason
    first, _ = _first_score(proxy)
    expect_equal(value(proxy), first, f"{proxy.info.name} twice with one seed")
    differs = value(proxy, settings=replace(SETTINGS, seed=1)) != first
    expect_equal(proxy.info.random, differs, f"`random` of {proxy.info.name}, judged by its scores from two seeds")
    return None


def the_global_generators_are_left_alone(proxy: Proxy) -> str | None:
    """The proxy does not draw from torch's global generator."""
    if reason := _ranks(proxy):
        return reason
    _, left_alone = _first_score(proxy)
    expect(left_alone, f"{proxy.info.name} draws from torch's global generator")
    return None


def a_masternet_scores_like_its_structure_and_is_not_touched(proxy: Proxy) -> str | None:
    """A MasterNet scores like its structure; its weights, statistics and mode do not change."""
    if reason := _ranks(proxy):
        return reason
    name = proxy.info.name
    network = build(STRUCTURE, num_classes=7, use_se=True).eval()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    same = replace(SETTINGS, num_classes=7, use_se=True)
    expect_equal(value(proxy, network), value(proxy, settings=same), f"{name} of a MasterNet, and of its structure")
    expect(not network.training, f"{name} leaves the network in training mode")
    untouched = all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())
    expect(untouched, f"{name} changes the network's state")
    return None


def any_network_is_measured_and_left_as_it_was(proxy: Proxy) -> str | None:
    """Any network can be measured; weights, gradients, hooks, modes, batch and torch's generator do not change."""
    if reason := _no_measure(proxy):
        return reason
    network, batch = foreign()
    network.eval()
    network.stem.train()
    network.head.weight.requires_grad_(False)
    network.head.bias.grad = torch.ones(10)
    called: list[nn.Module] = []
    network.head.register_forward_hook(lambda module, args, output: called.append(module))
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    hooks = [len(module._forward_hooks) for module in network.modules()]
    generator = torch.random.get_rng_state()
    images = batch[0].clone()
    name = proxy.info.name
    first = score(network, batch, [name], SETTINGS)
    expect_equal(score(network, batch, [name], SETTINGS), first, f"{name} twice on one batch")
    expect(math.isfinite(first[name].value), f"{name} gives {first[name].value}")
    untouched = all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items())
    expect(untouched, f"{name} changes the network's state")
    expect_equal([module.training for module in network.modules()], modes, f"modes of the modules after {name}")
    expect_equal([len(module._forward_hooks) for module in network.modules()], hooks, f"numbers of hooks after {name}")
    expect(torch.equal(generator, torch.random.get_rng_state()), f"{name} draws from torch's global generator")
    expect(torch.equal(images, batch[0]), f"{name} changes the images")
    expect(not batch[0].requires_grad, f"{name} leaves images that require gradients")
    expect(not network.head.weight.requires_grad, f"{name} leaves frozen weights that require gradients")
    kept = network.head.bias.grad
    expect(kept is not None and torch.equal(kept, torch.ones(10)), f"{name} changes existing gradients")
    expect(network.stem[0].weight.grad is None, f"{name} leaves gradients behind")
    return None


@lru_cache(maxsize=1)
def _measured_together(proxies: frozenset[Proxy]) -> dict[str, Score]:
    """Return the scores of a `Foreign` network by all these proxies, measured with shared passes."""
    network, batch = foreign()
    return score(network, batch, sorted(proxy.info.name for proxy in proxies), SETTINGS)


def measured_together_is_measured_alone(proxy: Proxy) -> str | None:
    """The score does not change if other proxies share its passes."""
    if reason := _no_measure(proxy):
        return reason
    name = proxy.info.name
    network, batch = foreign()
    together = _measured_together(frozenset({proxy, *(other for other in PROXIES if other.measure is not None)}))
    alone = score(network, batch, [name], SETTINGS)[name]
    expect_near(together[name].value, alone.value, f"{name} together with others", relative=1e-4, absolute=1e-12)
    return None


def a_network_of_nothing_but_zeros_is_an_error_or_a_number(proxy: Proxy) -> str | None:
    """A network of zeros gives a finite score or a ProxyError that names the proxy, never a sentinel value."""
    if reason := _no_measure(proxy):
        return reason
    network, batch = foreign()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    try:
        found = score(network, batch, [proxy.info.name], SETTINGS)
    except ProxyError as error:
        expect(proxy.info.name in str(error), f"the error of {proxy.info.name} does not name it: {error}")
    else:
        got = found[proxy.info.name].value
        expect(math.isfinite(got), f"{proxy.info.name} gives {got} for a network of zeros, expected a ProxyError")
    return None


def structures_are_asked_for_where_they_are_needed(proxy: Proxy) -> str | None:
    """A proxy that scores structures refuses networks without one."""
    if reason := _ranks(proxy):
        return reason
    name = proxy.info.name
    if proxy.measure is not None:
        return f"{name} measures any network"
    network, batch = foreign()
    expect_refused(ProxyError, lambda: score(network, batch, [name], SETTINGS), name, "a network without a structure")
    return None


def arrays_score_alike(proxy: Proxy) -> str | None:
    """The array form gives each structure the score of the scalar form, up to rounding."""
    if proxy.arrays is None or proxy.structure is None:
        return f"{proxy.info.name} has no array form"
    for space, form in spaces_with_arrays():
        for settings in (SETTINGS, replace(SETTINGS, resolution=Sides(33, 18), num_classes=7, use_se=True)):
            structures = walked(space, 40, steps=12)
            blocks = Blocks(form.layout, settings.resolution)
            placed = blocks.place(Structures.of(structures, form.layout))
            expect(placed.works.all(), f"structures of {space.name} do not work at {settings.resolution} pixels")
            costs = CostArrays(blocks, settings.num_classes, Options(use_se=settings.use_se))(placed)
            found = proxy.arrays(blocks, settings)(placed, costs).tolist()
            for structure, got in zip(structures, found, strict=True):
                expected = proxy.structure(structure, settings).value
                expect_near(got, expected, f"{proxy.info.name} of {structure}", relative=1e-12)
    return None


def images_need_not_be_square(proxy: Proxy) -> str | None:
    """A network has a score for high and for wide images, or the reason names the square; turned ones score alike."""
    if reason := _ranks(proxy):
        return reason
    name = proxy.info.name
    wide, high = (replace(SETTINGS, resolution=size) for size in (Sides(16, 24), Sides(24, 16)))
    try:
        one, other = value(proxy, settings=wide).value, value(proxy, settings=high).value
    except ProxyError as error:
        expect("square" in str(error), f"{name} fails for images that are not square: {error}")
        return f"{name} needs square images"
    expect(
        math.isfinite(one) and math.isfinite(other), f"{name} gives {one} and {other} for images that are no squares"
    )
    if proxy.measure is None and not proxy.info.random:
        expect_near(one, other, f"{name} for an image, and for the turned one", relative=1e-9)
    return None


def it_says_where_it_comes_from(proxy: Proxy) -> str | None:
    """The proxy has a summary and a source."""
    expect(proxy.info.summary, f"{proxy.info.name} has no summary")
    expect(proxy.info.source, f"{proxy.info.name} has no source")
    return None


def it_says_what_its_score_means(proxy: Proxy) -> str | None:
    """`zennas search` shows the meaning in one line: part of a sentence, neither empty nor long nor ended."""
    meaning = proxy.info.meaning
    expect(meaning.strip() == meaning != "", f"the meaning of {proxy.info.name} is {meaning!r}")
    expect(meaning.isprintable(), f"the meaning of {proxy.info.name} is {meaning!r}, expected one line")
    expect(
        len(meaning) <= LONGEST_MEANING,
        f"the meaning of {proxy.info.name} has {len(meaning)} characters, expected at most {LONGEST_MEANING}: give its "
        "ProxyInfo a shorter `plain`",
    )
    expect(not meaning.endswith("."), f"the meaning of {proxy.info.name} ends with a period: {meaning}")
    return None


CONTRACTS: tuple[Callable[[Proxy], str | None], ...] = (
    score_is_finite_and_inside_its_interval,
    the_seed_decides,
    the_global_generators_are_left_alone,
    a_masternet_scores_like_its_structure_and_is_not_touched,
    any_network_is_measured_and_left_as_it_was,
    measured_together_is_measured_alone,
    a_network_of_nothing_but_zeros_is_an_error_or_a_number,
    structures_are_asked_for_where_they_are_needed,
    arrays_score_alike,
    images_need_not_be_square,
    it_says_where_it_comes_from,
    it_says_what_its_score_means,
)
