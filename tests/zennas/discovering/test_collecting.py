"""Statistics of networks in a folder: what is stored, how much it is, resuming, and damaged folders."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import torch

from PlainNet import Structure, lower
from PlainNet.lock import LOCK, FolderInUseError, locked
from SearchSpace.nasbench201 import Cell201, network
from zennas.discovering import collecting
from zennas.discovering.cache import HEAD, Cache, checksum_of
from zennas.discovering.collecting import collect
from zennas.discovering.errors import CacheError, DiscoveryError
from zennas.discovering.layout import bytes_of
from zennas.discovering.settings import CollectingSettings
from ZeroShotProxy import ScoreSettings
from ZeroShotProxy.engine.measures import network_of
from ZeroShotProxy.engine.probe import Probe
from ZeroShotProxy.programs.closed_form import CLOSED_FORMS
from ZeroShotProxy.programs.convolutions import closed_forms
from ZeroShotProxy.programs.statistics import statistics_of_units

from .networks import WITHOUT_UNITS, images, networks

ROOT = Path(__file__).resolve().parents[3]
CHOSEN = CollectingSettings(
    ("weight", "pre_perturbed", "grad_output_noise"), batch=2, seed=3, perturbed="value", units="conv-bn-relu"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder to be."""
    return tmp_path / "statistics"


