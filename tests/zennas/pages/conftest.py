"""What the tests of pages share: small runs of every kind, and a reader of HTML."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zennas
from tests.zennas.designing.conftest import draw
from tests.zennas.discovering.tables import EVOLUTION, closed_form, write_table
from tests.zennas.table_files import write_table as write_accuracies
from zennas.accuracy.tables import AccuracyTable, Column
from zennas.accuracy.tables.csvfile import write_csv
from zennas.budget.budgets import Budget
from zennas.discovering.from_tables import carry_out, prepare
from zennas.report.comparison.result import Comparison
from zennas.searching.fronts.front import front_settings
from zennas.searching.runner import start
from zennas.searching.settings import SearchSettings

SETTINGS = SearchSettings(
    budget=Budget(params=60_000, layers=8),
    iterations=300,
    strategy_options={"population_size": 16},
    resolution=16,
    proxy="zen_expected",
    device="cpu",
)
SETTINGS_OF_FRONTS = replace(SETTINGS, budget=Budget(layers=8), strategy_options={})
NETWORK = "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)SuperConvK1BNRELU(16,32,1,1)"
CHOICES = (
    "ConvKX(3,8,3,2)BN(8)RELU6(8)Choice{first|MBConv(8,8,3,3,1);MBConv(8,8,5,6,1);Identity(8)}"
    "Choice{second|MBConv(8,16,3,3,2);MBConv(8,16,5,6,2)}ConvKX(16,32,1,1)BN(32)RELU6(32)"
)
CELLS = (
    "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|avg_pool_3x3~2|",
    "|nor_conv_1x1~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",
    "|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_1x1~1|none~2|",
    "|avg_pool_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|none~1|skip_connect~2|",
    "|skip_connect~0|+|skip_connect~0|none~1|+|nor_conv_3x3~0|none~1|none~2|",
)


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search."""
    folder = tmp_path_factory.mktemp("runs") / "searched"
    start(folder, SETTINGS)
    return folder


@pytest.fixture(scope="session")
def trained(searched: Path) -> Path:
    """A search with a training and two exports in it, of which one has accuracies."""
    folder = searched.parent / "trained"
    start(folder, SETTINGS)
    zennas.train(folder, dataset="digits", epochs=2, resolution=16, device="cpu")
    write_sidecar(folder / "export" / "net.int8.onnx.json", 97.5)
    write_sidecar(folder / "export" / "net.onnx.json", None)
    return folder


