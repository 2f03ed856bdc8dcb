"""A small distribution of somebody else, as pip would install it: what `zennas` finds without a fork."""

from __future__ import annotations

from pathlib import Path

SOURCES = {
    "acme_proxy.py": """
from ZeroShotProxy.base import ProxyInfo, Score, register, structure_of

def blocks(target, settings):
    return Score(float(len(structure_of(target, "acme_blocks").blocks)))

register(ProxyInfo("acme_blocks", "number of blocks", source="Acme, equation 1", aliases=("acme_count",)), blocks)
""",
    "acme_block.py": """
from PlainNet.blocktype import CHANNELS, BlockType

def conv_bn_relu(b, x, spec):
    with b.at("conv"):
        x = b.conv(x, spec.args[0], kernel=3)
    with b.at("bn"):
        x = b.batch_norm(x)
    return b.relu(x)

BLOCK = BlockType("AcmeConv", (CHANNELS,), lower=conv_bn_relu, linear=True, layers=lambda spec: 1)
""",
    "acme_dataset.py": """
from zennas.data.base import Normalisation, Usual, in_memory
from zennas.data.registry import DataSet, register

USUAL = Usual(Normalisation((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)), crop="shift", flip=True, policy="cifar10")

def dots(split, folder):
    import torch

    count = 40 if split == "train" else 20
    labels = [i % 3 for i in range(count)]
    pixels = torch.zeros(count, 3, 8, 8, dtype=torch.uint8)
    for i, label in enumerate(labels):
        pixels[i, label] = 100 + i
    return in_memory(f"acme_dots, {split}", ("red", "green", "blue"), labels, pixels, USUAL)

register(DataSet("acme_dots", 3, 8, USUAL, how_to_get="it is made up", open=dots, synonyms=("dots",)))
""",
    "acme_target.py": """
from zennas.budget.rules import Rules
from zennas.budget.target import Target

BOARD = Target("acme_board", "Acme's board", ("its data sheet",), ram=64_000, rules=Rules(channel_multiple=16))
""",
    "acme_space.py": """
from SearchSpace.superblocks import SuperBlockSpace, default_start

START = "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)SuperConvK1BNRELU(16,32,1,1)"

def space(initial=None):
    return SuperBlockSpace("acme", ("SuperResK3K3", "SuperResK5K5"), default_start(START, initial))
""",
}
GROUPS = """
[zennas.proxies]
whatever = acme_proxy

[zennas.blocks]
AcmeConv = acme_block:BLOCK

[zennas.datasets]
whatever = acme_dataset

[zennas.search_spaces]
acme = acme_space:space

[zennas.targets]
whatever = acme_target:BOARD
"""


def install(folder: Path, groups: str = GROUPS, name: str = "acme-nets", sources: dict[str, str] = SOURCES) -> None:
    """Lay a distribution out in `folder`, which is to stand on Python's path."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(groups)
    for file, text in sources.items():
        (folder / file).write_text(text)
