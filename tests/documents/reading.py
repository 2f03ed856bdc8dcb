"""What the tests of documents share: which documents and registries there are, and how their parts are read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from latency.base import BACKENDS, ESTIMATORS
from PlainNet.blocktype import BLOCKS
from PlainNet.registry import Registry
from SearchSpace.base import SPACES
from zennas.budget.target import TARGETS
from zennas.data.registry import DATASETS
from zennas.exporting.base import FORMATS
from zennas.pages.section import SECTIONS
from zennas.searching.executors.base import EXECUTORS
from zennas.searching.objectives.base import OBJECTIVES
from zennas.searching.strategies.base import STRATEGIES
from zennas.training.objectives.base import OBJECTIVES as TRAINING_OBJECTIVES
from ZeroShotProxy.base import PROXIES
from ZeroShotProxy.teg.supernets import SUPERNETS

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("PlainNet", "SearchSpace", "ZeroShotProxy", "latency", "pretrained", "zennas")
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
GUIDES = [path for path in DOCUMENTS if path.parent.name != "adr"]
"""Those for users; decision records also name files that are no more."""
REGISTRIES: tuple[Registry[Any], ...] = (
    BLOCKS,
    SPACES,
    PROXIES,
    STRATEGIES,
    OBJECTIVES,
    EXECUTORS,
    DATASETS,
    TRAINING_OBJECTIVES,
    BACKENDS,
    ESTIMATORS,
    FORMATS,
    TARGETS,
    SECTIONS,
    SUPERNETS,
)


def blocks(path: Path, language: str) -> list[str]:
    """The code blocks of a document."""
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.DOTALL)


def inline(path: Path) -> list[str]:
    """What stands in backticks outside of code blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL))


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


def python_files() -> list[Path]:
    inside = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [*inside, *sorted(ROOT.glob("*.py"))]


def docstrings(path: Path) -> Iterator[str]:
    """Those of modules, classes, functions, and those that follow an assignment."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value
