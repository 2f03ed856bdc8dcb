"""Programs as proxies, `program:NAME` and `program:FILE`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import torch
from torch import nn

import ZeroShotProxy
from PlainNet import Structure
from PlainNet.registry import Registry, RegistryError, UnknownNameError
from SearchSpace.nasbench201 import EDGES, all_cells, network
from ZeroShotProxy import PROXIES, ProxyError, Score, ScoreSettings, ensembles
from ZeroShotProxy.base import LONGEST_MEANING, WrongProxyError
from ZeroShotProxy.programs.files import published

SETTINGS = ScoreSettings(resolution=8, batch_size=4, repeats=2, device="cpu")
ROOT = Path(__file__).resolve().parents[3]


def networks(count: int) -> list[Structure]:
    """Small networks of NAS-Bench-201, with a way from the input of a cell to its output."""
    connected = [cell for cell in all_cells() if cell.edges[EDGES.index((3, 0))]]
    return [network(cell, channels=4, cells=1) for cell in Random(0).sample(connected, count)]


def scores(structure: Structure, *names: str) -> dict[str, Score]:
    return ZeroShotProxy.score(structure, names, SETTINGS)


@pytest.mark.parametrize("count", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_eznas_a_is_one_of_its_programs(count: int) -> None:
    for structure in networks(count):
        found = scores(structure, "eznas_a", "eznas_a_weight", "program:eznas_a", "program:eznas_a_weight")
        for name in ("eznas_a", "eznas_a_weight"):
            assert found[f"program:{name}"].value == pytest.approx(found[name].value, rel=1e-5)
            assert found[f"program:{name}"].repeats == pytest.approx(found[name].repeats, rel=1e-5)


@pytest.mark.parametrize("name", ["topprog", "inverse_output", "kl_grad_output"])
def test_the_other_published_programs_give_scores(name: str) -> None:
    found = [scores(structure, f"program:{name}")[f"program:{name}"].value for structure in networks(4)]
    assert len(set(found)) == 4


def test_one_published_program_needs_units_that_keep_the_shape() -> None:
    keeping = nn.Sequential(
        *(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)),
        *(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10)),
    )
    torch.manual_seed(0)
    images = torch.randn(4, 3, 8, 8)
    assert ZeroShotProxy.score(keeping, images, ["program:negative_log"], SETTINGS)["program:negative_log"].value > 0
    with pytest.raises(ProxyError, match=r"proxy program:negative_log fails: unit \d+ of \d+: add of .* not possible"):
        scores(networks(1)[0], "program:negative_log")


def test_topprog_is_the_squared_norm_of_what_relus_get() -> None:
    unit = nn.Sequential(nn.ReLU(), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))
    noise = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    found = ZeroShotProxy.score(unit, torch.rand(4, 3, 8, 8), ["program:topprog"], SETTINGS)["program:topprog"]
    assert found.value == pytest.approx(float(noise.square().sum()), rel=1e-5)


def test_a_file_is_a_proxy_wherever_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('program = "square(frobenius(pre_noise))"\nname = "my own"')
    monkeypatch.chdir(tmp_path)
    full = f"program:{path}"
    structure = networks(1)[0]
    found = scores(structure, "Program:mine.toml", "program:topprog", full)
    assert list(found) == [full, "program:topprog"]
    assert found[full].value == found["program:topprog"].value
    assert ensembles.find("mean_rank(program:mine.toml + flops)").parts == (full, "flops")
    ranked = ZeroShotProxy.score_population(networks(3), ["mean_rank(program:mine.toml+flops)"], SETTINGS)
    assert len(ranked) == 3
    assert PROXIES.get("program:mine.toml") is PROXIES.get(full)


def test_what_a_program_says_of_itself() -> None:
    for name in published():
        info = PROXIES.get(f"program:{name}").info
        assert info.higher_is_better
        assert info.torch is (name != "mean_field")
        assert len(info.meaning) <= LONGEST_MEANING
        needs = {"topprog": "module", "eznas_a_weight": "module", "mean_field": "structure"}
        assert info.needs == needs.get(name, "batch")
    assert not any(proxy.info.name.startswith("program:") for proxy in PROXIES)


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("program:", UnknownNameError, "neither a file nor a published program ''"),
        ("program:eznas", UnknownNameError, "did you mean eznas_a"),
        ("program:/nowhere/mine.toml", UnknownNameError, "neither a file nor a published program '/nowhere/mine.toml'"),
        (f"program:{ROOT / 'README.md'}", WrongProxyError, "is not a TOML file"),
        ("programme:eznas_a", UnknownNameError, "unknown proxy 'programme:eznas_a'"),
    ],
)
def test_names_of_no_program(name: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        ensembles.find(name)


def test_a_batch_that_is_too_small_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('program = "pre_data"\nbatch = 5')
    with pytest.raises(ProxyError, match=r"program:.* fails: the program looks at 5 images, but the batch has 4"):
        scores(networks(1)[0], f"program:{path}")


def test_looking_a_program_up_does_not_import_torch() -> None:
    code = "import sys, ZeroShotProxy.ensembles as e; e.find('program:eznas_a'); print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_families_of_a_registry() -> None:
    registry: Registry[str] = Registry("proxy", "ZeroShotProxy.teg.spaces")
    registry.add_family("Text", lambda text: text.upper())
    assert registry.get("text:a:B") == "A:B"
    assert registry.spelling("TEXT:a") == "TEXT:a"
    with pytest.raises(RegistryError, match="two parts claim the proxys 'text:'"):
        registry.add_family("text", str)
    with pytest.raises(UnknownNameError):
        registry.get("other:a")
