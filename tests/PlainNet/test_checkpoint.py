"""Weights from files: this project's and Zen-NAS's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from PlainNet import build, parse
from PlainNet.checkpoint import CheckpointError, from_zennas_keys, load_checkpoint
from tests.conftest import SMALL


def test_zen_nas_names_become_ours() -> None:
    tensor = torch.zeros(1)
    names = {
        "module_list.1.module_list.0.module_list.3.netblock.weight": "blocks.1.0.3.weight",
        "module_list.1.module_list.0.proj.0.bias": "blocks.1.0.proj.0.bias",
        "module_list.1.module_list.0.module_list.6.netblock.1.weight": "blocks.1.0.6.1.weight",
        "module.module_list.0.module_list.1.netblock.running_mean": "blocks.0.1.running_mean",
        "fc_linear.netblock.weight": "fc_linear.weight",
        "blocks.1.0.3.weight": "blocks.1.0.3.weight",
    }
    for theirs, ours in names.items():
        assert list(from_zennas_keys({theirs: tensor})) == [ours]


@pytest.mark.parametrize("wrapped", [True, False])
def test_round_trip(tmp_path: Path, wrapped: bool) -> None:
    first, second = build(parse(SMALL)), build(parse(SMALL))
    state = first.state_dict()
    torch.save({"state_dict": state, "epoch": 3} if wrapped else state, tmp_path / "w.pt")
    load_checkpoint(second, tmp_path / "w.pt")
    assert all(torch.equal(a, b) for a, b in zip(state.values(), second.state_dict().values(), strict=True))


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("code in a checkpoint was run",)


def test_bad_files_change_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = build(parse(SMALL))
    state = network.state_dict()
    before = {name: tensor.clone() for name, tensor in state.items()}
    one = "fc_linear.bias"
    bad = {
        "missing": {name: t + 1 for name, t in state.items() if name != one},
        "surplus": {**{name: t + 1 for name, t in state.items()}, "extra": torch.zeros(1)},
        "shape": {**{name: t + 1 for name, t in state.items()}, one: torch.zeros(11)},
        "list": [1, 2, 3],
        "numbers": {"state_dict": {"a": 1}},
        "evil": {"state_dict": Evil()},
    }
    messages = {"missing": "lacks fc_linear.bias", "surplus": "has extra", "shape": r"shape \(11,\)"}
    for name, content in bad.items():
        torch.save(content, tmp_path / name)
        with pytest.raises(CheckpointError, match=messages.get(name, name)):
            load_checkpoint(network, tmp_path / name)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("no checkpoint")
    for name in ("empty", "text", "absent", "."):
        with pytest.raises(CheckpointError):
            load_checkpoint(network, tmp_path / name)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert "was run" not in capsys.readouterr().out


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    network = build(parse(SMALL))
    state = {**network.state_dict(), "fc_linear.bias": torch.full((10,), float("nan"))}
    torch.save(state, tmp_path / "nan.pt")
    with pytest.raises(CheckpointError, match=r"nan\.pt contains broken weights: its fc_linear\.bias"):
        load_checkpoint(network, tmp_path / "nan.pt")


@pytest.mark.parametrize("kind", [KeyError, IndexError, RecursionError, NotImplementedError, RuntimeError])
def test_whatever_torch_raises_is_one_plain_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise kind("\x1b[1mbroken\x1b[0m\nand much more")

    (tmp_path / "x.pt").write_bytes(b"\x80\x02 anything")
    monkeypatch.setattr(torch, "load", fail)
    with pytest.raises(CheckpointError, match="cannot be read as a checkpoint") as caught:
        load_checkpoint(build(parse(SMALL)), tmp_path / "x.pt")
    assert not {"\x1b", "\n"} & set(str(caught.value))


def test_one_missing_tensor_is_one(tmp_path: Path) -> None:
    network = build(parse(SMALL))
    torch.save({name: t for name, t in network.state_dict().items() if name != "fc_linear.bias"}, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=r"it lacks fc_linear\.bias$"):
        load_checkpoint(network, tmp_path / "w.pt")
