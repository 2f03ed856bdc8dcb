"""What the documents show works, and what they and the docstrings point at exists."""

from __future__ import annotations

import ast
import importlib
import random
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from latency.base import BACKENDS
from PlainNet.blocktype import BLOCKS, block_type
from PlainNet.registry import Registry
from SearchSpace.base import SPACES
from zennas.cli.app import app
from zennas.data.registry import DATASETS
from zennas.exporting.base import FORMATS
from zennas.searching.executors.base import EXECUTORS
from zennas.searching.objectives.base import OBJECTIVES
from zennas.searching.strategies.base import STRATEGIES
from zennas.training.objectives.base import OBJECTIVES as TRAINING_OBJECTIVES
from ZeroShotProxy.base import PROXIES

ROOT = Path(__file__).resolve().parents[1]
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
    FORMATS,
)
SHIPPED = "zennet_digits_params100k_res16"
SMALL = "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)SuperConvK1BNRELU(16,32,1,1)"


def blocks(path: Path, language: str) -> list[str]:
    """The code blocks of a document."""
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.DOTALL)


def inline(path: Path) -> list[str]:
    """What stands in backticks outside of code blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL))


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


# -- Python ------------------------------------------------------------------------------------


def names_for(document: str) -> dict[str, Any]:
    """What the blocks of a document take for granted: the packages, a network, a batch."""
    import torch

    import latency
    import PlainNet
    import SearchSpace
    import zennas
    import ZenNet
    import ZeroShotProxy
    from ZeroShotProxy.base import ScoreSettings

    structure = PlainNet.parse(SMALL)
    found: dict[str, Any] = {
        "latency": latency,
        "PlainNet": PlainNet,
        "SearchSpace": SearchSpace,
        "random": random,
        "zennas": zennas,
        "ZenNet": ZenNet,
        "ZeroShotProxy": ZeroShotProxy,
        "ScoreSettings": ScoreSettings,
        "structure": structure,
        "structures": [structure, PlainNet.parse("ConvKX(3,8,3,1)BN(8)RELU(8)ConvKX(8,16,3,2)BN(16)RELU(16)")],
        "model": PlainNet.build(structure, num_classes=10),
        "images": torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)),
        "labels": torch.arange(4),
    }
    if document == "docs/export.md":
        import numpy

        pytest.importorskip("onnxruntime")
        zennas.export(SHIPPED, format="onnx", out=Path("mine.onnx"))
        found["images"] = numpy.random.default_rng(0).integers(0, 256, (2, 3, 16, 16))
    return found


def cheaper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches and trainings are shown as they are used; here they take fewer steps, unless a block says how many."""
    import zennas

    monkeypatch.setattr(zennas, "search", partial(zennas.search, iterations=200, proxy="zen_expected"))
    monkeypatch.setattr(zennas, "train", partial(zennas.train, epochs=1, resolution=8))


@pytest.mark.parametrize(
    "path", [path for path in GUIDES if blocks(path, "python") and path.name != "CONTRIBUTING.md"], ids=label
)
def test_python_blocks_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after another, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZENNAS_ZOO", str(tmp_path / "zoo"))
    cheaper(monkeypatch)
    names = names_for(label(path))
    for number, block in enumerate(blocks(path, "python")):
        exec(compile(block, f"{label(path)}, block {number}", "exec"), names)


@contextmanager
def unregistered(*registries: Registry[Any]) -> Iterator[None]:
    """Afterwards the registries hold what they held before."""
    for registry in registries:
        registry.names()  # loads its modules
    before = [dict(registry._items) for registry in registries]
    try:
        yield
    finally:
        for registry, items in zip(registries, before, strict=True):
            registry._items.clear()
            registry._items.update(items)
        block_type.cache_clear()


