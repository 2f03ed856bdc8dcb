"""The networks of the own table: made by hand, drawn at random, and found by searches. All are for 32×32 pixels."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from PlainNet import Structure, cost, parse
from PlainNet.files import write_text
from SearchSpace import load_space
from zennas.api import search
from zennas.searching.result import SearchResult

LIST = Path(__file__).with_name("structures.csv")
PARAMS, FLOPS = (30_000, 300_000), (5_000_000, 40_000_000)
"""The smallest and largest parameters and multiply–accumulates of a network of the table."""

BUDGETS = (
    (80_000, 12_500_000),
    (150_000, 20_000_000),
    (300_000, 40_000_000),
    (50_000, 25_000_000),
    (60_000, 8_000_000),
    (100_000, 30_000_000),
    (200_000, 10_000_000),
    (300_000, 20_000_000),
)
SPACES = ("XXBL", "IDW_fixfc", "units")
WINNERS_OF = ("zen_expected", "flops", "activations")
MOST_LAYERS = 20
TRAIN, EPOCHS, BATCH = 20_000, 5, 128
"""Images for training; epochs; images in a batch."""
STEPS_PER_EPOCH = TRAIN // BATCH
TRAINING_STEPS = EPOCHS * STEPS_PER_EPOCH


@dataclass(frozen=True)
class Entry:
    """A network of the table. group: hand, random or winner. origin: what it is, or how it was found."""

    group: str
    origin: str
    structure: str


def resnet(widths: Sequence[int], units: Sequence[int], kernel: int = 3) -> str:
    """A ResNet of basic blocks; each stage after the first begins with stride 2."""
    text, before = f"SuperConvK3BNRELU(3,{widths[0]},1,1)", widths[0]
    for stage, (width, count) in enumerate(zip(widths, units, strict=True)):
        for unit in range(count):
            text += f"BasicBlock({before},{width},{kernel},{2 if stage and not unit else 1})"
            before = width
    return text


def plain(widths: Sequence[int], layers: Sequence[int]) -> str:
    """A plain network of 3×3 convolutions; each stage after the first begins with stride 2."""
    text, before = "", 3
    for stage, (width, count) in enumerate(zip(widths, layers, strict=True)):
        for layer in range(count):
            text += f"SuperConvK3BNRELU({before},{width},{2 if stage and not layer else 1},1)"
            before = width
    return text


def mobilenet(
    stem: int, widths: Sequence[int], strides: Sequence[int], last: int, expansion: int, kernel: int = 3
) -> str:
    """A network of inverted residuals, like MobileNetV2; with an expansion of 1 like MobileNet."""
    text, before = f"SuperConvK3BNRELU(3,{stem},1,1)", stem
    for width, stride in zip(widths, strides, strict=True):
        text += f"MBConv({before},{width},{kernel},{expansion},{stride})"
        before = width
    return text + f"SuperConvK1BNRELU({before},{last},1,1)"


def _by_hand() -> Iterator[Entry]:
    for widths, units in (
        ((16, 32, 64), (1, 1, 1)),
        ((16, 32, 64), (2, 2, 2)),
        ((16, 32, 64), (1, 2, 2)),
        ((24, 48, 96), (1, 1, 1)),
        ((32, 64, 64), (1, 1, 1)),
        ((32, 48, 64), (1, 1, 1)),
        ((16, 24, 40), (2, 2, 2)),
        ((24, 32, 48), (1, 2, 2)),
        ((16, 32, 96), (1, 1, 1)),
        ((8, 16, 32), (3, 3, 3)),
        ((8, 32, 80), (2, 1, 1)),
        ((40, 40, 40), (1, 1, 1)),
        ((16, 40, 96), (1, 1, 1)),
        ((24, 40, 64, 96), (1, 1, 1, 1)),
        ((16, 32, 48, 64), (1, 1, 1, 1)),
    ):
        name = f"ResNet, widths {'-'.join(map(str, widths))}, units {'-'.join(map(str, units))}"
        yield Entry("hand", name, resnet(widths, units))
    for widths, layers in (
        ((16, 32, 64), (2, 2, 2)),
        ((24, 48, 96), (2, 2, 2)),
        ((32, 64, 96), (1, 2, 2)),
        ((48, 64, 64), (1, 2, 2)),
        ((16, 32, 64), (3, 3, 3)),
        ((32, 32, 32), (2, 3, 3)),
        ((24, 48, 96, 128), (1, 1, 1, 1)),
        ((40, 80, 160), (1, 1, 1)),
    ):
        name = f"plain, widths {'-'.join(map(str, widths))}, layers {'-'.join(map(str, layers))}"
        yield Entry("hand", name, plain(widths, layers))
    base, strides = (24, 32, 32, 48, 48, 48), (1, 2, 1, 2, 1, 1)
    for scale, expansion, kernel in (
        (1.0, 3, 3),
        (1.0, 2, 3),
        (1.0, 4, 3),
        (1.0, 6, 3),
        (1.0, 3, 5),
        (0.75, 3, 3),
        (0.75, 6, 3),
        (1.34, 3, 3),
        (1.34, 2, 5),
        (1.67, 2, 3),
        (1.67, 4, 3),
        (2.0, 2, 3),
    ):
        widths = [max(8, round(width * scale / 8) * 8) for width in base]
        name = f"MobileNetV2-like, widths times {scale}, expansion {expansion}, kernel {kernel}"
        yield Entry("hand", name, mobilenet(16, widths, strides, 128, expansion, kernel))
    for widths, strides, expansion in (
        ((32, 64, 64, 128, 128), (1, 2, 1, 2, 1), 1),
        ((48, 96, 96, 160, 160), (1, 2, 1, 2, 1), 1),
        ((64, 64, 128, 128, 192), (1, 2, 1, 2, 1), 1),
        ((16, 24, 24, 40, 40, 64, 64), (2, 1, 1, 2, 1, 2, 1), 4),
        ((24, 24, 40, 40, 64, 64), (2, 1, 2, 1, 2, 1), 6),
        ((16, 16, 32, 32, 64, 64), (1, 1, 2, 1, 2, 1), 3),
    ):
        name = (
            f"inverted residuals, widths {'-'.join(map(str, widths))}, strides {'-'.join(map(str, strides))}, "
            f"expansion {expansion}"
        )
        yield Entry("hand", name, mobilenet(16, widths, strides, 2 * widths[-1], expansion))


STEPS = 150
START = {
    "XXBL": "SuperConvK3BNRELU(3,16,1,1)SuperResK3K3(16,16,1,16,1)SuperResK3K3(16,32,2,32,1)SuperResK3K3(32,64,2,32,1)"
    "SuperConvK1BNRELU(64,96,1,1)",
    "IDW_fixfc": "SuperConvK3BNRELU(3,16,1,1)SuperResIDWE2K3(16,24,1,24,1)SuperResIDWE2K3(24,32,2,32,1)"
    "SuperResIDWE2K3(32,48,2,48,1)SuperConvK1BNRELU(48,128,1,1)",
    "units": mobilenet(16, (24, 32, 32, 48, 48, 48), (1, 2, 1, 2, 1, 1), 128, 3),
}
"""Where the random walks begin, within the limits."""
ITERATIONS = 20_000


def inside(structure: Structure) -> bool:
    """Whether a network has the parameters, multiply–accumulates and layers of the table."""
    found = cost(structure)
    return (
        PARAMS[0] <= found.params <= PARAMS[1] and FLOPS[0] <= found.flops <= FLOPS[1] and found.layers <= MOST_LAYERS
    )


def _at_random(counts: dict[str, int]) -> Iterator[Entry]:
    """Networks at the end of random walks that stay within the table's limits."""
    for name, count in counts.items():
        space = load_space(name)
        for seed in range(count):
            rng = Random(seed)
            structure = parse(START[name])
            for _ in range(STEPS):
                moved = space.mutate(structure, rng)
                structure = moved if inside(moved) else structure
            yield Entry("random", f"{name}, seed {seed}", str(structure))


