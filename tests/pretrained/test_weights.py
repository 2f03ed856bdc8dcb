"""Weights from an address, from the cache and from the package: whole and checked, or an error in one line."""

from __future__ import annotations

import hashlib
import json
import resource
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

import ZenNet
from PlainNet import build
from PlainNet.checkpoint import CheckpointError
from pretrained import catalogue, download
from pretrained.entry import ZooError
from tests.conftest import SMALL

PUBLISHER = "https://idstcv.oss-cn-zhangjiakou.aliyuncs.com/ZenNet/pretrained_models"
FACTS = {
    "structure": SMALL,
    "num_classes": 10,
    "resolution": 16,
    "use_se": False,
    "normalisation": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
}


class Address(BaseHTTPRequestHandler):
    """Answers by path: whole, page, short, half (then nothing), mute, or not at all."""

    content: ClassVar[bytes] = b""
    over: ClassVar[threading.Event]

    def do_GET(self) -> None:
        way = self.path.strip("/")
        if way == "absent":
            self.send_error(404)
        elif way == "mute":
            self.over.wait(20)
        else:
            content = b"<html>log in</html>" if way == "page" else self.content
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content if way in ("whole", "page") else content[: len(content) // 2])
            self.wfile.flush()
            if way == "half":
                self.over.wait(20)

    def log_message(self, format: str, *args: Any) -> None:
        del format, args


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on this machine that gives the weights of a SMALL network."""
    monkeypatch.setenv("no_proxy", "*")
    Address.over = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Address)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Address.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package's folder without a model, and a cache beside it."""
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path / "package")
    monkeypatch.setattr(ZenNet, "CACHE", tmp_path / "cache")
    monkeypatch.setenv("ZENNAS_ZOO", str(tmp_path / "zoo"))
    (tmp_path / "package").mkdir()
    return tmp_path


def put_model(folder: Path, weights: dict[str, Any], **more: Any) -> None:
    content = {"defaults": {}, "models": {"small": {**FACTS, "weights": weights, **more}}}
    (folder / "package" / "zoo.json").write_text(json.dumps(content))
    catalogue._listed.cache_clear()