def test_the_recipes_register_what_they_say() -> None:
    """Each block of CONTRIBUTING is a module that adds one part to a registry."""
    registries: dict[str, Registry[Any]] = {
        "block": BLOCKS,
        "proxy": PROXIES,
        "backend": BACKENDS,
        "objective": OBJECTIVES,
    }
    expected = [
        ("block", "ConvBNRELU"),
        ("proxy", "mine"),
        ("proxy", "mine_too"),
        ("proxy", "ours"),
        ("backend", "mine"),
        ("objective", "thrift"),
    ]
    # The last one shows how third parties run the contracts; test_third_parties.py runs it.
    recipes = blocks(ROOT / "CONTRIBUTING.md", "python")[:-1]
    assert len(recipes) == len(expected)
    with unregistered(*registries.values()):
        for number, (recipe, (kind, name)) in enumerate(zip(recipes, expected, strict=True)):
            before = {key: set(registry.names()) for key, registry in registries.items()}
            module = ModuleType(f"recipe_{number}")
            sys.modules[module.__name__] = module
            try:
                exec(compile(recipe, f"CONTRIBUTING.md, block {number}", "exec"), module.__dict__)
            finally:
                del sys.modules[module.__name__]
            added = {key: set(registry.names()) - before[key] for key, registry in registries.items()}
            assert added == {key: {name} if key == kind else set() for key in registries}
    assert all(name not in registries[kind] for kind, name in expected)


# -- the shell ---------------------------------------------------------------------------------


def command_lines(text: str) -> list[list[str]]:
    """The lines of a shell block as words; comments, assignments before a command and ellipses are left out."""
    lines = []
    for line in text.replace("\\\n", " ").splitlines():
        words = [word for word in shlex.split(line, comments=True) if word != "…"]
        while words and re.fullmatch(r"\w+=.*", words[0]):
            del words[0]
        if words:
            lines.append(words)
    return lines


@cache
def program() -> Any:
    command: Any = typer.main.get_command(app)
    return command


def subcommand(words: list[str]) -> tuple[Any, list[str]]:
    """The command that `zennas` finds for these words, and the words that are left."""
    command, rest = program(), list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        known = command.commands
        assert rest[0] in known, f"no command {rest[0]} of {command.name}: {' '.join(words)}"
        command = known[rest.pop(0)]
    return command, rest


def flags(command: Any) -> set[str]:
    return {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)} | {"--help"}


def zennas_words(words: list[str]) -> list[str] | None:
    """What follows `zennas` in a command line, None where it calls something else."""
    for i, word in enumerate(words):
        if Path(word).name == "zennas" and (i == 0 or words[i - 1] == "-m"):
            return words[i + 1 :]
    return None


SHELL = [(path, words) for path in GUIDES for block in blocks(path, "sh") for words in command_lines(block)]


def test_there_are_shell_blocks() -> None:
    assert len(SHELL) > 30


