"""Files of weights that other programs wrote: what is found in them, and what is refused by name."""

from __future__ import annotations

import argparse
import datetime
import io
import os
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from PlainNet import build, parse
from PlainNet.checkpoint import CheckpointError, load_checkpoint
from PlainNet.masternet import MasterNet
from PlainNet.state_dicts import read_state
from PlainNet.weights_path import is_weights_file, split_path
from tests.conftest import SMALL

State = dict[str, Tensor]


def network(seed: int = 0) -> MasterNet:
    torch.manual_seed(seed)
    made = build(parse(SMALL))
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()  # type: ignore[union-attr]
    return made


def prefixed(prefix: str) -> Callable[[State], State]:
    return lambda state: {f"{prefix}{name}": tensor for name, tensor in state.items()}


def without_counters(state: State) -> State:
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


def compiled_inside(state: State) -> State:
    return {name.replace("blocks.", "blocks._orig_mod.", 1): tensor for name, tensor in state.items()}


def of_lightning(state: State) -> dict[str, Any]:
    return {
        "epoch": 3,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": OrderedDict(**prefixed("model.")(state), **{"criterion.weight": torch.ones(10)}),
        "callbacks": {"ModelCheckpoint{}": {"best_model_score": torch.tensor(0.7), "best_model_path": "a.ckpt"}},
        "optimizer_states": [{"state": {0: {"momentum_buffer": torch.ones(2)}}, "param_groups": []}],
        "hyper_parameters": {"lr": 0.1},
    }


def beside(state: State) -> dict[str, Any]:
    return {
        "model": state,
        "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
        "args": argparse.Namespace(lr=0.1, out=Path("runs"), names=["a"]),
        "best": np.float64(71.5),
        "curve": np.arange(3.0),
        "rng": np.random.RandomState(0).get_state(),
        "when": datetime.datetime(2026, 1, 1),
        "version": torch.__version__,
        "scaler": {},
    }


WRITTEN: dict[str, Callable[[State], Any]] = {
    "bare": lambda state: state,
    "module": prefixed("module."),
    "compiled": prefixed("_orig_mod."),
    "compiled, then parallel": prefixed("module._orig_mod."),
    "parallel, then compiled": prefixed("_orig_mod.module."),
    "a part compiled": compiled_inside,
    "without counters": without_counters,
    "state_dict": lambda state: {"state_dict": prefixed("module.")(state), "epoch": 3},
    "model": lambda state: {"model": state, "epoch": 3},
    "model_state_dict": lambda state: {"model_state_dict": state, "optimizer_state_dict": {"state": {}}},
    "net": lambda state: {"net": state, "acc": 93.1},
    "only the average": lambda state: {"state_dict_ema": state, "epoch": 3},
    "a name of one's own": lambda state: {"backbone": state, "epoch": 3},
    "nested": lambda state: {"checkpoint": {"model": state}},
    "lightning": of_lightning,
    "objects beside": beside,
    "parameters": lambda state: {name: nn.Parameter(t) if t.is_floating_point() else t for name, t in state.items()},
    "half precision": lambda state: {name: t.half() if t.is_floating_point() else t for name, t in state.items()},
    "an empty model beside": lambda state: {"state_dict": state, "model": None, "ema": {}},
}


@pytest.mark.parametrize("way", WRITTEN)
@pytest.mark.parametrize("zipped", [True, False])
def test_weights_are_found_however_they_were_saved(tmp_path: Path, way: str, zipped: bool) -> None:
    first, second = network(), network(1)
    torch.save(WRITTEN[way](first.state_dict()), tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    load_checkpoint(second, tmp_path / "w.pt")
    close = 1e-3 if way == "half precision" else 0.0
    theirs = second.state_dict()
    for name, tensor in first.state_dict().items():
        assert torch.allclose(tensor, theirs[name], atol=close, rtol=close), name


def test_the_average_of_torch(tmp_path: Path) -> None:
    first, second = network(), network(1)
    average = AveragedModel(first, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    torch.save(average.state_dict(), tmp_path / "w.pt")
    load_checkpoint(second, tmp_path / "w.pt")
    assert torch.equal(first.fc_linear.weight, second.fc_linear.weight)


def test_of_several_one_is_named(tmp_path: Path) -> None:
    first, second, loaded = network(), network(1), network(2)
    file = tmp_path / "w.pt"
    torch.save({"state_dict": first.state_dict(), "state_dict_ema": second.state_dict(), "epoch": 1}, file)
    with pytest.raises(
        CheckpointError,
        match=r"weights under state_dict and state_dict_ema: name one of them, as in .*w\.pt#state_dict_ema",
    ):
        load_checkpoint(loaded, file)
    for name, kept in (("state_dict", first), ("state_dict_ema", second)):
        load_checkpoint(loaded, tmp_path / f"w.pt#{name}")
        assert torch.equal(loaded.fc_linear.weight, kept.fc_linear.weight)
    with pytest.raises(CheckpointError, match=r"has no state dict 'ema': it has state_dict, state_dict_ema$"):
        load_checkpoint(loaded, tmp_path / "w.pt#ema")


def test_a_file_may_have_the_sign_in_its_name(tmp_path: Path) -> None:
    file = tmp_path / "w#1.pt"
    assert split_path(file) == (tmp_path / "w", "1.pt")
    torch.save(network().state_dict(), file)
    assert split_path(file) == (file, None)
    load_checkpoint(network(1), file)
    assert is_weights_file(file)
    assert is_weights_file(Path(f"{file}#state_dict"))
    assert not is_weights_file(tmp_path / "w#2.pt")
    assert split_path(tmp_path / "w#") == (tmp_path / "w#", None)


class Mine:
    """An object of somebody's program."""

    def __reduce__(self) -> tuple[object, ...]:
        return print, ("code in a checkpoint was run",)


class Whole(nn.Linear):
    """A network that was saved whole."""


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (lambda: {"state_dict": {"a": torch.ones(1)}, "args": Mine()}, r"contains the object [\w.]*print, whose code"),
        (lambda: Whole(2, 2), r"contains the object [\w.]*Whole, whose code is never run; save only the weights"),
        (lambda: [1, 2], r"does not contain a state dict of tensors: it is of type list$"),
        (dict, r"does not contain a state dict of tensors: it is empty$"),
        (lambda: {"state_dict": {"a": 1}}, r"its state_dict has 'a', which is of type int$"),
        (lambda: {"model": {"b": np.ones(2)}}, r"its model has 'b', which is an object of type .*ndarray"),
        (lambda: {"net": "weights"}, r"its net is of type str$"),
        (lambda: {1: torch.ones(1)}, r"does not contain a state dict"),
        (lambda: {"module.a": torch.ones(1), "a": torch.ones(1)}, r"has two tensors for a, one of them as a$"),
    ],
)  # fmt: skip
def test_what_stands_in_the_way_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: Callable[[], Any], told: str
) -> None:
    torch.save(content(), tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=told) as caught:
        load_checkpoint(network(), tmp_path / "w.pt")
    assert str(caught.value).startswith(f"{tmp_path / 'w.pt'} ")
    assert "\n" not in str(caught.value)
    assert "was run" not in capsys.readouterr().out


