"""The published networks: names, sizes, checkpoint layout, and the logits that the published layout gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ZenNet
from benchmarks._zennas_layout import layout, marked_state, marks_arrived, reference_logits
from PlainNet import Options, cost, lower, parse
from PlainNet.checkpoint import from_zennas_keys
from PlainNet.ops import BatchNorm
from PlainNet.registry import UnknownNameError
from pretrained import catalogue
from pretrained.entry import PUBLISHED, SHIPPED
from tests.conftest import load_json
from tests.test_imports import FLOORS, ROOT, imported

MEASURED = ["zennet_cifar10_model_size05M_res32", "zennet_imagenet1k_flops400M_SE_res224"]
NAMES = list(ZenNet.zennet_model_zoo)
LARGE = 20e6
"""Parameters; such networks take seconds to make."""
BY_SIZE = [
    pytest.param(name, marks=pytest.mark.slow if ZenNet.model_info(name)["params"] > LARGE else ()) for name in NAMES
]


@pytest.fixture(autouse=True)
def _no_models_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZENNAS_ZOO", str(tmp_path / "zoo"))
    monkeypatch.setattr(ZenNet, "CACHE", tmp_path / "cache")


def rows_of(name: str) -> list[tuple[str, tuple[int, ...]]]:
    info = ZenNet.model_info(name)
    return layout(info["structure"], info["num_classes"], info["use_se"])


@pytest.mark.parametrize("name", MEASURED)
def test_published_layout_gives_the_reference_logits(reference: Path, tmp_path: Path, name: str) -> None:
    found = reference_logits(name, tmp_path)
    assert found is not None
    logits, facts = found
    scale = facts["logits_absmax"]
    assert ZenNet.model_info(name)["params"] == facts["params"]
    assert logits[:, :8].numpy() == pytest.approx(np.array(facts["logits_first8"]), abs=1e-4 * scale)
    assert logits.sum(1).numpy() == pytest.approx(np.array(facts["logits_sum"]), abs=1e-3 * scale)


@pytest.mark.parametrize("name", MEASURED)
def test_the_layout_written_anew_is_the_one_that_zen_nas_gave(reference: Path, name: str) -> None:
    keys = load_json(reference / f"{name}.json")["keys"]
    assert rows_of(name) == [(key, tuple(shape)) for key, shape, _ in keys]


@pytest.mark.parametrize("name", BY_SIZE)
def test_every_published_layout_loads_strictly(tmp_path: Path, name: str) -> None:
    torch.save({"state_dict": marked_state(rows_of(name))}, tmp_path / "marked.pth")
    assert marks_arrived(ZenNet.get_ZenNet(name, checkpoint=tmp_path / "marked.pth"))


@pytest.mark.parametrize("name", BY_SIZE)
def test_both_namings_give_the_same_logits(tmp_path: Path, name: str) -> None:
    draw = torch.Generator().manual_seed(0)
    state = {key: torch.rand(shape, generator=draw) + 0.5 for key, shape in rows_of(name)}
    state = {key: t.div(max(1, t[0].numel())) if t.dim() > 1 else t for key, t in state.items()}
    state |= {key: t.long() for key, t in state.items() if key.endswith("tracked")}
    torch.save(state, tmp_path / "theirs.pth")
    network = ZenNet.get_ZenNet(name, checkpoint=tmp_path / "theirs.pth").eval()
    images = torch.randn((2, 3, 32, 32), generator=draw)
    with torch.inference_mode():
        theirs = network(images)
        network.load_state_dict(from_zennas_keys(state))
        assert torch.equal(theirs, network(images))
    assert theirs.std() > 0


def test_a_layout_that_is_not_the_models_is_refused(tmp_path: Path) -> None:
    torch.save(marked_state(rows_of(NAMES[0])), tmp_path / "marked.pth")
    for other in (NAMES[1], NAMES[3]):
        with pytest.raises(ValueError, match="does not fit the network"):
            ZenNet.get_ZenNet(other, checkpoint=tmp_path / "marked.pth")


def sizes(name: str) -> dict[str, Any]:
    return {key: ZenNet.model_info(name)[key] for key in ("resolution", "num_classes", "use_se")}


@pytest.mark.parametrize("name", NAMES)
def test_counts_are_exact(name: str) -> None:
    info = ZenNet.model_info(name)
    counted = cost(info["structure"], **sizes(name))
    assert (info["params"], info["flops"]) == (counted.params, counted.flops)


def rounds_to(key: str, exact: float, published: float) -> bool:
    """Whether the figure of the published table is the exact one, rounded to the digits that the table has."""
    last = {"params": 1e5 if published < 1e8 else 1e6, "flops": 1e6 if published < 1e9 else 1e8}[key]
    return abs(exact - published) <= last / 2


@pytest.mark.parametrize("name", NAMES)
def test_a_note_says_where_published_figures_differ(name: str) -> None:
    info = ZenNet.model_info(name)
    differ = {key for key in ("params", "flops") if not rounds_to(key, info[key], info["published"][key])}
    said = {key for key, word in (("params", "params"), ("flops", "FLOPs")) if word in (info["note"] or "")}
    assert differ == said


@pytest.mark.parametrize("name", [name for name in NAMES if "cifar" in name or "flops" in name])
def test_published_flops_are_with_batch_norm(name: str) -> None:
    info = ZenNet.model_info(name)
    use_se = "flops900M" in name  # the others' row in the table is without
    shape = {**sizes(name), "use_se": use_se}
    graph = lower(
        parse(info["structure"]),
        resolution=shape["resolution"],
        num_classes=shape["num_classes"],
        options=Options(use_se),
    )
    elements = sum(n.op.channels * n.shape.size**2 for n in graph.nodes if isinstance(n.op, BatchNorm))
    counted = cost(info["structure"], **shape)
    assert counted.flops + 2 * elements == pytest.approx(info["published"]["flops"], rel=0.004)
    assert counted.params == pytest.approx(info["published"]["params"], rel=0.1 if "cifar" in name else 0.004)


def test_the_zoo_is_zen_nas_s() -> None:
    assert len(NAMES) == 15
    assert [name for name in ZenNet.list_models() if name in NAMES] == NAMES
    zoo = ZenNet.zennet_model_zoo
    assert zoo[NAMES[0]]["pth_path"] == "zennet_cifar10_model_size05M_res32/best-params_rank0.pth"
    crops = {one["crop_image_size"] for name, one in zoo.items() if "cifar" in name}
    assert crops == {32}
    assert {name: one["crop_image_size"] for name, one in zoo.items() if one["crop_image_size"] not in (32, 320)} == {
        "zennet_imagenet1k_latency12ms_res224": 380
    }
    base = "https://idstcv.oss-cn-zhangjiakou.aliyuncs.com"
    for name, one in zoo.items():
        assert one["pretrained_pth_url"] == f"{base}/ZenNet/pretrained_models/{one['pth_path']}"
        assert one["use_SE"] == ("_SE_" in name)
        assert one["num_classes"] == {"cifar10": 10, "cifar100": 100, "imagenet1k": 1000}[name.split("_")[1]]
        assert one["resolution"] == int(name.rpartition("res")[2])


def test_structures_are_the_published_ones(published: dict[str, str]) -> None:
    ours = {entry.structure for entry in catalogue.listed().values() if entry.origin == PUBLISHED}
    assert ours == set(published.values())
    for name in NAMES:
        alike = name.replace("cifar100", "cifar").replace("cifar10", "cifar").replace("_SE", "")
        assert ZenNet.model_info(name)["structure"] == published[alike]


def test_what_this_project_trained_is_here() -> None:
    for entry in catalogue.listed().values():
        if entry.origin == SHIPPED:
            assert entry.weights.sha256 is not None
            assert entry.top1 is not None
            assert entry.classes is not None
            assert entry.card is not None
            assert entry.card.is_file()
            ZenNet.get_ZenNet(entry.name, pretrained=True)
            counted = cost(entry.structure, **sizes(entry.name))
            assert (entry.params, entry.flops) == (counted.params, counted.flops)


def test_wildcards() -> None:
    assert len(ZenNet.list_models("zennet_imagenet1k_*")) == 9
    assert ZenNet.list_models("*_size1M_*") == [NAMES[1], NAMES[4]]
    assert ZenNet.list_models(NAMES[2]) == [NAMES[2]]
    assert ZenNet.list_models("resnet*") == []
    assert [name for name in ZenNet.list_models(pretrained=True) if name in NAMES] == []


def test_misses_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean .*zennet_cifar10_model_size1M_res32"):
        ZenNet.get_ZenNet("zennet_cifar10_model_size1M")
    for name in ("", "..", "nothing like it", "../../etc"):
        with pytest.raises(UnknownNameError, match="list_models"):
            ZenNet.model_info(name)
    with pytest.raises(ValueError, match="does not exist"):
        ZenNet.get_ZenNet(MEASURED[0], checkpoint=tmp_path / "absent.pth")
    with pytest.raises(AttributeError):
        ZenNet.no_such_thing  # noqa: B018


def test_the_zoo_imports_plainnet_only_and_no_torch() -> None:
    for path in (ROOT / "pretrained").glob("*.py"):
        tops = {name.partition(".")[0] for name in imported(path)}
        assert tops & {name for floor in FLOORS for name in floor} <= {"PlainNet", "pretrained"}
    code = (
        "import sys, ZenNet; ZenNet.model_info(ZenNet.list_models()[0]); print({'torch', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("name", "params", "macs", "top1"),
    [
        ("proxylessnas_mobile", "4.081", "320.4", 74.6),
        ("proxylessnas_cpu", "4.362", "439.2", 75.3),
        ("proxylessnas_gpu", "7.120", "465.3", 75.1),
    ],
)
def test_networks_of_proxylessnas_cost_what_was_published(name: str, params: str, macs: str, top1: float) -> None:
    info = ZenNet.model_info(name)
    counted = cost(info["structure"], **sizes(name))
    assert f"{counted.params / 1e6:.3f}" == params
    assert f"{counted.flops / 1e6:.1f}" == macs
    assert (info["params"], info["flops"]) == (counted.params, counted.flops)
    assert info["published"]["top1"] == top1
    assert info["source"].startswith("ProxylessNAS")


def test_a_structure_without_weights_says_so() -> None:
    info = ZenNet.model_info("proxylessnas_mobile")
    assert (info["origin"], info["weights"]["state"], info["weights"]["file"]) == ("structure", "none", None)
    assert "proxylessnas_mobile" not in ZenNet.list_models(pretrained=True)
    with pytest.raises(ValueError, match="as a structure without weights: train it, or pass a file"):
        ZenNet.get_ZenNet("proxylessnas_mobile", pretrained=True)
