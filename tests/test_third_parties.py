"""Parts that an installed distribution of somebody else announces are found by name, without a fork."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.third_party import install

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Python's path where the distribution is installed."""
    folder = tmp_path_factory.mktemp("site")
    install(folder)
    return os.pathsep.join([str(folder), str(ROOT)])


def run(path: str, *arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_proxy_scores_a_block_from_the_command_line(path: str) -> None:
    structure = "SuperConvK3BNRELU(3,8,1,1)AcmeConv(8)AcmeConv(8)"
    found = json.loads(run(path, "-m", "zennas", "score", structure, "--proxy", "acme_blocks", "--json"))
    assert "acme_blocks" in json.dumps(found)
    assert "3.0" in json.dumps(found)


def test_blocks_and_spaces_are_found_by_name(path: str) -> None:
    code = """
import PlainNet, SearchSpace, ZeroShotProxy
structure = PlainNet.parse("SuperConvK3BNRELU(3,8,1,1)AcmeConv(8)")
found = PlainNet.cost(structure, resolution=16, num_classes=10)
assert found.params == 8 * 27 + 16 + 8 * 72 + 16 + 90 and found.layers == 2, found
assert SearchSpace.load_space("ACME").name == "acme"
assert "acme_count" in ZeroShotProxy.PROXIES
"""
    run(path, "-c", code)


@pytest.mark.long
def test_a_network_is_trained_on_a_foreign_data_set_and_evaluated_on_it(path: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "t")
    chosen = ["--dataset", "dots", "--epochs", "1", "--device", "cpu", "--save-dir", folder]
    commands = [["train", "SuperConvK3BNRELU(3,8,1,1)", *chosen], ["eval", folder, "--json"]]
    code = f"""
from typer.testing import CliRunner
from zennas.cli.app import app
for command in {commands}:
    found = CliRunner().invoke(app, command, catch_exceptions=False)
    assert found.exit_code == 0, found.output
print(found.stdout)
"""
    found = json.loads(run(path, "-c", code))
    assert found["images"] == 20
    card = json.loads((tmp_path / "t" / "train.json").read_text())
    assert (card["dataset"], card["classes"]) == ("acme_dots", ["red", "green", "blue"])


BREAKING = """
from ZeroShotProxy.base import ProxyInfo, Score, register
from zennas.testing import check_proxy
register(ProxyInfo("odd", "no number", source="nowhere"), lambda target, settings: Score(float("nan")))
register(ProxyInfo("seeded", "what it does not say", source="nowhere"), lambda target, s: Score(float(s.seed)))
for name in ("odd", "seeded"):
    try:
        check_proxy(name)
    except AssertionError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def checked(path: str) -> list[str]:
    """What is said after the guide's example: of a space, and of two proxies."""
    guide = (ROOT / "CONTRIBUTING.md").read_text().partition("### Outside this repository")[2]
    example = guide.partition("```python")[2].partition("```")[0]
    code = f"{example}\ntest_our_parts_keep_the_contracts()\nprint(check_space('acme'))\n{BREAKING}"
    return run(path, "-c", code).splitlines()


def test_contracts_do_not_depend_on_assert_statements() -> None:
    """Which `python -O` leaves out; running it here would compile torch, whose optimised code nobody has stored."""
    for path in (ROOT / "zennas" / "testing").glob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text()))
        assert not any(isinstance(node, ast.Assert) or getattr(node, "id", "") == "__debug__" for node in nodes), path


@pytest.mark.long
def test_the_contracts_are_handed_out_as_the_guide_says(checked: list[str]) -> None:
    assert checked[0] == "['acme has no notation of its own']"


@pytest.mark.long
def test_a_part_that_breaks_a_contract_is_told_what_is_wrong(checked: list[str]) -> None:
    assert checked[1:] == [
        "score_is_finite_and_inside_its_interval: ProxyError: proxy odd returns nan, expected a finite number",
        "`random` of seeded, judged by its scores from two seeds: False, expected True",
    ]


def test_a_search_runs_in_a_foreign_space(path: str, tmp_path: Path) -> None:
    code = f"""
import sys, zennas
found = zennas.search(budget_params="50k", max_layers=8, iterations=50, search_space="acme", proxy="acme_blocks",
                      save_dir={str(tmp_path)!r})
assert "torch" not in sys.modules
print(found.best.structure)
"""
    assert run(path, "-c", code).startswith("SuperConvK3BNRELU(3,")
