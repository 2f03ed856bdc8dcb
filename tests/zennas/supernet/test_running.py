"""`zennas proxyless`, and the same in Python: files, resuming, and what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import zennas
from PlainNet import cost, parse
from PlainNet.blocktype import in_channels
from tests.zennas.conftest import Run
from zennas.named.structures import WrongChannelsError, resolve
from zennas.report.listing import list_runs
from zennas.supernet.errors import SupernetError
from zennas.supernet.job import JobError, SearchJob
from zennas.supernet.outcome import read_record, read_result
from zennas.supernet.running import parts_of

SPACE = (
    "ConvKX(3,8,3,2)BN(8)RELU6(8)Choice{a|MBConv(8,8,3,3,1);MBConv(8,8,5,6,1);Identity(8)}"
    "Choice{b|MBConv(8,16,3,3,2);MBConv(8,16,5,6,2)}ConvKX(16,32,1,1)BN(32)RELU6(32)"
)
SMALL: dict[str, Any] = {
    "space": SPACE,
    "dataset": "digits",
    "resolution": 8,
    "batch_size": 64,
    "train_images": 400,
    "n_epochs": 2,
    "warmup_epochs": 1,
    "grad_update_arch_param_every": 1,
}
FLAGS = ("--space", SPACE, "--dataset", "digits", "--resolution", "8", "--batch-size", "64", "--train-images", "400")
SHORT = ("--n-epochs", "2", "--warmup-epochs", "1", "--arch-every", "1", "--device", "cpu")


def test_a_search_leaves_a_structure_and_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "found"
    result = zennas.proxyless(
        **SMALL,
        latency_backend=("predictor:v100-pytorch-fp16", "predictor:this-machine-fp32"),
        ref_latency_ms=(0.01, 0.05),
        ref_params=2000,
        save_dir=folder,
        device="cpu",
    )
    assert parse((folder / "structure.txt").read_text().strip()) == result.structure
    assert read_result(folder) == result
    architecture = json.loads((folder / "architecture.json").read_text())
    assert {key: len(mask) for key, mask in architecture.items()} == {"a": 3, "b": 2}
    assert json.loads((folder / "net.config").read_text())["name"] == "ProxylessNASNets"
    assert len((folder / "history.jsonl").read_text().splitlines()) == 3
    assert list(result.costs) == ["params", "flops", "latency by v100-pytorch-fp16", "latency by this-machine-fp32"]
    record = read_record(folder)
    assert record.beginning is not None
    assert record.beginning.options["b"] == ("MBConv(8,16,3,3,2)", "MBConv(8,16,5,6,2)")
    assert [(aim.name, aim.unit, aim.reference) for aim in record.beginning.aims] == [
        ("latency by v100-pytorch-fp16", "ms", 0.01),
        ("latency by this-machine-fp32", "ms", 0.05),
        ("params", "parameters", 2000),
    ]
    assert (sum(record.beginning.images), record.beginning.device) == (400, "cpu")
    assert record.beginning.environment["packages"]["torch"] is not None
    target = resolve(str(folder))
    assert (target.structure, target.resolution, target.num_classes) == (result.structure, 8, 10)
    (listed,) = list_runs(tmp_path)
    assert (listed.status, listed.to_json()["result"]["valid_top1"]) == ("finished", result.valid_top1)
    with pytest.raises(SupernetError, match="contains a finished search: choose another --save-dir"):
        zennas.proxyless(**SMALL, save_dir=folder, device="cpu")
    assert zennas.proxyless(**SMALL, save_dir=folder, device="cpu", go_on=True) == result


def test_held_out_images_are_of_the_training_images_and_in_one_part_only() -> None:
    train, valid = parts_of(SearchJob("digits", held_out=0.2, train_images=500))
    assert len(train) + len(valid) == 500
    assert 80 <= len(valid) <= 120
    both = [tuple(images.read(i).flatten().tolist()) for images in (train, valid) for i in range(len(images))]
    assert len(set(both)) >= 0.99 * len(both)


def test_an_interrupted_search_goes_on_from_the_command_line(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("proxyless", *FLAGS, *SHORT, "--save-dir", "whole", "--json")
    assert code == 0
    whole = json.loads(out)
    stopped = 0

    class Stop:
        def step(self, phase: str, epoch: int, step: int, steps: int, loss: float) -> None:
            nonlocal stopped
            stopped += 1
            if stopped == 8:
                raise KeyboardInterrupt

        def epoch(self, done: object) -> None:
            pass

    with pytest.raises(KeyboardInterrupt):
        zennas.proxyless(**SMALL, save_dir="part", device="cpu", checkpoint_every=1, watcher=Stop())
    record = read_record(Path("part"))
    assert (record.status, record.epochs, record.result) == ("interrupted", 1, None)
    assert record.beginning is not None
    assert run("runs", ".")[0] == 0
    code, _, err = run("proxyless", *FLAGS, *SHORT, "--save-dir", "part")
    assert code == 1
    assert "contains an unfinished search: continue it with zennas proxyless --resume part" in err
    code, _, err = run("proxyless", "--resume", "part", "--n-epochs", "3")
    assert code == 2
    assert "the run keeps its own settings; leave out --n-epochs" in err
    code, out, err = run("proxyless", "--resume", "part", "--device", "cpu")
    assert (code, "structure: ConvKX(3,8,3,2)" in out) == (0, True)
    found = read_result(Path("part"))
    again = read_record(Path("part"))
    assert again.beginning == record.beginning  # where it was begun, not where it was continued
    assert again.history[:1] == record.history
    assert str(found.structure) == whole["structure"]
    states = [torch.load(f"{name}/supernet.pt", weights_only=True) for name in ("whole", "part")]
    assert all(torch.equal(alpha, states[1]["alphas"][key]) for key, alpha in states[0]["alphas"].items())
    assert Path("part/history.jsonl").read_text().count("\n") == 3


def test_cells_are_searched() -> None:
    result = zennas.proxyless(
        space="nasbench201",
        dataset="digits",
        resolution=8,
        batch_size=32,
        train_images=100,
        n_epochs=1,
        warmup=False,
        ref_flops=1_000_000,
        save_dir="cells",
        device="cpu",
    )
    assert set(result.picks) == {f"edge_{a}_to_{b}" for a, b in ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))}
    assert "NB201Cell" in str(result.structure)


def test_events_tell_losses_entropy_costs_and_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, list[int]] = {}

    class Writer:
        def __init__(self, folder: str) -> None:
            assert folder == "logged/tensorboard"

        def add_scalar(self, name: str, value: float, step: int) -> None:
            told.setdefault(name, []).append(step)

        def add_scalars(self, name: str, values: dict[str, float], step: int) -> None:
            assert sum(values.values()) == pytest.approx(1)
            told.setdefault(name, []).append(step)

        def close(self) -> None:
            told["closed"] = []

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    zennas.proxyless(**SMALL, ref_params=2000, save_dir="logged", device="cpu", tensorboard=True)
    assert told["entropy"] == told["expected/params"] == told["probabilities/a"] == [1, 2, 3]
    assert told["valid_top1"] == [2, 3]
    assert told["loss"] == list(range(1, 16))
    assert "closed" in told


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (("--space", "XXBL", "--dataset", "digits"), 1, "is not made of decisions that choose among blocks"),
        (("--space", SPACE), 2, "which data set?"),
        ((*FLAGS, "--ref-latency-ms", "3"), 2, "0 latency back ends and 1 reference latencies"),
        (
            (*FLAGS, "--latency-backend", "torch", "--ref-latency-ms", "3"),
            2,
            "latency-backend is 'torch', expected predictor:PROFILE or table:FILE",
        ),
        (
            (*FLAGS, "--latency-backend", "predictor:pi5-onnxruntime", "--ref-latency-ms", "3"),
            1,
            "cannot be predicted: profile pi5-onnxruntime has no kernels of kind depthwise",
        ),
        (
            (
                *FLAGS,
                "--latency-backend",
                "predictor:this-machine-fp32",
                "--ref-latency-ms",
                "0.1",
                "--cost-form",
                "mul#log",
            ),
            1,
            "the form mul#log needs costs above 1 ms",
        ),
        (("--space", "ConvKX(3,8,3,1)Choice{RELU(8);MaxPool(8,3,2)}", "--dataset", "digits"), 1, "alternative 2 gives"),
        (
            ("--space", "ConvKX(3,8,3,1)Choice{a|RELU(8);BN(8)}Choice{a|RELU(8)}", "--dataset", "digits"),
            1,
            "choices named a are one decision, but one has 2 alternatives and another 1",
        ),
        (("--resume", "absent"), 1, "contains no search to continue"),
        ((*FLAGS, "--binary-mode", "three"), 2, "three"),
    ],
)
def test_bad_requests_get_one_line(run: Run, flags: tuple[str, ...], code: int, message: str) -> None:
    found, _, err = (
        run("proxyless", *flags, "--save-dir", "new") if "--resume" not in flags else run("proxyless", *flags)
    )
    assert (found, message in err) == (code, True), err
    assert not Path("new").exists()


def test_settings_of_a_job_are_checked() -> None:
    with pytest.raises(JobError, match=r"held-out is 0\.95, expected"):
        SearchJob("digits", held_out=0.95)
    with pytest.raises(TypeError, match=r"proxyless\(\) has no setting colour"):
        zennas.proxyless(**SMALL, colour=1)


@pytest.mark.parametrize("space", [SPACE, "nasbench201"])
def test_a_space_is_searched_with_grey_images(space: str, tmp_path: Path) -> None:
    asked = {**SMALL, "space": space, "train_images": 130, "in_channels": 1, "n_epochs": 1, "warmup_epochs": 0}
    found = zennas.proxyless(**asked, ref_params=2000, save_dir=tmp_path / "run", device="cpu")
    assert in_channels(found.structure.blocks[0]) == 1
    assert found.costs["params"] == cost(found.structure, resolution=8, num_classes=10).params
    target = resolve(str(tmp_path / "run"))
    assert (target.structure, target.in_channels) == (found.structure, 1)
    assert read_result(tmp_path / "run") == found


def test_images_that_cannot_have_these_channels_are_named(run: Run) -> None:
    code, _, err = run("proxyless", *FLAGS, *SHORT, "--in-channels", "5", "--save-dir", "run")
    assert code == 1 and "have 3 channels and cannot be shown with 5: expected 3, or 1 for grey" in err
    assert not Path("run").exists() or not list(Path("run").glob("*.json"))


def test_spaces_of_other_channels_are_refused(tmp_path: Path) -> None:
    space = "ConvKX(1,8,3,2)BN(8)RELU(8)Choice{ConvKX(8,8,3,1)BN(8)RELU(8);Identity(8)}"
    with pytest.raises(WrongChannelsError, match=r"takes images of 1 channel, but those of digits.* have 3: --in-cha"):
        zennas.proxyless(space=space, dataset="digits", resolution="8x12", save_dir=tmp_path / "run", device="cpu")
