"""What the tests of exports share: a network that counts as trained on digits, in milliseconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from PlainNet import build, parse
from tests.conftest import SMALL
from tests.zennas.threads import one_thread as one_thread
from zennas.data import measured_normalisation, open_set

RESOLUTION = 16
TINY = "SuperConvK3BNRELU(3,8,2,1)SuperResK3K3(8,16,2,8,1)"


def write_model(folder: Path, **card: Any) -> Path:
    """A folder as a training leaves it, with random weights and batch-norms far from the identity."""
    torch.manual_seed(0)
    found = {
        "structure": TINY,
        "num_classes": 10,
        "resolution": RESOLUTION,
        "use_se": False,
        "classes": list("0123456789"),
        "normalisation": measured_normalisation(open_set("digits", "train")).to_json(),
        "dataset": "digits",
        "top1": 12.5,
        **card,
    }
    network = build(parse(found["structure"]), num_classes=found["num_classes"], use_se=found["use_se"])
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.3, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": network.state_dict()}, folder / "weights.pt")
    (folder / "train.json").write_text(json.dumps(found))
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training, with blocks of every family; tests leave it as it is."""
    return write_model(tmp_path_factory.mktemp("runs") / "tiny", structure=SMALL, use_se=True)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """One of a smaller network, for the test alone."""
    return write_model(tmp_path / "runs" / "tiny")
