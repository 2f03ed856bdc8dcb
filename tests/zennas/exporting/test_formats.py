"""Every registered format: it holds the network, for any batch, and says how to use it."""

from __future__ import annotations

import io
import json
import re
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import zennas
from latency.measuring.onnx_files import INPUT, OUTPUT
from zennas.data import open_set
from zennas.exporting.base import FORMATS, ExportError, Format, Options, completed
from zennas.exporting.formats.onnx_int8 import ROUGH
from zennas.exporting.runner import Exported
from zennas.named.models import trained_model

from .conftest import RESOLUTION

pytest.importorskip("onnx", reason="needs pip install 'zennas[onnx]'")
pytest.importorskip("onnxruntime", reason="needs pip install 'zennas[onnx]'")
pytest.importorskip("onnxscript", reason="needs pip install 'zennas[onnx]'")


def cases() -> list[Any]:
    """Formats with each of their options that is a word."""
    found = []
    for form in FORMATS:
        words = {name: option.allowed for name, option in form.options.items() if not isinstance(option.allowed, range)}
        for values in product(*words.values()):
            options = dict(zip(words, values, strict=True))
            found.append(pytest.param(form, options, id="-".join([form.name, *map(str, values)])))
    return found


def here(form: Format, options: Options) -> None:
    reason = form.available(form.plan(completed(form, options)))
    if reason is not None:
        pytest.skip(f"{form.name}: {reason}")


_MADE: dict[tuple[str, ...], Exported] = {}


def made(form: Format, options: Options, trained: Path) -> Exported:
    """The file, made once for all tests of it; with the data set that calibrated ones take by themselves."""
    here(form, options)
    key = (form.name, *map(str, options.values()))
    if key not in _MADE:
        _MADE[key] = zennas.export(trained, form.name, **options)
    return _MADE[key]


@pytest.mark.parametrize(("form", "options"), cases())
def test_it_computes_what_pytorch_does_for_any_batch(form: Format, options: Options, trained: Path) -> None:
    found = made(form, options, trained)
    network = trained_model(str(trained)).network
    answers = form.load(found.path.read_bytes())
    pixels = open_set("digits", "test").pixels[:17].float() / 255
    images = F.interpolate((pixels - 0.3) / 0.38, size=RESOLUTION, mode="bilinear")
    for size in (1, 3, 17):
        expected = network(images[:size]).numpy()
        logits = answers(images[:size].numpy())
        assert logits.shape == (size, 10)
        limit = form.plan(completed(form, options)).limit
        error = np.abs(logits - expected).max() if limit.of == "largest" else np.sqrt(np.mean((logits - expected) ** 2))
        assert error <= limit.share * np.sqrt(np.mean(expected**2))
        if limit != ROUGH:
            assert error <= 1e-4 or form.name == "tensorrt"


@pytest.mark.parametrize(("form", "options"), cases())
def test_the_sidecar_says_all_there_is_to_know(form: Format, options: Options, trained: Path) -> None:
    found = made(form, options, trained)
    content = found.path.read_bytes()
    sidecar = json.loads(found.path.with_name(f"{found.path.name}.json").read_text())
    assert sidecar == json.loads(json.dumps(found.sidecar))
    assert sidecar["format"] == form.name
    assert (sidecar["bytes"], sidecar["sha256"]) == (len(content), sha256(content).hexdigest())
    assert sidecar["structure"] == json.loads((trained / "train.json").read_text())["structure"]
    assert sidecar["classes"] == list("0123456789")
    assert sidecar["input"]["name"] == INPUT
    plan = form.plan(completed(form, options))
    batch = plan.batch or "batch"
    image = [3, RESOLUTION, RESOLUTION] if plan.layout == "NCHW" else [RESOLUTION, RESOLUTION, 3]
    assert (sidecar["input"]["shape"], sidecar["input"]["layout"]) == ([batch, *image], plan.layout)
    assert (sidecar["output"]["name"], sidecar["output"]["shape"]) == (OUTPUT, [batch, 10])
    assert set(sidecar["normalisation"]) == {"mean", "std"}
    assert {"zennas", "torch"} <= set(sidecar["versions"])
    assert sidecar["check"]["batches"] == [1, 2, 5] if plan.batch is None else [plan.batch] * 8
    assert 0 <= sidecar["check"]["rms"] <= sidecar["check"]["largest"] < 4
    assert sidecar["training"] == {"dataset": "digits", "top1": 12.5}
    assert (sidecar["calibration"] is not None) == (sidecar["accuracy"] is not None) == plan.calibrated
    assert str(found.path) in found.usage