def searched(proxy: str, space: str, params: int, flops: int, seed: int = 0, **more: object) -> SearchResult:
    """Search for the best network under a budget; the run is not kept."""
    with tempfile.TemporaryDirectory() as folder:
        return search(
            search_space=space,
            proxy=proxy,
            budget_params=params,
            budget_flops=flops,
            max_layers=MOST_LAYERS,
            training_steps=TRAINING_STEPS,
            iterations=ITERATIONS,
            seed=seed,
            save_dir=Path(folder) / "run",
            **more,
        )


def winners(proxies: Mapping[str, str]) -> Iterator[Entry]:
    """The networks that searches find with these proxies, without those that are below the limits of the table.

    proxies: by the name that stands in the table.
    """
    for name, proxy in proxies.items():
        for space in SPACES:
            for params, flops in BUDGETS:
                best = searched(proxy, space, params, flops).best.structure
                if inside(best):
                    yield Entry("winner", f"{name}, {space}, {params:,} parameters, {flops:,} FLOPs", str(best))


def choose() -> list[Entry]:
    """Return the networks to train, without repetitions: those of each group in turn."""
    hand = [entry for entry in _by_hand() if inside(parse(entry.structure))]
    random = list(_at_random({"XXBL": 20, "IDW_fixfc": 20, "units": 15}))
    Random(0).shuffle(random)
    found = list(winners({name: name for name in WINNERS_OF}))
    Random(0).shuffle(found)
    groups: list[list[Entry]] = [hand, random, found]
    order = [group[i] for i in range(max(map(len, groups))) for group in groups if i < len(group)]
    return list({entry.structure: entry for entry in reversed(order)}.values())[::-1]


def write_list(entries: Sequence[Entry]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["group", "origin", "structure"])
    writer.writerows([entry.group, entry.origin, entry.structure] for entry in entries)
    write_text(LIST, text.getvalue())


def read_list() -> list[Entry]:
    """Return the networks that were chosen, in the order of training."""
    with LIST.open(newline="") as file:
        return [Entry(row["group"], row["origin"], row["structure"]) for row in csv.DictReader(file)]