def made(path: Path, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    """Write weights of the network to `path`."""
    state = build(SMALL).state_dict()
    state = {name: t.to(dtype) if t.is_floating_point() else t for name, t in state.items()}
    torch.save({"state_dict": state}, path)
    return state


def loaded(state: dict[str, torch.Tensor]) -> bool:
    network = ZenNet.get_ZenNet("small", pretrained=True).state_dict()
    return all(torch.equal(network[name].float(), t.float()) for name, t in state.items())


def files(folder: Path) -> list[str]:
    """What there is in the cache, whatever it is called."""
    return sorted(path.name for path in (folder / "cache").rglob("*") if path.is_file())


def test_downloaded_once_recorded_and_verified(
    folder: Path, address: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = made(folder / "w.pth")
    Address.content = (folder / "w.pth").read_bytes()
    put_model(folder, {"url": f"{address}/whole", "path": "a/w.pth"})
    assert ZenNet.model_info("small")["weights"]["state"] == "address"
    assert ZenNet.list_models(pretrained=True) == []
    assert loaded(state)
    place = folder / "cache" / "a" / "w.pth"
    assert place.read_bytes() == Address.content
    assert place.stat().st_mode & 0o777 == 0o644
    digest = hashlib.sha256(Address.content).hexdigest()
    assert (folder / "cache" / "a" / "w.pth.sha256").read_text() == f"{digest}  w.pth\n"
    assert files(folder) == ["w.pth", "w.pth.sha256"]
    assert capfd.readouterr().err == ""  # no bar where there is no terminal
    assert ZenNet.model_info("small")["weights"] == {
        "state": "cached",
        "file": str(place),
        "url": f"{address}/whole",
        "sha256": None,
    }
    assert ZenNet.list_models(pretrained=True) == ["small"]
    monkeypatch.setattr(download, "urlopen", None)  # from here on it would fail
    assert loaded(state)
    other = made(place)
    with pytest.raises(
        CheckpointError,
        match=rf"SHA-256 is \w+, expected {digest}; delete it and .*w\.pth\.sha256 to download it again",
    ):
        loaded(other)
    (folder / "cache" / "a" / "w.pth.sha256").write_text("no hash")
    with pytest.raises(CheckpointError, match=r"w\.pth\.sha256 does not contain a SHA-256; delete"):
        loaded(other)
    (folder / "cache" / "a" / "w.pth.sha256").unlink()
    assert loaded(other)  # a file that somebody has put there


def test_the_bar_is_drawn_on_a_terminal(
    folder: Path, address: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for one
    state = made(folder / "w.pth")
    Address.content = (folder / "w.pth").read_bytes()
    put_model(folder, {"url": f"{address}/whole", "path": "w.pth"})
    assert loaded(state)
    out, err = capsys.readouterr()
    assert out == ""
    assert "small" in err


REASONS = {
    "absent": "HTTP 404 Not Found",
    "short": r"the connection was closed after [\d,]+ of [\d,]+ bytes",
    "half": r"no data for 0\.3 seconds after [\d,]+ bytes",
    "mute": r"no data for 0\.3 seconds",
    "page": "the downloaded file cannot be read as a checkpoint",
}


@pytest.mark.parametrize("way", REASONS)
def test_what_fails_leaves_nothing_and_says_what_to_do(
    folder: Path, address: str, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    made(folder / "w.pth")
    Address.content = (folder / "w.pth").read_bytes()
    put_model(folder, {"url": f"{address}/{way}", "path": "a/w.pth"})
    place = folder / "cache" / "a" / "w.pth"
    with pytest.raises(
        download.DownloadError, match=f"{address}/{way}: {REASONS[way]}.*put it at .*checkpoint=PATH"
    ) as e:
        ZenNet.get_ZenNet("small", pretrained=True)
    assert str(place) in str(e.value)
    assert "\n" not in str(e.value)
    assert files(folder) == []
    # The way out that it names.
    place.parent.mkdir(parents=True, exist_ok=True)
    assert loaded(made(place))


def test_a_download_of_something_else_is_refused(folder: Path, address: str) -> None:
    made(folder / "w.pth")
    Address.content = (folder / "w.pth").read_bytes()
    put_model(folder, {"url": f"{address}/whole", "path": "w.pth", "sha256": "0" * 64})
    with pytest.raises(download.DownloadError, match=f"its SHA-256 is .*, expected {'0' * 64}"):
        ZenNet.get_ZenNet("small", pretrained=True)
    put_model(folder, {"url": f"{address}/whole", "path": "w.pth"}, num_classes=11)
    with pytest.raises(download.DownloadError, match="the downloaded file does not fit the network: its fc_linear"):
        ZenNet.get_ZenNet("small", pretrained=True)
    assert files(folder) == []


def test_nobody_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    for url, reason in {"http://127.0.0.1:9/w": "Connection refused", "http://nowhere.invalid/w": r"\w+"}.items():
        put_model(folder, {"url": url, "path": "w.pth"})
        with pytest.raises(download.DownloadError, match=f"could not be downloaded from {url}: {reason}"):
            ZenNet.get_ZenNet("small", pretrained=True)
    assert not (folder / "cache").exists()


def test_a_disk_that_takes_no_more(folder: Path, address: str) -> None:
    made(folder / "w.pth")
    Address.content = (folder / "w.pth").read_bytes()
    put_model(folder, {"url": f"{address}/whole", "path": "w.pth"})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(download.DownloadError, match=r"w\.pth cannot be written: File too large"):
            ZenNet.get_ZenNet("small", pretrained=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files(folder) == []
    (folder / "cache").rmdir()
    (folder / "cache").write_text("a file")
    with pytest.raises(download.DownloadError, match=r"w\.pth cannot be written: (Not a directory|File exists)"):
        ZenNet.get_ZenNet("small", pretrained=True)


def test_an_interruption_leaves_nothing(folder: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    made(folder / "w.pth")
    Address.content = (folder / "w.pth").read_bytes()
    put_model(folder, {"url": f"{address}/whole", "path": "w.pth"})
    monkeypatch.setattr(download, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ZenNet.get_ZenNet("small", pretrained=True)
    assert files(folder) == []


def test_shipped_weights_in_half_precision(folder: Path) -> None:
    path = folder / "package" / "small.pth"
    state = made(path, torch.float16)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "package" / "small.md").write_text("# small\n")
    more: dict[str, Any] = {"top1": 91.5, "card": "small.md", "dataset": "digits", "num_classes": None}
    put_model(folder, {"file": "small.pth", "sha256": digest}, classes=[f"c{i}" for i in range(10)], **more)
    assert loaded(state)
    network = ZenNet.get_ZenNet("small", pretrained=True)
    assert {t.dtype for t in network.state_dict().values() if t.is_floating_point()} == {torch.float32}
    info = ZenNet.model_info("small")
    assert (info["origin"], info["weights"]["state"], info["num_classes"]) == ("shipped", "shipped", 10)
    assert info["card"] == str(folder / "package" / "small.md")
    assert info["params"] == sum(p.numel() for p in network.parameters())
    json.dumps(info)
    assert ZenNet.zennet_model_zoo == {}
    assert ZenNet.list_models(pretrained=True) == ["small"]
    made(path)
    with pytest.raises(CheckpointError, match=r"small\.pth has changed or is damaged.*install zennas again"):
        ZenNet.get_ZenNet("small", pretrained=True)
    path.unlink()
    assert ZenNet.model_info("small")["weights"]["state"] == "missing"
    assert ZenNet.list_models(pretrained=True) == []
    with pytest.raises(CheckpointError, match=r"are not in .*small\.pth: install zennas again"):
        ZenNet.get_ZenNet("small", pretrained=True)


def test_a_broken_catalogue_names_model_and_key(folder: Path) -> None:
    for weights in (
        {"file": "../w.pth"},
        {"url": "file:///etc/passwd", "path": "w"},
        {"url": "http://x", "path": "../w"},
    ):
        put_model(folder, weights)
        with pytest.raises(ZooError, match=r"zoo\.json, small: its weights need either file"):
            ZenNet.list_models()
    put_model(folder, {"file": "w.pth", "sha256": "12"})
    with pytest.raises(ZooError, match="sha256 of its weights is '12'"):
        ZenNet.list_models()


def test_all_published_addresses_have_one_form() -> None:
    data = json.loads((Path(catalogue.__file__).parent / "zoo.json").read_text(encoding="utf-8"))
    found = {name: model["weights"] for name, model in data["models"].items() if "url" in model["weights"]}
    assert len(found) == 15
    for name, weights in found.items():
        assert weights["url"] == f"{PUBLISHER}/{weights['path']}", name
        folder, _, file = weights["path"].partition("/")
        assert folder in (name, f"iccv2021_{name}")
        assert file == ("student_" if "imagenet" in name else "") + "best-params_rank0.pth"