@pytest.fixture(scope="session")
def surface(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A front over two costs."""
    folder = tmp_path_factory.mktemp("fronts") / "surface"
    start(folder, front_settings(SETTINGS_OF_FRONTS, ["params", "ram"], ["20k:100k", "4k:40k"], (3, 3), 6, 1500))
    return folder


@pytest.fixture(scope="session")
def goals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search for several goals."""
    folder = tmp_path_factory.mktemp("fronts") / "goals"
    asked = {"maximise": ("zen",), "minimise": ("params", "ram"), "objective": "vector", "strategy": "nsga2"}
    options = {"population_size": 16}
    start(folder, replace(SETTINGS, strategy_options=options, **asked))  # type: ignore[arg-type]
    return folder


@pytest.fixture(scope="session")
def correlated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A correlation with budgets."""
    folder = tmp_path_factory.mktemp("correlations")
    table = AccuracyTable("table.csv", CELLS, {Column("cifar10"): np.array((94.0, 88.5, 88.0, 85.0, 91.0))})
    write_csv(table, folder / "table.csv")
    zennas.correlate(
        table=folder / "table.csv",
        proxies=("zen_expected",),
        sample=5,
        resolution=8,
        resamples=50,
        budget_params=("50%",),
        device="cpu",
        save_dir=folder / "correlated",
    )
    return folder / "correlated"


@pytest.fixture(scope="session")
def front(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A front over one cost."""
    folder = tmp_path_factory.mktemp("fronts") / "front"
    start(folder, front_settings(SETTINGS_OF_FRONTS, ["params"], ["20k:100k"], (4,), 6, 600))
    return folder


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Searches on a table of accuracies with several seeds."""
    folder = tmp_path_factory.mktemp("simulations") / "simulated"
    table = write_accuracies(folder.parent / "table.csv")
    zennas.simulate(
        search_space="nasbench201",
        objective=f"table:{table}:c10_val",
        report_column="c10_test",
        strategy="random",
        budget_evaluations=20,
        seeds=3,
        workers=1,
        save_dir=folder,
    )
    return folder


@pytest.fixture(scope="session")
def discovered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search for programs of closed forms."""
    folder = tmp_path_factory.mktemp("discoveries") / "discovered"
    carry_out(prepare(closed_form(write_table(folder.parent / "nb201.csv")), EVOLUTION, folder), folder)
    return folder


@pytest.fixture(scope="session")
def designed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A design for a chip, from pictures to a file."""
    folder = tmp_path_factory.mktemp("designs") / "designed"
    pictures = draw(folder.parent / "lamps", {"dark": 20, "bright": 20})
    zennas.design(target="stm32f746", dataset=pictures, minutes=1, iterations=120, epochs=2, save_dir=folder)
    return folder


SUPERNET: dict[str, Any] = {
    "space": CHOICES,
    "dataset": "digits",
    "resolution": 8,
    "batch_size": 32,
    "train_images": 80,
    "grad_update_arch_param_every": 1,
    "latency_backend": ("predictor:this-machine-fp32",),
    "ref_latency_ms": (0.02,),
    "device": "cpu",
}


@pytest.fixture(scope="session")
def supernet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search in a supernet with several costs in the loss."""
    folder = tmp_path_factory.mktemp("supernets") / "supernet"
    more: dict[str, Any] = {
        "n_epochs": 3,
        "warmup_epochs": 2,
        "arch_optim_lr": 0.1,
        "ref_params": 4000,
        "ref_ram": 2000,
    }
    zennas.proxyless(**SUPERNET, **more, save_dir=folder)
    return folder


@pytest.fixture(scope="session")
def supernet_front(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Searches in a supernet with three strengths of a latency."""
    folder = tmp_path_factory.mktemp("supernets") / "front"
    more: dict[str, Any] = {"n_epochs": 2, "warmup_epochs": 1, "arch_optim_lr": 0.5, "cost_resolution": 16}
    zennas.proxyless_front(**SUPERNET, **more, strengths=(0.0, 1.0, 30.0), save_dir=folder)
    return folder


@pytest.fixture(scope="session")
def compared(trained: Path) -> Comparison:
    """Networks of all kinds side by side: a run, a structure, cells, and one that is no structure; with a score."""
    names = [str(trained), NETWORK, CELLS[0], CELLS[1], "torchvision:squeezenet1_1", NETWORK]
    return zennas.compare(names, proxies="zen_expected", resolution=32)


def write_sidecar(path: Path, top1: float | None, name: str = "digits") -> None:
    """What an export leaves beside its file, as far as a page reads it."""
    accuracy = {"dataset": name, "images": 360, "pytorch": {"top1": 98.0}, "file": {"top1": top1}}
    sidecar = {
        "format": "onnx",
        "precision": "int8",
        "bytes": 1234,
        "accuracy": None if top1 is None else accuracy,
        "versions": {"onnx": "1.0"},
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(sidecar))


def write_unfinished_training(folder: Path, dataset: str = "digits") -> None:
    """What a training leaves that was killed in its third epoch."""
    folder.mkdir(parents=True)
    (folder / "checkpoint.pt").write_bytes(b"")
    settings = {"network": NETWORK, "dataset": dataset, "resolution": 16}
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    (folder / "settings.toml").write_text(f"{text}[recipe]\nepochs = 9\n")
    titles = "epoch,lr,train_loss,train_top1,test_top1,test_top5,seconds,images_per_second\n"
    (folder / "history.csv").write_text(f"{titles}1,0.1,2.3,20,25,60,1,100\n2,0.1,nan,40,41.5,80,1,100\n")


class Read(HTMLParser):
    """A page as a browser reads it: elements by name with their attributes, texts, and the contents of scripts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data

    @property
    def sections(self) -> list[str]:
        """The anchors of the sections."""
        return [str(attributes["id"]) for tag, attributes in self.elements if tag == "section"]
