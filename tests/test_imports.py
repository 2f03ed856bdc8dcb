"""Which part may know which: imports go downward only, and a closed-form search never imports torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "PlainNet": {"PlainNet"},
    "SearchSpace": {"SearchSpace", "PlainNet"},
    "ZeroShotProxy": {"ZeroShotProxy", "PlainNet"},
    "latency": {"latency", "PlainNet"},
    "zennas": {"zennas", "SearchSpace", "ZeroShotProxy", "latency", "PlainNet", "ZenNet"},
    "pretrained": {"pretrained", "PlainNet"},
    "ZenNet.py": {"PlainNet", "pretrained"},
}
OURS = {"PlainNet", "SearchSpace", "ZeroShotProxy", "latency", "zennas", "ZenNet", "pretrained"}
IMPORTS_TORCH = {
    "PlainNet/modules.py",
    "PlainNet/masternet.py",
    "PlainNet/checkpoint.py",
    "ZeroShotProxy/_features.py",
    "ZeroShotProxy/_gaussian_torch.py",
    "ZeroShotProxy/_initialise.py",
    "ZeroShotProxy/_isolated.py",
    "ZeroShotProxy/_measures.py",
    "ZeroShotProxy/_ntk.py",
    "ZeroShotProxy/_per_image.py",
    "ZeroShotProxy/_probe.py",
    "ZeroShotProxy/_units.py",
    "ZeroShotProxy/_zen_torch.py",
    "latency/folding.py",
    "latency/trace.py",
    "latency/train.py",
    "zennas/data/loading.py",
    "zennas/evaluate.py",
    "zennas/train/augment.py",
    "zennas/train/distil.py",
    "zennas/train/distributed.py",
    "zennas/train/feed.py",
    "zennas/train/initialise.py",
    "zennas/train/loop.py",
    "zennas/train/objective.py",
    "zennas/train/optimisers.py",
    "zennas/train/outcome.py",
    "zennas/train/runner.py",
    "zennas/train/stages.py",
    "zennas/train/state.py",
    "zennas/train/teacher.py",
}


def sources(part: str) -> list[Path]:
    path = ROOT / part
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def imports(path: Path, at_import_time: bool = False) -> set[str]:
    """Top-level names of the modules that a file imports, anywhere or only when it is imported itself."""
    tree = ast.parse(path.read_text())
    found: set[str] = set()
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
        elif at_import_time and (
            isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        ):
            continue
        todo += ast.iter_child_nodes(node)
    return found


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_imports_go_downward(part: str) -> None:
    for path in sources(part):
        upward = (imports(path) & OURS) - MAY_IMPORT[part]
        assert not upward, f"{path.relative_to(ROOT)} imports {', '.join(upward)}"


def test_torch_is_imported_where_it_is_needed_only() -> None:
    found = {
        str(path.relative_to(ROOT))
        for part in MAY_IMPORT
        for path in sources(part)
        if {"torch", "torchvision", "sklearn", "fvcore"} & imports(path, at_import_time=True)
    }
    assert found == IMPORTS_TORCH


def run(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return result.stdout.strip()


def test_a_closed_form_search_never_imports_torch(tmp_path: Path) -> None:
    code = f"""
import sys, zennas
zennas.search(budget_params="50k", max_layers=8, iterations=300, proxy="zen_expected", save_dir={str(tmp_path)!r})
print("torch" in sys.modules)
"""
    assert run(code) == "False"


def test_a_search_under_a_predicted_latency_never_imports_torch(tmp_path: Path) -> None:
    code = f"""
import sys, zennas
zennas.search(budget_latency_ms=0.3, max_layers=8, iterations=50, proxy="zen_expected", save_dir={str(tmp_path)!r})
print("torch" in sys.modules)
"""
    assert run(code) == "False"


def test_the_package_and_its_help_import_nothing_heavy() -> None:
    assert run("import sys, zennas; print({'torch', 'numpy', 'rich', 'typer'} & set(sys.modules))") == "set()"
    assert run("import sys, zennas.cli.app; print({'torch', 'numpy', 'scipy'} & set(sys.modules))") == "set()"