@pytest.mark.parametrize(("path", "words"), SHELL, ids=[f"{label(p)}: {' '.join(w)}"[:90] for p, w in SHELL])
def test_shell_lines_parse(path: Path, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs, commands, flags and their values exist; nothing is run."""
    monkeypatch.chdir(tmp_path)
    del path
    own = zennas_words(words)
    if own is not None:
        command, rest = subcommand(own)
        command.make_context(command.name, rest)
    elif words[0] == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(words[1:]) <= set(targets)
    elif words[:3] == ["python", "-m", "benchmarks"]:
        assert all(name == "all" or (ROOT / f"benchmarks/{name}.py").is_file() for name in words[3:])
    elif words[:2] == ["python", "-m"]:
        assert (ROOT / f"{words[2].replace('.', '/')}.py").is_file()
    elif words[0] in (".", "source"):
        assert words[1:] == [".venv/bin/activate"]
    elif words[:2] == ["pip", "install"]:
        check_extras(words[2])
    elif words[0] in ("pre-commit", "git"):
        pass
    else:
        assert (ROOT / words[0]).is_file(), f"unknown program {words[0]}"


def check_extras(requirement: str) -> None:
    setup = (ROOT / "setup.py").read_text()
    found = re.fullmatch(r"zennas\[([\w,-]+)\]", requirement)
    assert found, requirement
    assert all(f'"{extra}": [' in setup for extra in found[1].split(","))


@pytest.mark.parametrize("path", GUIDES, ids=label)
def test_commands_and_flags_in_the_text_exist(path: Path) -> None:
    every = {flag for command in commands(program()) for flag in flags(command)} | LEGACY_FLAGS
    for text in inline(path):
        if text.startswith("zennas ") or text == "zennas":
            for call in re.split(r"\s\|\s", text) if re.search(r"--|\s\|\s", text) else [text]:
                words = [word for word in call.replace("…", "").split() if word]
                command, rest = subcommand(words[words[0] == "zennas" :][: 2 if " | " in text else None])
                assert {word for word in rest if word.startswith("--")} <= flags(command), text
        elif text.startswith("--"):
            assert text.split()[0].split("=")[0] in every, f"{label(path)}: no command takes {text}"
        for requirement in re.findall(r"zennas\[[\w,-]+\]", text):
            check_extras(requirement)
        for names in re.findall(r"python -m benchmarks((?: \w+)*)", text):
            assert all(
                name in ("all", "NAME") or (ROOT / f"benchmarks/{name}.py").is_file() for name in names.split()
            ), text


def commands(command: Any) -> Iterator[Any]:
    yield command
    for inner in getattr(command, "commands", {}).values():
        yield from commands(inner)


LEGACY_FLAGS = {
    flag
    for path in [*ROOT.glob("*.py"), *(ROOT / "zennas/legacy").glob("*.py")]
    for flag in re.findall(r'"(--[\w-]+)"', path.read_text())
}
"""Those of the scripts in the root."""


# -- files -------------------------------------------------------------------------------------

PLACES = (*PACKAGES, "docs", "benchmarks", "tests", "scripts", ".ci")
FILE = r"(?:[\w.-]+/)*[\w.-]+\.(?:py|md|json|toml|sh|txt|png|yaml)"
MADE = {
    "best_structure.txt",
    "train.json",
    "settings.toml",
    "mine.json",
    "mine.md",
    "model.json",
    "FILE.json",
    "profile.json",
    "card.md",
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


def python_files() -> list[Path]:
    inside = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [*inside, *sorted(ROOT.glob("*.py"))]


def docstrings(path: Path) -> Iterator[str]:
    """Those of modules, classes, functions, and those that follow an assignment."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


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


def test_the_groups_of_entry_points_are_named_in_contributing() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert [registry.group for registry in REGISTRIES if f"`{registry.group}`" not in text] == []


def test_names_of_our_packages_in_backticks_can_be_imported() -> None:
    dotted = re.compile(rf"`((?:{'|'.join((*PACKAGES, 'ZenNet'))})(?:\.\w+)+)")
    named = {(label(path), name) for path in GUIDES for name in dotted.findall(path.read_text())}
    named |= {
        (label(path), name) for path in python_files() for text in docstrings(path) for name in dotted.findall(text)
    }
    # Files; a module of Zen-NAS's; groups of entry points.
    groups = "|".join(registry.group.removeprefix("zennas.") for registry in REGISTRIES)
    other = re.compile(rf"\.(py|md|json)$|^PlainNet\.super_blocks$|^zennas\.({groups})$")
    missing = [f"{where} names {name}" for where, name in sorted(named) if not other.search(name) and not found(name)]
    assert missing == []


def found(name: str) -> bool:
    """Whether a dotted name is a module, or can be had from one."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            # A field of a dataclass without a default is an annotation only.
            if not hasattr(value, part) and part not in getattr(value, "__annotations__", {}):
                return False
            value = getattr(value, part, None)
        return True
    return False
