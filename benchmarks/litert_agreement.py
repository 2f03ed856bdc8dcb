"""INT8 in LiteRT, on a microcontroller, in ONNX Runtime and in OpenVINO: how often they predict the same class.

The models are those that are shipped, and a weak one, whose classes are often close: it is trained for minutes on a
part of CIFAR-10. Where two runtimes disagree, it prints by how much the first two logits of PyTorch in float32 differ.
The microcontroller is tflite-micro on this machine. EXPORT_RUNS: folders of further trainings to measure, separated by
colons; CIFAR_DATA: the folder of CIFAR, ../shared/data by default. WEAK_MODEL: the folder of the weak one, which is
not trained again if it is there; WEAK_SEED: its seed, 0 by default.
"""

from __future__ import annotations

import os
import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import zennas
import ZenNet
from benchmarks._cifar_part import DATA as CIFAR
from benchmarks._cifar_part import missing, part
from benchmarks.common import print_machine
from latency.measuring.conditions import version_of
from latency.measuring.onnx_files import INPUT
from PlainNet import parse
from zennas.accuracy.comparison import FileAnswers
from zennas.accuracy.images import batches, opened
from zennas.exporting.formats._onnx_runtime import session_of
from zennas.exporting.litert.running import litert_answers, micro_answers
from zennas.exporting.runner import Exported
from zennas.named.models import trained_model
from zennas.training.job import RunOptions, TrainingJob
from zennas.training.recipe import Recipe
from zennas.training.runner import train_structure

LEAST_SAME = 99.0
"""The target: test images of which two runtimes predict the same class, in per cent."""
MICRO_IMAGES = 1000
"""Images for the microcontroller's kernels, which are slow on this machine."""
WEAK = (
    "SuperConvK3BNRELU(3,16,1,1)SuperResIDWE4K3(16,16,2,16,1)SuperResIDWE4K3(16,32,2,32,2)"
    "SuperResIDWE4K3(32,48,2,48,2)SuperConvK1BNRELU(48,96,1,1)"
)
WEAK_IMAGES, WEAK_EPOCHS = (10_000, 4_000), 8
"""Images for training and for testing."""


def main() -> None:
    print_machine()
    print(
        ", ".join(
            f"{name} {version_of(name)}" for name in ("ai-edge-litert", "tflite-micro", "onnxruntime", "openvino")
        )
    )
    shipped = [name for name in ZenNet.list_models() if ZenNet.model_info(name)["origin"] == "shipped"]
    runs = [folder for folder in os.environ.get("EXPORT_RUNS", "").split(":") if folder]
    with tempfile.TemporaryDirectory() as place:
        weak = [] if missing() is not None else [_weak(Path(os.environ.get("WEAK_MODEL", place)))]
        if not weak:
            print(f"no weak model: {missing()}")
        for name in (*shipped, *runs, *weak):
            least = _agreement(name)
            met = "met" if least >= LEAST_SAME else "NOT met"
            print(f"  the same class for at least {least:.2f} %: target {LEAST_SAME:g}, {met}")


def _weak(folder: Path) -> str:
    """Train the weak model, unless it is in the folder, and return its folder."""
    seed = int(os.environ.get("WEAK_SEED", "0"))
    job = TrainingJob(parse(WEAK), str(part(folder / "images", *WEAK_IMAGES)), Recipe(epochs=WEAK_EPOCHS, seed=seed))
    return str(train_structure(job, folder / f"seed-{seed}", RunOptions(device="cpu", resume="auto")).folder)


def _agreement(name: str) -> float:
    """The least share of test images, in per cent, for which two INT8 runtimes predict the same class."""
    model = trained_model(name)
    dataset = str(model.facts["dataset"])
    folder = CIFAR if dataset in ("cifar10", "cifar100") else None
    with tempfile.TemporaryDirectory() as place:
        made = {
            form: zennas.export(name, form, out=Path(place) / form, dataset=dataset, data_folder=folder)
            for form in ("litert-int8", "onnx-int8")
        }
        runtimes = _runtimes(made["litert-int8"], made["onnx-int8"])
    accuracy = made["litert-int8"].accuracy
    assert accuracy is not None
    images = opened(dataset, "test", folder, model)
    print(f"{name}, {len(images)} images of {images.name}: PyTorch fp32 {accuracy.pytorch.top1:.2f} %")
    shown = batches(images, list(range(len(images))), model.shown)
    with torch.no_grad():
        logits = np.concatenate([model.network(torch.from_numpy(batch)).numpy() for batch in shown])
    first = np.sort(logits, axis=1)[:, ::-1]
    apart = first[:, 0] - first[:, 1]
    step = made["litert-int8"].sidecar["output"]["scale"]
    print(f"  the first two logits differ by {np.median(apart):.2f} (median); a step of LiteRT's logits is {step:.3f}")
    classes: dict[str, NDArray[np.int64]] = {}
    for runtime, answers in runtimes.items():
        count = min(len(images), MICRO_IMAGES if runtime == "tflite-micro" else len(images))
        shown = batches(images, list(range(count)), model.shown)
        classes[runtime] = np.concatenate([answers(batch).argmax(axis=1) for batch in shown])
        top1 = 100 * float(np.mean(classes[runtime] == images.labels[:count]))
        print(f"  {runtime:14} top-1 {top1:.2f} % of {count} images")
    least = 100.0
    for one, other in combinations(classes, 2):
        count = min(len(classes[one]), len(classes[other]))
        equal = classes[one][:count] == classes[other][:count]
        same, close = 100 * float(np.mean(equal)), apart[:count][~equal]
        where = f", elsewhere they differ by up to {close.max():.2f}" if len(close) else ""
        print(f"  {one} and {other}: the same class for {same:.2f} % of {count} images{where}")
        least = min(least, same)
    return least


def _runtimes(litert: Exported, onnx: Exported) -> dict[str, FileAnswers]:
    small, graph = litert.path.read_bytes(), onnx.path.read_bytes()
    return {
        "LiteRT": litert_answers(small),
        "tflite-micro": micro_answers(small, litert.sidecar["memory"]["arena_bytes"]),
        "ONNX Runtime": session_of(graph),
        "OpenVINO": _openvino(graph),
    }


def _openvino(content: bytes) -> FileAnswers:
    import openvino
    from openvino.properties import hint

    core = openvino.Core()
    options = {hint.inference_precision: openvino.Type.f32}  # otherwise what is not INT8 is in bfloat16
    compiled = core.compile_model(core.read_model(content, b""), "CPU", options)

    def answers(images: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = compiled({INPUT: images})[0]
        return found

    return answers


if __name__ == "__main__":
    main()
