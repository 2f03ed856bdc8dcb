"""`zennas latency` as a user meets it."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

import latency
from latency.base import BACKENDS, LatencyError, LatencyStats, MeasureSettings, Subject, UnavailableError
from latency.predicting.profile import load_profile
from PlainNet import parse
from SearchSpace import load_space, nasbench201
from SearchSpace.base import CellSpace
from tests.conftest import SMALL
from tests.zennas.conftest import Run
from zennas.accuracy.tables.base import TableError
from zennas.cli.latency.measure import _conditions, relative
from zennas.exporting.base import FORMATS
from zennas.named.networks import network
from zennas.named.structures import TargetError
from zennas.report import doctor
from zennas.report.predictions import predict, read_architectures

V100 = "v100-pytorch-fp16"
OPS = """kind,batch,in_channels,in_height,in_width,out_channels,kernel,stride,fused_add,latency_ms
regular,64,32,56,56,64,3,1,0,0.25
depthwise,1,96,28,28,96,5,2,0,0.02
"""


def test_predictions_of_networks(run: Run) -> None:
    code, out, _ = run("latency", "predict", "zennet_imagenet1k_latency02ms_res224", SMALL, "--by-block")
    assert code == 0
    assert "predicted by v100-pytorch-fp16 for NVIDIA V100 in fp16, batch 64" in out
    assert "classifier" in out
    assert "extrapolated: " in out


def test_a_prediction_as_json_is_that_of_the_api(run: Run) -> None:
    code, out, _ = run("latency", "predict", SMALL, "--profile", V100, "--resolution", "64", "--json", "--by-block")
    found = json.loads(out)
    assert code == 0
    assert found["latency_ms"] == pytest.approx(latency.predict(SMALL, V100, resolution=64))
    assert sum(block["latency_ms"] for block in found["blocks"]) == pytest.approx(found["latency_ms"])
    assert (found["batch_size"], found["resolution"]) == (64, 64)


def test_blocks_have_names_and_add_up_with_the_overhead() -> None:
    made = replace(load_profile(V100), overhead_ms=0.5)
    for text in (SMALL, "torchvision:resnet18"):
        found = predict(network(text), made)
        assert sum(ms for _, ms in found.blocks) == pytest.approx(found.latency_ms)
        assert found.blocks[-1] == ("overhead", 0.5 / 64)
        assert found.blocks[-2][0] == "classifier"
    assert [name for name, _ in found.blocks[:3]] == ["conv1", "layer1.0", "layer1.1"]


def test_several_predictions_go_to_a_file(run: Run, tmp_path: Path) -> None:
    for name in ("out.csv", "out.json"):
        code, out, err = run("latency", "predict", SMALL, "SuperConvK3BNRELU(3,8,1,1)", "--out", name)
        assert (code, out) == (0, "")
        assert name in err
        assert err.count("extrapolated: ") == len(set(err.splitlines())) - 1
        assert 1 <= err.count("extrapolated: ") <= 6
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    listed = json.loads((tmp_path / "out.json").read_text())
    assert [float(row["latency_ms"]) for row in rows] == [one["latency_ms"] for one in listed]
    assert "notes" in listed[0]


def test_predictions_of_single_kernels(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ops.csv").write_text(OPS)
    code, _, _ = run("latency", "predict", "--profile", "v100-tensorrt-fp16", "--ops", "ops.csv", "--out", "out.csv")
    assert code == 0
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert [row["kind"] for row in rows] == ["regular", "depthwise"]
    assert [float(row["measured_ms"]) for row in rows] == [0.25, 0.02]
    assert float(rows[0]["latency_ms_per_image"]) == pytest.approx(float(rows[0]["latency_ms"]) / 64)
    code, out, err = run("latency", "predict", "--profile", "v100-tensorrt-fp16", "--ops", "ops.csv", "--json")
    assert json.loads(out)[0]["in_channels"] == 32
    assert "Warning" not in err
    assert [row["latency_ms"] for row in json.loads(out)] == pytest.approx([float(row["latency_ms"]) for row in rows])


def test_predictions_of_architectures(run: Run, tmp_path: Path) -> None:
    space = load_space("nasbench201")
    assert isinstance(space, CellSpace)
    cells = [
        f"|{op}~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"
        for op in ("nor_conv_1x1", "avg_pool_3x3")
    ]
    assert [space.write(space.read(cell)) for cell in cells] == cells
    (tmp_path / "archs.txt").write_text("\n".join(cells) + "\n")
    lines = "\n".join(f"{i},{c}" for i, c in enumerate(cells)) + "\n"
    (tmp_path / "archs.csv").write_text(f"index,arch_str\n{lines}")
    (tmp_path / "structures.csv").write_text(f"index,Structure\n{lines}")
    found = []
    for name in ("archs.txt", "archs.csv", "structures.csv"):
        code, out, _ = run("latency", "predict", "--space", "nasbench201", "--archs", name, "--profile", V100)
        assert code == 0
        found.append(list(csv.DictReader(out.splitlines())))
    assert found[0] == found[1] == found[2]
    assert [row["arch"] for row in found[0]] == cells


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.csv.gz",
            gzip.compress(b"arch\nx\n" * 50, mtime=0)[:12] + bytes(20),
            "a.csv.gz is not a CSV file, plain or gzip",
        ),
        ("a.csv", b"index,arch\n1,x\n\n2\n", "a.csv, line 4: 1 cells, expected 2"),
        ("a.csv", b"arch\n" + b"x" * 200_000 + b"\n", "a.csv, line 2: field larger than"),
    ],
)
def test_bad_lists_of_architectures_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=message):
        read_architectures(tmp_path / name)


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["predict"], "give networks, or --ops FILE, or --archs FILE", 2),
        (["predict", SMALL, "--ops", "x.csv"], "give networks, or --ops FILE, or --archs FILE", 2),
        (["predict", SMALL, "--profile", "v100-pytroch-fp16"], "did you mean v100-pytorch-fp16", 2),
        (["predict", "--ops", "none.csv"], "none.csv cannot be read", 1),
        (["predict", "--archs", "none.txt"], "none.txt cannot be read", 1),
        (["predict", "torchvision:resnet81"], "did you mean resnet", 2),
        (["predict", "torchvision:vit_b_16"], "vit_b_16", 1),
        (["predict", "torchvision:r3d_18"], "torchvision has no model 'r3d_18'", 2),
        (["predict", "torchvision:inception_v3", "--resolution", "32"], "inception_v3", 1),
        (["predict", "timm:nothing-at-all"], "timm", 2),
        (["predict", "none.onnx"], "there is no file none.onnx", 1),
        (["predict", SMALL, "--space", "darts"], "leave out --space", 2),
        (["predict", "--ops", "x.csv", "--batch-size", "2", "--by-block"], "leave out --batch-size, --by-block", 2),
        (["predict", "--archs", "x.csv", "--no-use-se"], "leave out --use-se", 2),
        (["fit", ".", "--name", "x", "--out", "x.json", "--precision", "fp16"], "leave out --precision", 2),
        (["measure", SMALL, "--backend", "torhc"], "did you mean torch", 2),
        (["measure", SMALL, "--precision", "fp4"], "fp4", 2),
        (["measure", SMALL, "--device", "cuda:7"], "CUDA", 2),
        (["measure", SMALL, "--backend", "tensorrt", "--precision", "fp16", "--device", "cuda"], "tensorrt", 2),
        (["measure", SMALL, "--option", "fast"], "fast", 2),
        (["evaluate", SMALL], "a profile is needed", 2),
        (["fit", "none", "--name", "x", "--out", "x.json"], "none cannot be read", 1),
        (["fit", "none", "--name", "x", "--out", "x.bin"], "does not end in .json", 2),
        (["profile", "--resume", "none"], "has no measured kernels", 1),
        (["profile", "--backend", "tensorrt", "--precision", "fp16", "--save-dir", "p"], "tensorrt", 1),
    ],
)
def test_bad_input_is_an_error_in_a_line_and_leaves_nothing(
    run: Run, tmp_path: Path, arguments: list[str], message: str, code: int
) -> None:
    left, out, err = run("latency", *arguments)
    assert left == code, err
    assert out == ""
    assert message in " ".join(err.replace("│", "").split())
    assert "Traceback" not in err
    assert "Usage:" in err or len(err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_measurement_says_how_and_how_sure(run: Run, tmp_path: Path) -> None:
    quick = ["--seconds", "0.3", "--relative-error", "0.2"]
    code, out, _ = run("latency", "measure", SMALL, "SuperConvK3BNRELU(3,8,1,1)", *quick)
    assert code == 0
    for text in ("95 % interval", "torch fp32, 1 thread, batch 1", "of PyTorch's"):
        assert text in out
    more = ["--by-block", "--json", "--batch-size", "2", "--out", "m.csv", "--precision", "FP32"]
    code, out, _ = run("latency", "measure", SMALL, *quick, *more)
    found = json.loads(out)
    assert code == 0
    assert found["latency_ms"] > 0
    assert len(found["blocks"]) == 6
    assert [found["blocks"][i]["name"] for i in (0, -1)] == [str(parse(SMALL).blocks[0]), "classifier"]
    assert found["blocks"][0]["latency_ms"] == found["blocks"][0]["batch_ms"] / 2
    (row,) = csv.DictReader((tmp_path / "m.csv").read_text().splitlines())
    assert float(row["latency_ms"]) == pytest.approx(found["latency_ms"])


def test_relative_latencies_only_compare_networks_with_the_same_resolution(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def at(resolution: int, ms: float) -> LatencyStats:
        return LatencyStats(f"n{ms:g}", MeasureSettings(), (ms,) * 9, True, 0.0, resolution=resolution)

    mixed = [at(32, 2.0), at(64, 8.0), at(32, 3.0), at(96, 1.0), at(64, 4.0)]
    assert relative(mixed) == [1.0, 1.0, 1.5, None, 0.5]
    assert relative(mixed[:1]) == [1.0]
    monkeypatch.setattr("latency.measuring.measure.compare", lambda *of: mixed)
    code, out, _ = run("latency", "measure", *[SMALL] * 5, "--out", "m.csv")
    assert code == 0
    cells = [line.split() for line in out.splitlines() if line.startswith("n")][1:]
    assert [row[1] for row in cells] == ["32", "64", "32", "96", "64"]
    assert [row[-2] for row in cells] == ["1.00", "1.00", "1.50", "–", "0.50"]
    assert "here are 3 resolutions" in out
    rows = list(csv.DictReader((tmp_path / "m.csv").read_text().splitlines()))
    assert [row["resolution"] for row in rows] == ["32", "64", "32", "96", "64"]
    monkeypatch.setattr("latency.measuring.measure.compare", lambda *of: [at(32, 2.0), at(32, 3.0)])
    assert "resolutions" not in run("latency", "measure", SMALL, OTHER)[1]
    assert [one["resolution"] for one in json.loads(run("latency", "measure", SMALL, OTHER, "--json")[1])] == [32, 32]


def test_an_interrupted_measurement_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("latency.measuring.measure.compare", interrupt)
    code, out, err = run("latency", "measure", SMALL)
    assert (code, out) == (130, "")
    assert err == "error: interrupted; nothing was written\n"


class PickyStopwatch:
    """Stands for `measure`: every network takes a millisecond a batch, but for those whose names are in `refuses`."""

    def __init__(self, refuses: dict[str, LatencyError]) -> None:
        self.refuses = refuses

    def __call__(self, subject: Subject, how: MeasureSettings) -> LatencyStats:
        if subject.name in self.refuses:
            raise self.refuses[subject.name]
        return LatencyStats(subject.name, how, (1.0,) * 9, True, 0.0, resolution=subject.graph.input.size)


OTHER = "SuperConvK3BNRELU(3,8,1,1)"
OFF = f"the logits of {SMALL} are off by 0.7, try a higher precision"
EVALUATE = ("latency", "evaluate", "--profile", V100, "--device", "cpu", "--batch-size", "1")


def test_a_network_that_is_refused_is_left_out_and_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    picky = PickyStopwatch({SMALL: LatencyError(OFF)})
    monkeypatch.setattr("zennas.report.profile_errors.measure", picky)
    code, out, err = run(*EVALUATE, SMALL, OTHER, "--out", "rows.csv")
    assert (code, err) == (0, "wrote rows.csv\n")
    table, below = out.split("left out: ")
    assert SMALL not in table
    assert OTHER in table
    assert below.startswith(f"{OFF}\nas it was made: within")
    assert "(1)" in below.splitlines()[1]
    (row,) = csv.DictReader((tmp_path / "rows.csv").read_text().splitlines())
    assert (row["network"], float(row["measured_ms"])) == (OTHER, 1.0)
    code, out, _ = run(*EVALUATE, OTHER, SMALL, "--json")
    found = json.loads(out)
    assert (code, found["count"], [one["network"] for one in found["networks"]]) == (0, 1, [OTHER])
    assert found["refused"] == [{"network": SMALL, "reason": OFF}]
    assert json.loads(run(*EVALUATE, OTHER, "--json")[1])["refused"] == []


def test_an_evaluation_that_is_left_with_nothing_is_an_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    picky = PickyStopwatch({SMALL: LatencyError(OFF), OTHER: LatencyError("too large")})
    monkeypatch.setattr("zennas.report.profile_errors.measure", picky)
    code, out, err = run(*EVALUATE, OTHER, SMALL)
    assert (code, out) == (1, "")
    assert err == (
        f"error: profile {V100} cannot be evaluated, 2 of 2 networks were refused; the first: {OTHER}: too large\n"
    )
    picky.refuses = {SMALL: UnavailableError("there is no such back end here")}
    code, out, err = run(*EVALUATE, OTHER, SMALL)
    assert (code, out, err) == (2, "", "error: there is no such back end here\n")


def test_conditions_are_those_of_all_networks() -> None:
    found = {"load": {"before": 0.5, "after": 0.71}, "processor": "abacus"}
    stats = [LatencyStats("n", MeasureSettings(), (1.0,) * 6, True, off, found, resolution=32) for off in (1e-6, 3e-4)]
    assert "; load 0.5 before, 0.7 after; logits within 3.0e-04 of" in _conditions(stats)


def test_profiles_are_listed(run: Run) -> None:
    code, out, _ = run("latency", "profiles")
    assert code == 0
    (line,) = (line for line in out.splitlines() if line.startswith(V100))
    headline = next(iter(load_profile(V100).about["held_out"].values()))
    assert f"{headline['mape']:.1f} %" in line
    assert f"{headline['within10']:.1f} %" in line
    code, out, _ = run("latency", "profiles", "--json")
    assert {"name", "device", "source", "held_out"} <= json.loads(out)[0].keys()


def test_networks_by_name() -> None:
    one = network("torchvision:resnet18")
    assert (one.resolution, one.num_classes, one.structure) == (224, 1000, None)
    assert sum(node.op.__class__.__name__ == "Conv" for node in one.graph.nodes) == 20
    with pytest.raises(TargetError, match="torchvision has no model"):
        network("torchvision:nothing")


WIDE = "SuperResK3K3(3,4096,2,64,1)"


def test_a_prediction_states_its_error_or_that_it_is_outside(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("latency", "predict", SMALL, WIDE, "--resolution", "64")
    assert code == 0
    rows = [line for line in out.splitlines() if line.startswith(("SuperConv", "SuperRes"))]
    error = load_profile(V100).typical_error
    assert error is not None
    assert f"±{error:.0f} %  partly estimated" in " ".join(rows)
    assert rows[-1].split()[-2:] == ["unknown", "outside"]
    assert rows[-1].split()[-4] == "none"
    assert "interval: that of ±10 %, in which 66.7 % of 9 held-out values lay (published latencies" in out
    assert "outside of the measured range there is no interval" in out
    assert f"extrapolated: {WIDE}: conv with out channels 4096" in out
    found = json.loads(run("latency", "predict", SMALL, WIDE, "--resolution", "64", "--json")[1])
    assert [one["grade"] for one in found] == ["partly estimated", "outside"]
    assert [one["typical_error_percent"] for one in found] == [error, None]
    # What is within ±10 % of a measurement m is predicted as 0.9 m to 1.1 m.
    ms = found[0]["latency_ms"]
    assert (0.9 * found[0]["high_ms"], 1.1 * found[0]["low_ms"]) == (pytest.approx(ms), pytest.approx(ms))
    assert (found[1]["low_ms"], found[1]["high_ms"], found[1]["share_in_interval_percent"]) == (None, None, None)
    run("latency", "predict", SMALL, WIDE, "--resolution", "64", "--out", "p.csv")
    written = list(csv.DictReader((tmp_path / "p.csv").read_text().splitlines()))
    assert [row["grade"] for row in written] == ["partly estimated", "outside"]


def test_networks_like_those_that_were_measured_are_inside() -> None:
    text = str(nasbench201.network(nasbench201.Cell201((3, 4, 0, 1, 2, 3))))
    assert predict(network(text, num_classes=100), load_profile("pixel3")).grade == "inside"
    assert predict(network(text, resolution=64, num_classes=100), load_profile("pixel3")).grade == "outside"


def test_errors_of_profiles_say_of_what(run: Run) -> None:
    out = run("latency", "profiles")[1]
    for name in ("pi5-onnxruntime", V100):
        what, values = next(iter(load_profile(name).about["held_out"].items()))
        (line,) = (line for line in out.splitlines() if line.startswith(name))
        assert f" of {values['count']:,})" in line
        assert what in line


def test_the_doctor_lists_back_ends_and_formats() -> None:
    for check, names in ((doctor._backends, BACKENDS.names()), (doctor._formats, FORMATS.names())):
        fine, found = check()
        assert fine
        assert all(name in found for name in names)
        assert "\n" not in found


def test_a_damaged_onnx_file_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"\x08\x0a")
    code, out, err = run("analyze", "net.onnx")
    assert (code, out) == (1, "")
    assert "net.onnx is not an ONNX file: it has no nodes" in err
