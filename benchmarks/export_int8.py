"""INT8 exports in ONNX Runtime: top-1 lost by the shipped models, and the speed-up of ResNet-like networks.

CIFAR, as packed JPEG files or as torchvision stores it, is in ../shared/data next to this repository or in the folder
CIFAR_DATA. EXPORT_RUNS: folders of further trainings to measure, separated by colons.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import zennas
import ZenNet
from benchmarks.common import print_machine
from latency.measuring.conditions import load, version_of
from latency.measuring.subject import of_structure
from PlainNet import parse
from zennas.accuracy.comparison import checked
from zennas.accuracy.images import noise
from zennas.data import DataError, Normalisation
from zennas.data.base import Shown
from zennas.exporting.base import FORMATS, ExportJob, completed
from zennas.named.models import TrainedModel, trained_model

CIFAR = Path(os.environ.get("CIFAR_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
MOST_LOST, LEAST_RATIO = 1.0, 2.0
"""The targets: points of top-1 lost at most, and the least speed-up on one thread."""
RESNET = (
    "SuperConvK7BNRELU(3,64,2,1)MaxPool(64,3,2)SuperResK3K3(64,64,1,64,2)SuperResK3K3(64,128,2,128,2)"
    "SuperResK3K3(128,256,2,256,2)SuperResK3K3(256,512,2,512,2)"
)
"""ResNet-18 in this language; projections are those of its blocks."""
NETWORKS = {
    "ResNet-18-like": RESNET,
    "zennet_imagenet1k_latency02ms_res224": None,
}
SIZE, CLASSES, ROUNDS = 224, 1000, 60
SHOWN = Shown(Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), SIZE, SIZE)


def accuracy() -> None:
    shipped = [name for name in ZenNet.list_models() if ZenNet.model_info(name)["origin"] == "shipped"]
    runs = [folder for folder in os.environ.get("EXPORT_RUNS", "").split(":") if folder]
    if not shipped:
        print("no model is shipped with its weights yet")
    lost = {name: _told_or_lost(name) for name in [*shipped, *runs]}
    ours = [points for name, points in lost.items() if name in shipped and points is not None]
    if ours:
        most = max(ours)
        print(f"shipped models lose at most {most:.2f} points: target {MOST_LOST:g}, {_met(most <= MOST_LOST)}")


def _told_or_lost(name: str) -> float | None:
    """The result of `_lost`; if the images are missing, a message says so."""
    try:
        return _lost(name)
    except DataError as error:
        print(f"{name}: not measured: {error}")
        return None


def _lost(name: str) -> float:
    """Points of top-1 between the exports in float32 and in INT8, both in ONNX Runtime; the larger of the two forms."""
    model = trained_model(name)
    dataset = str(model.facts.get("dataset"))
    folder = CIFAR if dataset in ("cifar10", "cifar100") else None
    found = {}
    with tempfile.TemporaryDirectory() as place:
        for label, form, options in (
            ("fp32", "onnx", {}),
            ("INT8 for x86", "onnx-int8", {"target": "x86"}),
            ("INT8 for TensorRT", "onnx-int8", {"target": "tensorrt"}),
        ):
            made = zennas.export(
                name, form, out=Path(place) / f"{label}.onnx", dataset=dataset, data_folder=folder, **options
            )
            assert made.accuracy is not None
            found[label] = made.accuracy
    base = found["fp32"]
    print(f"{name}, {base.images} images of {base.dataset}: fp32 {base.file.top1:.2f} %", end="")
    for label in ("INT8 for x86", "INT8 for TensorRT"):
        one = found[label]
        change, same = one.file.top1 - base.file.top1, one.agreement
        print(f"; {label} {one.file.top1:.2f} % ({change:+.2f} points, same class for {same:.2f} %)", end="")
    print()
    return base.file.top1 - min(one.file.top1 for one in found.values())


def speed() -> None:
    print(f"{SIZE}x{SIZE}, batch 1, one thread, {ROUNDS} rounds in turns, load {load()}")
    print("median (10th to 90th percentile) of the times")
    ratios = {}
    for name, text in NETWORKS.items():
        structure = parse(text or ZenNet.model_info(name)["structure"])
        runs = {form: _session(_content(name, structure, form)) for form in ("onnx", "onnx-int8")}
        times: dict[str, list[float]] = {form: [] for form in runs}
        for turn in range(ROUNDS + 5):
            for form, run in runs.items():
                began = time.perf_counter()
                run()
                if turn >= 5:  # those before warm up
                    times[form].append(1000 * (time.perf_counter() - began))
        middle = {form: statistics.median(found) for form, found in times.items()}
        ratios[name] = middle["onnx"] / middle["onnx-int8"]
        shown = {form: f"{middle[form]:.2f} ms ({_spread(found)})" for form, found in times.items()}
        print(f"{name}: fp32 {shown['onnx']}, INT8 {shown['onnx-int8']}: {ratios[name]:.2f} times as fast")
    least = min(ratios.values())
    print(f"at least {least:.2f} times as fast: target {LEAST_RATIO:g}, {_met(least >= LEAST_RATIO)}")


def _content(name: str, structure: object, form_name: str) -> bytes:
    """The export of the network with random weights, calibrated with noise; times do not depend on either."""
    network = of_structure(structure, SIZE, CLASSES).build()  # type: ignore[arg-type]
    model = TrainedModel(name, network, SHOWN, None, {})  # type: ignore[arg-type]
    form = FORMATS.get(form_name)
    options = completed(form, {})
    job = ExportJob(model, options, form.plan(options), [noise(16, SHOWN)])
    content = form.make(job)
    check = checked(model, form.load(content), noise(8, SHOWN), "noise", job.plan.limit, job.plan.most)
    print(f"{name}, {form_name}: {len(content) / 1e6:.1f} MB, logits {check.rms:.1e} off")
    return content


def _session(content: bytes) -> Callable[[], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    images = noise(1, SHOWN)
    return lambda: session.run(None, {"images": images})


def _spread(times: list[float]) -> str:
    tenths = statistics.quantiles(times, n=10)
    return f"{tenths[0]:.2f} to {tenths[-1]:.2f}"


def _met(is_met: bool) -> str:
    return "met" if is_met else "NOT met"


def main() -> None:
    print_machine()
    print(f"onnxruntime {version_of('onnxruntime')}")
    accuracy()
    speed()


if __name__ == "__main__":
    main()