@pytest.mark.parametrize(("form", "options"), cases())
def test_a_file_that_computes_something_else_is_not_written(
    form: Format, options: Options, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = made(form, options, trained).path.read_bytes()
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(type(form), "make", lambda self, job: content)
    monkeypatch.setattr(type(form), "load", lambda self, content: lambda x: np.zeros((len(x), 10), np.float32))
    with pytest.raises(ExportError, match=r"does not compute the same as .*, the limit is") as caught:
        zennas.export(trained, form.name, out=tmp_path / "new" / "file", **options)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["onnx", "torchscript", "pt2"])
def test_batch_norm_is_folded(name: str, trained: Path) -> None:
    content = made(FORMATS.get(name), {}, trained).path.read_bytes()
    if name == "onnx":
        import onnx

        graph = onnx.load_from_string(content).graph
        assert not [node for node in graph.node if "Norm" in node.op_type]
        dims = [value.type.tensor_type.shape.dim[0].dim_param for value in (*graph.input, *graph.output)]
        assert dims == ["batch", "batch"]
    elif name == "pt2":
        text = str(torch.export.load(io.BytesIO(content)))
        assert "conv2d" in text
        assert "batch_norm" not in text
    else:
        graph = torch.jit.load(io.BytesIO(content)).inlined_graph
        assert "aten::_convolution" in str(graph)
        assert "batch_norm" not in str(graph)


def test_torch_formats_name_their_input_too(trained: Path) -> None:
    script = torch.jit.load(made(FORMATS.get("torchscript"), {}, trained).path)
    assert script(**{INPUT: torch.zeros(3, 3, RESOLUTION, RESOLUTION)}).shape == (3, 10)
    program = torch.export.load(made(FORMATS.get("pt2"), {}, trained).path)
    assert program.graph_signature.user_inputs == (INPUT,)


def test_a_file_and_its_sidecar_are_enough(trained: Path) -> None:
    """Nothing of this project: numpy, onnxruntime and scikit-learn's digits give the accuracy that the sidecar says."""
    import onnxruntime
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    path = made(FORMATS.get("onnx-int8"), {"target": "x86"}, trained).path
    sidecar = json.loads(path.with_name(f"{path.name}.json").read_text())
    values, labels = load_digits(return_X_y=True)
    _, images, _, labels = train_test_split(values, labels, test_size=0.2, random_state=0, stratify=labels)
    images = np.round(images.reshape(-1, 1, 8, 8) * 255 / 16).repeat(3, axis=1) / 255
    size = sidecar["input"]["resolution"]
    place = np.clip((np.arange(size) + 0.5) * 8 / size - 0.5, 0, 7)
    low, share = np.floor(place).astype(int), place % 1
    high = np.minimum(low + 1, 7)
    images = images[..., low, :] * (1 - share)[:, None] + images[..., high, :] * share[:, None]
    images = images[..., low] * (1 - share) + images[..., high] * share
    mean, std = (np.reshape(sidecar["normalisation"][name], (3, 1, 1)) for name in ("mean", "std"))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    batch = ((images - mean) / std).astype(np.float32)
    (logits,) = session.run([sidecar["output"]["name"]], {sidecar["input"]["name"]: batch})
    top1 = 100 * float(np.mean(logits.argmax(1) == labels))
    assert top1 == pytest.approx(sidecar["accuracy"]["file"]["top1"], abs=0.6)  # rounding at a tie of two classes


@pytest.mark.parametrize(("target", "kinds"), [("x86", {"uint8"}), ("tensorrt", {"int8"})])
def test_int8_comes_in_the_form_that_its_target_wants(target: str, kinds: set[str], trained: Path) -> None:
    import onnx

    found = made(FORMATS.get("onnx-int8"), {"target": target}, trained)
    graph = onnx.load_from_string(found.path.read_bytes()).graph
    held = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    points = [held[node.input[2]] for node in graph.node if node.op_type == "QuantizeLinear"]
    assert {point.dtype.name for point in points} == kinds
    assert target == "x86" or not any(point.any() for point in points)
    assert found.sidecar["quantisation"]["activations"].startswith(min(kinds))
    assert found.path.name == {"x86": "tiny.int8.onnx", "tensorrt": "tiny.int8-tensorrt.onnx"}[target]


@pytest.mark.parametrize("form", list(FORMATS), ids=lambda form: form.name)
def test_names_of_files_tell_formats_apart(form: Format) -> None:
    every = {
        other.plan(completed(other, case.values[1])).suffix
        for case in cases()
        for other in [case.values[0]]
        if other is not form
    }
    mine = [form.plan(completed(form, case.values[1])).suffix for case in cases() if case.values[0] is form]
    assert len(set(mine)) == len(mine)
    assert not every & set(mine)
    assert all(re.fullmatch(r"(\.[a-z0-9-]+)+", suffix) for suffix in mine)
