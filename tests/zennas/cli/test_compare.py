"""`zennas compare`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.zennas.conftest import Run

NETWORKS = ("SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)", "zennet_digits_params100k_res16")


def test_a_table_files_and_json(run: Run) -> None:
    said = ("compare", *NETWORKS, "--csv", "new/all.csv", "--out", "page.html", "--sort", "params")
    code, out, err = run(*said)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].split()[:3] == ["network", "params", "FLOPs"]
    assert lines[2].startswith(NETWORKS[1])
    assert "×42" in lines[2]
    assert lines[3:5] == [f"(1) {NETWORKS[0]}", f"(2) {NETWORKS[1]}"]
    assert err.splitlines()[0] == "wrote new/all.csv"
    assert err.splitlines()[1].startswith("wrote page.html: ")
    found = json.loads(run(*said, "--json", "--quiet")[1])
    rows = list(csv.DictReader(Path("new/all.csv").read_text().splitlines()))
    assert [one["label"] for one in found["networks"]] == [row["label"] for row in rows]
    assert [one["params"] for one in found["networks"]] == [int(row["params"]) for row in rows]
    assert found["networks"][0]["latency"][0]["profile"] == "v100-pytorch-fp16"
    page = Path("page.html").read_text()
    assert "zennas compare " in page


def test_a_measurement(run: Run) -> None:
    said = ("--measure", "--seconds", "0.2", "--relative-error", "0.4", "--latency", "none", "--resolution", "8")
    code, out, err = run("compare", *NETWORKS, *said)
    assert code == 0, err
    assert "ms measured" in out.splitlines()[0]
    assert "95 % interval" in out.splitlines()[0]
    assert "ms, v100" not in out
    assert "torch fp32, 1 thread, batch 1" in out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "Missing argument 'NETWORK...'"),
        (("Foo(3)",), 1, "network 1, Foo(3): column 1: unknown block 'Foo'"),
        ((*NETWORKS, "torchvision:nothing"), 2, "torchvision has no model 'nothing'"),
        (("torchvision:resnet18", "--use-se"), 2, "leave out --use-se"),
        ((*NETWORKS, "--threads", "2"), 2, "without it nothing is measured; leave out --threads"),
        ((*NETWORKS, "--repeats", "2"), 2, "without it nothing is scored; leave out --repeats"),
        ((*NETWORKS, "--training-steps", "9"), 2, "without it nothing is scored; leave out --training-steps"),
        ((*NETWORKS, "--measure", "--precision", "foo"), 2, "torch has no precision 'foo'"),
        ((*NETWORKS, "--measure", "--backend", "foo"), 2, "unknown latency back end 'foo'"),
        ((*NETWORKS, "--out", "."), 2, ". is a folder, expected a file"),
        ((*NETWORKS, "--csv", "."), 2, ". is a folder, expected a file"),
        ((*NETWORKS, "--csv", "a", "--out", "./a"), 2, "for the CSV file and for the page"),
        ((*NETWORKS, "--sort", "flop"), 2, "did you mean flops?"),
        ((*NETWORKS, "--baseline", "nothing"), 2, "none of the networks"),
        ((*NETWORKS, "--latency", "nothing"), 2, "no latency profile 'nothing'"),
        ((*NETWORKS, "--latency", "none", "--latency", "pixel3"), 2, "expected it alone"),
        ((*NETWORKS, "--proxy", "nothing"), 2, "unknown proxy 'nothing'"),
    ],
)
def test_wrong_requests_write_nothing(run: Run, arguments: tuple[str, ...], code: int, says: str) -> None:
    own = [] if "--csv" in arguments or "--out" in arguments else ["--out", "page.html"]
    found = run("compare", *arguments, *own)
    assert (found[0], found[1], found[2].count("\n")) == (code, "", 1), found
    assert says in found[2]
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    "command", [("analyze", "--no-check"), ("score",), ("latency", "predict"), ("latency", "measure")]
)
@pytest.mark.parametrize("flag", ["--use-se", "--no-use-se"])
def test_squeeze_and_excitation_has_no_meaning_for_networks_of_others(
    run: Run, command: tuple[str, ...], flag: str
) -> None:
    code, out, err = run(*command, "torchvision:squeezenet1_1", flag)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "squeeze-and-excitation can only be chosen for structures: leave out" in err
