"""The files that documents and docstrings name exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from .reading import GUIDES, PACKAGES, ROOT, docstrings, inline, label, python_files

PLACES = (*PACKAGES, "docs", "benchmarks", "tests", "scripts", ".ci")
FILE = r"(?:[\w.-]+/)*[\w.-]+\.(?:py|md|json|toml|sh|txt|png|yaml)"
MADE = {
    "best_structure.txt",
    "structure.txt",
    "architecture.json",
    "proxyless.json",
    "history.jsonl",
    "net.config",
    "train.json",
    "curve.json",
    "curve.png",
    "settings.toml",
    "design.json",
    "classify.py",
    "search.json",
    "mine.json",
    "mine.md",
    "model.json",
    "FILE.json",
    "FILE.toml",
    "profile.json",
    "card.md",
    "result.json",
    "best.toml",
}
"""Files that programs make."""


@cache
def every_file() -> frozenset[str]:
    """Names of the files of the project."""
    inside = [path for place in PLACES for path in (ROOT / place).rglob("*")]
    return frozenset(path.name for path in [*ROOT.iterdir(), *inside])


def is_placeholder(name: str) -> bool:
    """A file that the reader makes: its folder has to be there."""
    return bool(re.fullmatch(r"(\w+_)?mine\.\w+", Path(name).name))


@pytest.mark.parametrize("path", GUIDES, ids=label)
def test_files_named_in_documents_exist(path: Path) -> None:
    text = path.read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), f"{label(path)} links to {target}"
        if anchor:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, target
    for named in inline(path):
        for name in re.findall(rf"(?<![\w/~$.-]){FILE}(?![\w/])", named):
            if name in MADE or name.startswith("runs/"):
                continue
            exists = (ROOT / name).exists() or (path.parent / name).exists()
            if is_placeholder(name) and "/" in name:
                exists = (ROOT / name).parent.is_dir()
            elif "/" not in name:
                exists = exists or is_placeholder(name) or name in every_file()
            elif not exists:  # within a package that the text is about
                exists = any((ROOT / package / name).exists() for package in PACKAGES)
            assert exists, f"{label(path)} names {name}"
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/", named) and not named.startswith(("runs/", "FOLDER/")):
            places = (ROOT, path.parent, *(ROOT / package for package in PACKAGES))
            assert any((place / named).is_dir() for place in places), f"{label(path)} names {named}"


def test_files_named_in_docstrings_exist() -> None:
    """A name in backticks is relative to the file's folder, to its package, or to the project."""
    missing = []
    for path in python_files():
        package = ROOT / path.relative_to(ROOT).parts[0]
        for text in docstrings(path):
            for name in re.findall(r"`([\w./-]+\.py)`", text):
                found = any((place / name).is_file() for place in (path.parent, package, ROOT) if place.is_dir())
                if not found and not is_placeholder(name):
                    missing.append(f"{label(path)} names {name}")
            missing += [
                f"{label(path)} names {name}"
                for name in re.findall(r"\b(?:docs|benchmarks|tests|scripts)/[\w/-]+\.\w+", text)
                if not (ROOT / name).is_file()
            ]
            missing += [
                f"{label(path)} names docs/adr/{number}"
                for number in re.findall(r"docs/adr/(\d{4})", text)
                if not list((ROOT / "docs/adr").glob(f"{number}-*.md"))
            ]
    assert missing == []
