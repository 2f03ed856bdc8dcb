"""The LiteRT formats: what the file and its sidecar are enough for, the plan of memory, and the C header."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zennas
from tests.zennas.exporting.conftest import write_model
from zennas.exporting.base import ExportError
from zennas.exporting.formats.c_array import array_in, header
from zennas.exporting.litert.running import micro_answers, micro_is_here
from zennas.exporting.runner import Exported

schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="needs pip install 'zennas[litert]'")

_MADE: dict[str, Exported] = {}


def made(trained: Path, folder: Path, **options: Any) -> Exported:
    """The network in INT8, made once for each set of options."""
    key = json.dumps(options)
    if key not in _MADE:
        settings = {"format": "litert-int8", "calibration_images": 32, **options}
        _MADE[key] = zennas.export(trained, out=folder / "file", **settings)
    return _MADE[key]


def digits() -> tuple[Any, Any]:
    """Images (n, 8, 8, 3) with values from 0 to 255, and their labels."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    values, labels = load_digits(return_X_y=True)
    _, images, _, labels = train_test_split(values, labels, test_size=0.2, random_state=0, stratify=labels)
    return np.round(images.reshape(-1, 8, 8, 1) * 255 / 16).repeat(3, axis=3), labels


def test_ten_lines_run_a_file_with_nothing_but_its_sidecar(tmp_path: Path) -> None:
    """For images of the size of the network, which need no resizing."""
    trained = write_model(tmp_path / "run", resolution=8)
    path = zennas.export(trained, "litert-int8", calibration_images=64).path
    images, labels = digits()
    # the ten lines
    from ai_edge_litert.interpreter import Interpreter

    about = json.loads(path.with_name(f"{path.name}.json").read_text())
    mean, std = (np.array(about["normalisation"][key]) for key in ("mean", "std"))
    end, out = about["input"], about["output"]
    stored = np.clip(np.round((images / 255 - mean) / std / end["scale"]) + end["zero_point"], -128, 127)
    interpreter, found = Interpreter(str(path)), []
    interpreter.allocate_tensors()
    for image in stored.astype(end["dtype"]):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image.reshape(end["shape"]))
        interpreter.invoke()
        found.append(
            about["classes"][int(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).argmax())]
        )
    assert out["shape"] == [1, 10]
    top1 = 100 * float(np.mean([int(one) == label for one, label in zip(found, labels, strict=True)]))
    assert top1 == pytest.approx(about["accuracy"]["file"]["top1"], abs=0.6)  # rounding at a tie of two classes


def plan_in(content: bytes) -> list[int] | None:
    """The plan of memory in a file."""
    found = schema.ModelT.InitFromPackedBuf(content, 0)
    for one in found.metadata or ():
        if one.name == b"OfflineMemoryAllocation":
            return np.frombuffer(bytes(found.buffers[one.buffer].data), np.int32).tolist()
    return None


def test_the_plan_of_memory_is_in_the_file_unless_left_out(trained: Path, tmp_path: Path) -> None:
    with_plan, without = made(trained, tmp_path), made(trained, tmp_path / "b", memory_plan="runtime")
    plan = plan_in(with_plan.path.read_bytes())
    assert plan_in(without.path.read_bytes()) is None
    assert plan is not None
    (graph,) = schema.ModelT.InitFromPackedBuf(with_plan.path.read_bytes(), 0).subgraphs
    assert plan[:3] == [1, 0, len(graph.tensors)]
    placed = [offset for offset in plan[3:] if offset >= 0]
    assert len(plan) == 3 + len(graph.tensors)
    assert len(placed) == 1 + len(graph.operators)
    told = [one.sidecar["memory"] for one in (with_plan, without)]
    assert [one["plan"] for one in told] == ["offline", "runtime"]
    assert max(placed) < told[0]["ram_bytes"] <= told[1]["ram_bytes"]


@pytest.mark.skipif(not micro_is_here(), reason="needs pip install tflite-micro")
def test_microcontrollers_compute_the_same_with_either_plan(trained: Path, tmp_path: Path) -> None:
    contents = [made(trained, tmp_path).path.read_bytes()]
    contents.append(made(trained, tmp_path / "b", memory_plan="runtime").path.read_bytes())
    images = np.random.default_rng(0).standard_normal((4, 3, 16, 16), dtype=np.float32)
    one, other = (micro_answers(content, 2**20)(images) for content in contents)
    assert np.array_equal(one, other)
    told = made(trained, tmp_path).sidecar["microcontroller"]
    assert told["interpreter"] == "tflite-micro"
    assert told["same_class"] >= told["images"] - 1
    assert told["largest_difference_in_steps"] < 12


def test_a_header_holds_the_file(trained: Path, tmp_path: Path) -> None:
    content = made(trained, tmp_path).path.read_bytes()
    text = header(content, "of \\ several\nlines", 4096)
    assert array_in(text) == content
    assert f"#define ZENNAS_MODEL_SIZE {len(content)}" in text
    assert "#define ZENNAS_ARENA_SIZE 4096" in text
    with pytest.raises(ExportError, match="not contain the whole file"):
        array_in(text.replace("0x", "0y", 1))


@pytest.mark.parametrize("language", ["c", "c++"])
def test_compilers_take_the_header(language: str, trained: Path, tmp_path: Path) -> None:
    compiler = shutil.which("cc" if language == "c" else "c++")
    if compiler is None:
        pytest.skip("needs a compiler")
    content = made(trained, tmp_path).path.read_bytes()
    (tmp_path / "net.h").write_text(header(content, "net", 4096))
    main = tmp_path / "main.c"
    main.write_text(
        '#include "net.h"\n#include <stdio.h>\n'
        "int main(void) { fwrite(zennas_model, 1, ZENNAS_MODEL_SIZE, stdout);"
        " return ((unsigned long)zennas_model % 16) || ZENNAS_INPUT_SCALE <= 0 || ZENNAS_OUTPUT_ZERO_POINT > 127; }\n"
    )
    standard = "-std=c11" if language == "c" else "-std=c++11"
    command = [compiler, "-x", language, standard, "-Wall", "-Werror", str(main), "-o", str(tmp_path / "main")]
    subprocess.run(command, check=True)
    assert subprocess.run([tmp_path / "main"], check=True, capture_output=True).stdout == content


def test_an_operation_without_a_form_is_named(tmp_path: Path) -> None:
    odd = write_model(tmp_path / "run", structure="ConvKX(3,8,3,2)AdaptiveAvgPool(8,3)", resolution=16)
    with pytest.raises(ExportError, match=r"AdaptiveAvgPool at 1 has no form in an INT8 LiteRT file"):
        zennas.export(odd, "litert")
    assert not (odd / "export").exists()
