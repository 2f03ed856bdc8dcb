"""The published networks: names, sizes, checkpoint layout, and the logits that the published layout gives."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import ZenNet
from PlainNet import cost, parse
from PlainNet.checkpoint import from_zennas_keys
from tests.conftest import load_json

MEASURED = ["zennet_cifar10_model_size05M_res32", "zennet_imagenet1k_flops400M_SE_res224"]


def weights(index: int, key: str, shape: list[int], dtype: str) -> torch.Tensor:
    """The rule that the reference was made with: the i-th entry of the state dict from PCG64(i)."""
    rng = np.random.Generator(np.random.PCG64(index))
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if key.endswith("running_var"):
        value = rng.uniform(0.5, 1.5, shape)
    elif len(shape) > 1:
        value = rng.standard_normal(shape) * math.sqrt(1 / np.prod(shape[1:]))
    else:
        value = 0.1 * rng.standard_normal(shape) + (1.0 if key.endswith("weight") else 0.0)
    return torch.from_numpy(value.astype(dtype))


@pytest.mark.parametrize("name", MEASURED)
def test_published_layout_gives_the_reference_logits(reference: Path, tmp_path: Path, name: str) -> None:
    facts = load_json(reference / f"{name}.json")
    state = {key: weights(i, key, shape, dtype) for i, (key, shape, dtype) in enumerate(facts["keys"])}
    torch.save({"state_dict": state}, tmp_path / "checkpoint.pth")
    network = ZenNet.get_ZenNet(name, checkpoint=tmp_path / "checkpoint.pth").eval()
    assert sum(p.numel() for p in network.parameters()) == facts["params"]
    assert list(network.state_dict()) == list(from_zennas_keys(state))
    rng = np.random.Generator(np.random.PCG64(12345))
    side = facts["resolution"]
    x = torch.from_numpy(rng.standard_normal((2, 3, side, side)).astype(np.float32))
    with torch.no_grad():
        logits = network(x)
    scale = facts["logits_absmax"]
    assert logits[:, :8].numpy() == pytest.approx(np.array(facts["logits_first8"]), abs=1e-4 * scale)
    assert logits.sum(1).numpy() == pytest.approx(np.array(facts["logits_sum"]), abs=1e-3 * scale)


# Parameters and FLOPs in millions as Zen-NAS's tables have them, where they describe the network as deployed.
TABLE = {
    "zennet_cifar10_model_size05M_res32": (0.5, None),
    "zennet_cifar10_model_size1M_res32": (1.0, None),
    "zennet_cifar10_model_size2M_res32": (2.0, None),
    "zennet_imagenet1k_flops900M_SE_res224": (19.4, None),
    "zennet_imagenet1k_latency01ms_res224": (30.1, 1.7e3),
    "zennet_imagenet1k_latency02ms_res224": (49.7, 3.4e3),
    "zennet_imagenet1k_latency03ms_res224": (85.4, 4.8e3),
    "zennet_imagenet1k_latency05ms_res224": (118, 8.3e3),
    "zennet_imagenet1k_latency08ms_res224": (183, 13.9e3),
    "zennet_imagenet1k_latency12ms_res224": (180, 22.0e3),
}


@pytest.mark.parametrize("name", TABLE)
def test_sizes_are_the_published_ones(name: str) -> None:
    info = ZenNet.model_info(name)
    counted = cost(
        parse(info["structure"]),
        resolution=info["resolution"],
        num_classes=info["num_classes"],
        use_se=info["use_se"],
    )
    params, flops = TABLE[name]
    assert counted.params / 1e6 == pytest.approx(params, rel=0.011)
    if flops is not None:
        assert counted.flops / 1e6 == pytest.approx(flops, rel=0.035)


def test_all_published_names_are_there() -> None:
    names = ZenNet.list_models()
    assert len(names) == 15
    assert all(parse(ZenNet.model_info(name)["structure"]) for name in names)
    zoo = ZenNet.zennet_model_zoo
    assert list(zoo) == names
    assert zoo[names[0]]["pth_path"] == "zennet_cifar10_model_size05M_res32/best-params_rank0.pth"


def test_structures_are_the_published_ones(published: dict[str, str]) -> None:
    ours = {ZenNet.model_info(name)["structure"] for name in ZenNet.list_models()}
    assert ours == set(published.values())


def test_misses_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="did you mean zennet_cifar10_model_size1M_res32"):
        ZenNet.get_ZenNet("zennet_cifar10_model_size1M")
    with pytest.raises(ValueError, match="is not there"):
        ZenNet.get_ZenNet(MEASURED[0], checkpoint=tmp_path / "absent.pth")
    monkeypatch.setattr(ZenNet, "CACHE", tmp_path)
    with pytest.raises(ValueError, match="put the file there"):
        ZenNet.get_ZenNet(MEASURED[0], pretrained=True)
    with pytest.raises(AttributeError):
        ZenNet.no_such_thing  # noqa: B018