def quantised() -> Tensor:
    # torch announces that these tensors will be removed.
    return torch._empty_affine_quantized([10], scale=0.1, zero_point=0, dtype=torch.qint8)


@pytest.mark.parametrize(
    ("tensor", "told"),
    [
        (lambda: torch.ones(10).to_sparse(), "is sparse"),
        (lambda: torch.ones(2, 5).to_sparse_csr(), "is sparse"),
        (lambda: torch.ones(10, device="meta"), "on the device meta"),
        (quantised, r"is quantised \(torch.qint8\)"),
        (lambda: torch.ones(10, dtype=torch.complex64), "has complex numbers"),
        (lambda: torch.ones(1).expand(1 << 40), r"has shape \(1099511627776,\), but only 4 bytes are stored"),
        (lambda: torch.ones(10, dtype=torch.int8), "has the type torch.int8, expected torch.float32"),
        (lambda: torch.full((10,), 1e300, dtype=torch.float64), "values that are not finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:Sparse CSR", "ignore:.*quantize.*", "ignore:.*Quantized.*")
def test_tensors_that_are_not_ordinary(tmp_path: Path, tensor: Callable[[], Tensor], told: str) -> None:
    made = network()
    before = {name: one.clone() for name, one in made.state_dict().items()}
    torch.save({**network(1).state_dict(), "fc_linear.bias": tensor()}, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=rf"its fc_linear\.bias .*{told}"):
        load_checkpoint(made, tmp_path / "w.pt")
    assert all(torch.equal(one, before[name]) for name, one in made.state_dict().items())


def test_files_that_are_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.pt")
    (tmp_path / "history.csv").write_text("epoch,lr\n1,0.1\n")
    (tmp_path / "empty.pt").touch()
    out = io.BytesIO()
    torch.save(network().state_dict(), out)
    with zipfile.ZipFile(out) as archive, zipfile.ZipFile(tmp_path / "packed.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in archive.namelist():
            packed.writestr(name, archive.read(name))
    for name, told in (
        ("fifo.pt", "it is not a regular file"),
        ("packed.pt", "it is compressed, which torch.save never does"),
        ("history.csv", "cannot be read as a checkpoint: torch.save did not write it"),
        ("empty.pt", "cannot be read as a checkpoint: torch.save did not write it"),
        ("absent.pt", "does not exist"),
        ("absent.safetensors", "does not exist"),
        (".", "it is not a regular file"),
    ):
        with pytest.raises(CheckpointError, match=told):
            read_state(tmp_path / name)


def test_the_checkpoint_of_a_training_is_not_weights(tmp_path: Path) -> None:
    torch.save({"format": "zennas training", "objective": network().state_dict()}, tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match=rf"unfinished training.*zennas train --resume {tmp_path}$"):
        read_state(tmp_path / "checkpoint.pt")


def test_safetensors(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.torch", reason="needs pip install 'zennas[safetensors]'")
    first, second = network(), network(1)
    for name in ("w.safetensors", "w.pt"):
        library.save_file(prefixed("module.")(first.state_dict()), tmp_path / name)
        load_checkpoint(second, tmp_path / name)
        assert torch.equal(first.fc_linear.weight, second.fc_linear.weight)
    (tmp_path / "broken.safetensors").write_bytes((tmp_path / "w.pt").read_bytes()[:100])
    with pytest.raises(CheckpointError, match="cannot be read as a checkpoint"):
        read_state(tmp_path / "broken.safetensors")


def test_safetensors_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    (tmp_path / "w.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    with pytest.raises(CheckpointError, match=r"needs the package safetensors: pip install 'zennas\[safetensors\]'"):
        read_state(tmp_path / "w.safetensors")
