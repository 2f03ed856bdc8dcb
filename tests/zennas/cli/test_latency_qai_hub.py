"""`zennas latency qai-hub`: from a package like Qualcomm's, with made-up latencies, to a list that `adapt` reads."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import pytest

from tests.zennas.conftest import Run
from zennas.report.adapting import Inputs, read_measured
from zennas.report.qai_hub import NETWORKS

PHONE, BOARD = "Made-up Phone 7", "Made-up Board"


def perf(ms: float) -> str:
    """The file of a model that was measured on the phone twice, in float and, without success, in w8a8."""
    result = f"{{inference_time_milliseconds: {ms}, layer_counts: {{npu: 30, cpu: 2, total: 32}}}}"
    failed = "{job_status: Failed, inference_time_milliseconds: null}"
    return (
        "precisions:\n"
        f"  float: {{components: {{Net: {{performance_metrics: {{{PHONE}: {{tflite: {result}}}}}}}}}}}\n"
        f"  w8a8: {{components: {{Net: {{performance_metrics: {{{PHONE}: {{tflite: {failed}}}}}}}}}}}\n"
    )


def package(folder: Path, files: dict[str, str]) -> Path:
    path = folder / "made_up-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    files = {f"qai_hub_models/models/{name}/perf.yaml": perf(1 + i / 8) for i, name in enumerate(NETWORKS)}
    return package(tmp_path, {**files, "qai_hub_models/models/a_transformer/perf.yaml": "not: read"})


def test_a_list_of_all_devices(run: Run, wheel: Path) -> None:
    code, out, _ = run("latency", "qai-hub", str(wheel), "--json")
    assert code == 0
    assert json.loads(out) == [
        {"device": PHONE, "runtime": "tflite", "precision": "float", "networks": len(NETWORKS), "same_as": None}
    ]
    code, out, _ = run("latency", "qai-hub", str(wheel))
    assert code == 0
    assert f"{PHONE}  tflite" in out


def test_the_list_of_a_device_is_what_adapt_reads(run: Run, wheel: Path, tmp_path: Path) -> None:
    made = tmp_path / "phone.csv"
    code, _, err = run("latency", "qai-hub", str(wheel), "--device", PHONE, "--out", str(made))
    assert code == 0
    assert f"{len(NETWORKS)} networks of {len(NETWORKS)} ran on several units" in err
    rows = list(csv.DictReader(made.read_text().splitlines()))
    assert {row["arch"]: float(row["latency_ms"]) for row in rows} == {
        name: 1 + i / 8 for i, name in enumerate(NETWORKS.values())
    }
    assert run("latency", "qai-hub", str(wheel), "--device", PHONE)[1] == made.read_text()
    few = tmp_path / "few.csv"  # the smallest ten, as lowering all takes seconds
    small = sorted(rows, key=lambda row: not row["arch"].endswith(("18", "_v2", "small", "0_5", "800mf", "1_1")))
    few.write_text("arch,latency_ms\n" + "".join(f"{row['arch']},{row['latency_ms']}\n" for row in small[:10]))
    found = read_measured(few, Inputs())
    assert {one.network.resolution for one in found} == {224}


def test_devices_with_the_numbers_of_another_one_are_named(run: Run, tmp_path: Path) -> None:
    devices = ", ".join(
        f"{name}: {{tflite: {{inference_time_milliseconds: 2, job_id: {job}}}}}"
        for name, job in ((PHONE, "j1"), (BOARD, "j1"), ("Third", "j2"))
    )
    text = f"precisions: {{float: {{components: {{Net: {{performance_metrics: {{{devices}}}}}}}}}}}"
    made = package(tmp_path, {"qai_hub_models/models/resnet18/perf.yaml": text})
    code, out, _ = run("latency", "qai-hub", str(made), "--json")
    assert code == 0
    assert {one["device"]: one["same_as"] for one in json.loads(out)} == {BOARD: None, PHONE: BOARD, "Third": None}
    said = f"the package gives {PHONE} the numbers of {BOARD}"
    assert said in run("latency", "qai-hub", str(made), "--device", PHONE)[2]
    assert said not in run("latency", "qai-hub", str(made), "--device", BOARD)[2]


def test_an_unpacked_package_is_read_as_well(run: Run, wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path)
    arguments = ("--device", PHONE, "--json")
    assert (
        run("latency", "qai-hub", str(tmp_path / "qai_hub_models"), *arguments)[1]
        == run("latency", "qai-hub", str(wheel), *arguments)[1]
    )


def test_what_is_not_there_is_named(run: Run, wheel: Path) -> None:
    code, _, err = run("latency", "qai-hub", str(wheel), "--device", BOARD)
    assert code == 1
    assert f"there is no device '{BOARD}', expected one of {PHONE}" in err
    code, _, err = run("latency", "qai-hub", str(wheel), "--device", PHONE, "--precision", "w8a8")
    assert code == 1
    assert "there is no precision 'w8a8', expected one of float" in err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("precisions: [1, 2]", "has no precisions, expected a file as in qai-hub-models"),
        ("precisions: {float: {components: {Net: 3}}}", "has no performance_metrics"),
        ("precisions: {float: {components: {Net: {performance_metrics: {Phone: 3}}}}}", "Phone has no runtimes"),
        ("a: [", "is no YAML"),
        ("precisions: {}", "has no latencies of"),
    ],
)
def test_files_of_another_kind_are_refused(run: Run, tmp_path: Path, text: str, said: str) -> None:
    broken = package(tmp_path, {"qai_hub_models/models/resnet18/perf.yaml": text})
    code, out, err = run("latency", "qai-hub", str(broken), "--out", str(tmp_path / "x.csv"))
    assert code == 1
    assert said in err
    assert not out
    assert not (tmp_path / "x.csv").exists()


def test_a_file_that_is_no_package_is_refused(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("hello")
    for path in (other, tmp_path / "missing.whl", tmp_path):
        code, _, err = run("latency", "qai-hub", str(path))
        assert code == 1
        assert err.startswith("error: ")
        assert "qai-hub-models" in err