def content(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


@pytest.mark.parametrize("settings", [CollectingSettings(), CHOSEN])
def test_the_folder_has_what_networks_have(folder: Path, settings: CollectingSettings) -> None:
    collect(networks(), images(), folder, settings)
    cache = Cache(folder)
    assert cache.settings == settings
    for structure in networks():
        chosen = ScoreSettings(seed=settings.seed)
        batch = torch.from_numpy(images()[: settings.batch])
        probe = Probe(network_of(structure, chosen), batch, None, seed=settings.seed, initialisation="kaiming_fan_out")
        fresh = statistics_of_units(probe, settings.statistics, settings.perturbed, units=settings.units)
        found = cache.network(structure)
        assert found.structure == structure
        found.verify()
        assert len(found.units) == len(fresh) > 0
        for unit, wanted in zip(found.units, fresh, strict=True):
            assert tuple(unit) == settings.statistics
            assert all(torch.equal(unit[name], wanted[name]) for name in wanted)
            assert all(unit[name].data_ptr() % 64 == 0 for name in wanted)


@pytest.mark.parametrize("settings", [CollectingSettings(), CHOSEN])
def test_the_size_is_known_beforehand(folder: Path, settings: CollectingSettings) -> None:
    structures = [*networks(), WITHOUT_UNITS]
    cache = collect(structures, images(side=15), folder, settings)
    for structure in structures:
        path = cache.network(structure).path
        assert bytes_of(structure, settings, 15) == (path.stat().st_size if path.exists() else 0)
    assert (bytes_of(WITHOUT_UNITS, settings, 15) == 0) is (settings.units == "relu-conv-bn")
    written = sum(path.stat().st_size for path in folder.glob("*.f32"))
    assert sum(bytes_of(structure, settings, 15) for structure in structures) == written > 0


def test_networks_without_statistics_are_stored_with_the_reason(folder: Path) -> None:
    no_path = network(Cell201((0,) * 6), channels=4, cells=1)
    cache = collect([WITHOUT_UNITS, no_path], images(), folder)
    assert cache.network(WITHOUT_UNITS).missing == "the network has no convolution between a ReLU and a batch-norm"
    assert cache.network(no_path).missing == "the gradient of the logits is zero everywhere"
    assert len(cache.network(no_path).units) == 0
    assert {path.suffix for path in folder.iterdir()} == {".json"}
    cache.network(no_path).verify()
    small = collect(networks(1), images(side=4), folder.with_name("small"))
    assert "Expected more than 1 value per channel" in str(small.network(networks(1)[0]).missing)


def test_closed_forms_are_stored_like_tensors(folder: Path) -> None:
    no_path = network(Cell201((0,) * 6), channels=4, cells=1)
    settings = CollectingSettings(tuple(CLOSED_FORMS), num_classes=7)
    cache = collect([*networks(), WITHOUT_UNITS, no_path], images(side=15), folder, settings)
    for structure in [*networks(), WITHOUT_UNITS]:
        stored = cache.network(structure)
        wanted = closed_forms(lower(structure, resolution=15, num_classes=7))
        (unit,) = stored.units
        assert {name: unit[name].tolist() for name in unit} == {name: wanted[name].tolist() for name in wanted}
        assert 0 < stored.path.stat().st_size <= bytes_of(structure, settings, 15) < 20_000
        stored.verify()
    assert cache.network(no_path).missing == "no gradient of the output reaches the input"
    assert bytes_of(no_path, settings, 15) > 0
    with pytest.raises(DiscoveryError, match="weight is a tensor of a unit, but flops is in closed form"):
        CollectingSettings(("weight", "flops"))


def test_a_killed_collection_is_continued(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"""
import os, signal
from pathlib import Path
from tests.zennas.discovering.networks import images, networks
from zennas.discovering import collecting
from PlainNet.files import publish
written = 0
def killed(draft, path):
    global written
    written += 1
    if written == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    publish(draft, path)
collecting.publish = killed
collecting.collect(networks(), images(), Path({str(folder)!r}))
"""
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    cache, before = Cache(folder), times(folder)
    assert [cache.has(structure) for structure in networks()] == [True, True, False]
    assert len(list(folder.glob("*.f32"))) == 2
    assert len([name for name in before if name.startswith(".") and name != LOCK]) == 1  # what was being written
    monkeypatch.setattr(collecting, "Probe", seen := CountedProbes())
    collect(networks(), images(), folder)
    assert seen.count == 1
    kept = [name for name in before if not name.startswith(".")]
    assert {name: times(folder)[name] for name in kept} == {name: before[name] for name in kept}
    assert not any(path.name.startswith(".") for path in folder.iterdir())
    collect(networks(), images(), whole := folder.with_name("whole"))
    assert content(folder) == content(whole)


class CountedProbes:
    """Makes probes, and counts them."""

    count = 0

    def __call__(self, *args: object, **kwargs: object) -> Probe:
        self.count += 1
        return Probe(*args, **kwargs)  # type: ignore[arg-type]


def test_networks_can_be_added(folder: Path) -> None:
    collect(networks(1), images(), folder)
    seen: list[tuple[int, int]] = []
    collect(
        [*networks(2), *networks(2)], images(), folder, progress=lambda done, total, note: seen.append((done, total))
    )
    assert seen == [(0, 2), (1, 2), (2, 2)]
    assert {str(stored.structure) for stored in Cache(folder).networks()} == set(map(str, networks(2)))


def test_other_settings_and_images_are_refused(folder: Path) -> None:
    collect(networks(1), images(), folder)
    before = content(folder)
    with pytest.raises(CacheError, match="was collected with batch 1, not 2: choose another folder"):
        collect(networks(1), images(), folder, replace(CollectingSettings(), batch=2))
    with pytest.raises(CacheError, match="was collected with other images"):
        collect(networks(1), images(seed=1), folder)
    collect(networks(1), images(5)[:1], folder)  # the networks see no other images
    with pytest.raises(FolderInUseError, match="the folder of statistics in"), locked(folder):
        collect(networks(1), images(), folder)
    assert content(folder) == before


def test_wrong_settings_and_images() -> None:
    with pytest.raises(DiscoveryError, match=r"unknown statistic 'pre_dat' \(did you mean pre_data"):
        CollectingSettings(("pre_dat",))
    with pytest.raises(DiscoveryError, match="expected at least one, and none twice"):
        CollectingSettings(("weight", "weight"))
    with pytest.raises(DiscoveryError, match="batch is 0, expected at least 1"):
        CollectingSettings(batch=0)
    with pytest.raises(DiscoveryError, match="initialisation is 'zeros', expected own or"):
        CollectingSettings(initialisation="zeros")
    with pytest.raises(DiscoveryError, match="there are 2 images, fewer than a batch of 3"):
        CollectingSettings(batch=3).of_these(images())
    with pytest.raises(DiscoveryError, match="expected float32, "):
        CollectingSettings().of_these(images()[0])


def write(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.fixture
def stored(folder: Path) -> tuple[Path, Structure]:
    """A folder with one network."""
    settings = CollectingSettings(("weight",))
    collect(networks(1), images(), folder, settings)
    return folder, networks(1)[0]


def refused(folder: Path, structure: Structure, says: str) -> None:
    with pytest.raises(CacheError, match=says) as error:
        Cache(folder).network(structure).verify()
    assert "\n" not in str(error.value)
    with pytest.raises(CacheError):
        Cache(folder).networks()[0].verify()


def test_damaged_networks(stored: tuple[Path, Structure]) -> None:
    folder, structure = stored
    found = Cache(folder).network(structure)
    index, data = found.path.with_suffix(".json"), found.path.read_bytes()
    found.path.write_bytes(data[:-1])
    refused(
        folder,
        structure,
        f"damaged or foreign: it has {len(data) - 1} bytes, expected {len(data)}; remove {index.name}",
    )
    with pytest.raises(CacheError, match="damaged"):
        collect([structure], images(), folder, CollectingSettings(("weight",)))
    found.path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    refused(folder, structure, "its checksum differs")
    found.path.unlink()
    refused(folder, structure, f"it is not there; remove {index.name} and collect again")
    good = index.read_text()
    index.unlink()
    collect([structure], images(), folder, CollectingSettings(("weight",)))  # as the message says
    assert (found.path.read_bytes(), index.read_text()) == (data, good)
    parts, units = (json.loads(good)[name] for name in ("parts", "units"))
    how, of, shape, options = parts[0]
    impossible: list[dict[str, object]] = [
        {"units": [[len(parts)], *units[1:]]},
        {"units": [[0, 0], *units[1:]]},
        {"units": [3]},
        {"units": [[]]},
        {"units": []},
        {"parts": parts[1:]},
        {"parts": [[how, of, [2, -2], options], *parts[1:]]},
        {"parts": [["relu", [0], shape, options], *parts[1:]]},
        {"parts": [["relu", [], shape, options], *parts[1:]]},
        {"parts": [["copied", of, shape, options], *parts[1:]]},
        {"parts": [3]},
        {"missing": 3},
        {"checksum": None},
        {"structure": str(WITHOUT_UNITS)},
        {"structure": "SuperConv("},
    ]
    for changes in impossible:
        write(index, **changes, index=checksum_of({**json.loads(good), **changes}))
        refused(folder, structure, "is damaged or foreign: ")
    for changes in [*impossible, {"units": units[1:]}, {"index": 0}, {"index": None}]:
        index.write_text(good)
        write(index, **changes)
        refused(folder, structure, "is damaged or foreign: ")
    index.write_text(good)
    for text in ("", "[]", good[:-20], "[" * 100_000):
        index.write_text(text)
        refused(folder, structure, "is damaged or foreign: ")
    index.unlink()
    os.mkfifo(index)
    refused(folder, structure, "it is not a regular file")


def test_damaged_and_foreign_folders(stored: tuple[Path, Structure], tmp_path: Path) -> None:
    folder, structure = stored
    with pytest.raises(CacheError, match="has no statistics of SuperConvK3BNRELU"):
        Cache(folder).network(WITHOUT_UNITS)
    with pytest.raises(CacheError, match=f"is not a folder of statistics: it has no {HEAD}"):
        Cache(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    with pytest.raises(CacheError, match=r"has mine\.txt but no cache\.json: choose an empty folder"):
        collect([structure], images(), tmp_path / "notes")
    assert content(tmp_path / "notes").keys() == {"mine.txt"}
    write(folder / HEAD, format=1)
    with pytest.raises(CacheError, match="has format 1, expected 3"):
        Cache(folder)
    write(folder / HEAD, format=3, settings={"statistics": ["weight"], "colour": 3})
    with pytest.raises(CacheError, match=r"cache\.json is damaged or foreign: "):
        Cache(folder)
    write(folder / HEAD, settings={"statistics": 3})
    with pytest.raises(CacheError, match=r"cache\.json is damaged or foreign: "):
        Cache(folder)
