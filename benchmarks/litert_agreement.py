"""INT8 in LiteRT, on a microcontroller, in ONNX Runtime and in OpenVINO: how often they predict the same class.

The microcontroller is tflite-micro on this machine. EXPORT_RUNS: folders of further trainings to measure, separated by
colons; CIFAR_DATA: the folder of CIFAR, ../shared/data by default.
"""

from __future__ import annotations

import os
import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import zennas
import ZenNet
from benchmarks.common import print_machine
from latency.measuring.conditions import version_of
from latency.measuring.onnx_files import INPUT
from zennas.accuracy.comparison import FileAnswers
from zennas.accuracy.images import batches, opened
from zennas.exporting.formats._onnx_runtime import session_of
from zennas.exporting.litert.running import litert_answers, micro_answers
from zennas.exporting.runner import Exported
from zennas.named.models import trained_model

CIFAR = Path(os.environ.get("CIFAR_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
LEAST_SAME = 99.0
"""The target: test images of which two runtimes predict the same class, in per cent."""
MICRO_IMAGES = 1000
"""Images for the microcontroller's kernels, which are slow on this machine."""


def main() -> None:
    print_machine()
    print(
        ", ".join(
            f"{name} {version_of(name)}" for name in ("ai-edge-litert", "tflite-micro", "onnxruntime", "openvino")
        )
    )
    shipped = [name for name in ZenNet.list_models() if ZenNet.model_info(name)["origin"] == "shipped"]
    runs = [folder for folder in os.environ.get("EXPORT_RUNS", "").split(":") if folder]
    least = min(_agreement(name) for name in (*shipped, *runs))
    met = "met" if least >= LEAST_SAME else "NOT met"
    print(f"the same class for at least {least:.2f} %: target {LEAST_SAME:g}, {met}")


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
        same = 100 * float(np.mean(classes[one][:count] == classes[other][:count]))
        print(f"  {one} and {other}: the same class for {same:.2f} % of {count} images")
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
