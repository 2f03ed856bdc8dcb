"""The Python that the guides show runs."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.zennas.discovering.tables import EVOLUTION, write_table

from .reading import GUIDES, blocks, label

SHIPPED = "zennet_digits_params100k_res16"
SMALL = "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)SuperConvK1BNRELU(16,32,1,1)"


def names_for(document: str) -> dict[str, Any]:
    """What the blocks of a document take for granted: the packages, a network, a batch."""
    import torch

    import latency
    import PlainNet
    import SearchSpace
    import zennas
    import ZenNet
    import ZeroShotProxy
    from ZeroShotProxy.base import ScoreSettings

    structure = PlainNet.parse(SMALL)
    found: dict[str, Any] = {
        "latency": latency,
        "PlainNet": PlainNet,
        "SearchSpace": SearchSpace,
        "random": random,
        "zennas": zennas,
        "ZenNet": ZenNet,
        "ZeroShotProxy": ZeroShotProxy,
        "ScoreSettings": ScoreSettings,
        "structure": structure,
        "structures": [structure, PlainNet.parse("ConvKX(3,8,3,1)BN(8)RELU(8)ConvKX(8,16,3,2)BN(16)RELU(16)")],
        "model": PlainNet.build(structure, num_classes=10),
        "images": torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)),
        "labels": torch.arange(4),
    }
    if document == "docs/export.md":
        import numpy

        pytest.importorskip("onnxruntime")
        zennas.export(SHIPPED, format="onnx", out=Path("mine.onnx"))
        found["images"] = numpy.random.default_rng(0).integers(0, 256, (2, 3, 16, 16))
        pytest.importorskip("ai_edge_litert")
        zennas.export(SHIPPED, format="litert-int8", out=Path("mine.int8.tflite"))
        found["image"] = found["images"][0].transpose(1, 2, 0)
    if document == "docs/discovering.md":
        write_table(Path("nb201.csv.gz"))
    return found


def cheaper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches and trainings are shown as they are used; here they take fewer steps, unless a block says how many."""
    import zennas

    monkeypatch.setattr(zennas, "search", partial(zennas.search, iterations=200, proxy="zen_expected"))
    few = {name: value for name, value in EVOLUTION.to_json().items() if name != "to_scalar"}
    monkeypatch.setattr(zennas, "discover", partial(zennas.discover, networks=4, held_out=3, resolution=8, **few))
    monkeypatch.setattr(zennas, "train", partial(zennas.train, epochs=1, resolution=8))


@pytest.mark.parametrize(
    "path", [path for path in GUIDES if blocks(path, "python") and path.name != "CONTRIBUTING.md"], ids=label
)
def test_python_blocks_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after another, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZENNAS_ZOO", str(tmp_path / "zoo"))
    cheaper(monkeypatch)
    names = names_for(label(path))
    for number, block in enumerate(blocks(path, "python")):
        exec(compile(block, f"{label(path)}, block {number}", "exec"), names)
