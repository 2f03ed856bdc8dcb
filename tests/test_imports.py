"""Which part may know which: imports go downward only, and a closed-form search never imports torch.

A new file needs no entry here: its folder says where it stands, and its first lines say whether it imports torch.
"""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = (
    ("PlainNet",),
    ("SearchSpace", "ZeroShotProxy", "latency", "pretrained"),
    ("ZenNet",),
    ("zennas",),
)
"""The packages from the ground up; those of one floor do not import each other."""
ROOMS = (
    ("common",),
    ("runs", "data"),
    ("named",),
    ("budget",),
    ("accuracy",),
    ("training",),
    ("supernet",),
    ("searching",),
    ("correlation", "exporting"),
    ("discovering", "designing"),
    ("report",),
    ("pages",),
    ("api",),
    ("testing",),
    ("cli",),
    ("legacy", "__main__"),
)
"""The rooms of `zennas/`, likewise."""
WINGS = (
    ("kernels", "statistics"),
    ("base",),
    ("predicting",),
    ("measuring",),
    ("litert",),
    ("backends", "estimators", "fitting"),
    ("api",),
)
"""The wings of `latency/`, likewise."""
CODE = (*(name for floor in FLOORS for name in floor), "tests", "benchmarks", "scripts")
HEAVY = {"torch", "torchvision", "sklearn", "fvcore"}


def sources(part: str) -> list[Path]:
    path = ROOT / part
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imported(path: Path, at_import_time: bool = False) -> Iterator[str]:
    """Full names of what a file imports, anywhere or only when it is imported itself."""
    todo: list[ast.AST] = list(parsed(path).body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif at_import_time and (
            isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        ):
            continue
        todo += ast.iter_child_nodes(node)


def floor_of(name: str, floors: tuple[tuple[str, ...], ...]) -> int:
    return next(i for i, parts in enumerate(floors) if name in parts)


def upward(parts: tuple[tuple[str, ...], ...], package: str = "") -> list[str]:
    """Imports that do not go down, as text. package: whose parts these are; "" for the packages themselves."""
    known = [name for floor in parts for name in floor]
    found = []
    for part in known:
        for path in sources(f"{package}/{part}" if package else part):
            for name in imported(path):
                top, _, rest = name.partition(".")
                other = rest.partition(".")[0] if package and top == package else "" if package else top
                if other == part or other not in known:
                    continue
                if floor_of(other, parts) >= floor_of(part, parts):
                    found.append(f"{path.relative_to(ROOT)} imports {name}")
    return found


def test_packages_import_downward() -> None:
    assert upward(FLOORS) == []


def test_rooms_of_the_application_import_downward() -> None:
    assert upward(ROOMS, "zennas") == []


def test_wings_of_latency_import_downward() -> None:
    assert upward(WINGS, "latency") == []


def test_every_room_has_its_floor() -> None:
    rooms = {
        path.stem for path in (ROOT / "zennas").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert rooms - {"__init__"} == {room for floor in ROOMS for room in floor}


def test_a_module_that_imports_torch_says_so_in_its_first_lines() -> None:
    for part in (name for floor in FLOORS for name in floor):
        for path in sources(part):
            imports = bool(HEAVY & {name.partition(".")[0] for name in imported(path, at_import_time=True)})
            says = "Imports torch." in (ast.get_docstring(parsed(path)) or "")
            assert imports == says, f"{path.relative_to(ROOT)} imports torch: {imports}; its docstring says so: {says}"


@pytest.mark.parametrize(
    "package", ["PlainNet.blocks", "SearchSpace", "ZeroShotProxy.proxies", "latency.backends", "zennas.data.sets"]
)
def test_what_a_registry_loads_imports_nothing_heavy(package: str) -> None:
    for path in sources(package.replace(".", "/")):
        assert not HEAVY & {name.partition(".")[0] for name in imported(path, at_import_time=True)}, path


def run(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return result.stdout.strip()


def test_a_closed_form_search_never_imports_torch(tmp_path: Path) -> None:
    """Neither without a limit of the latency nor with one that is predicted, nor its page, nor a comparison of
    structures.
    """
    code = f"""
import sys, zennas
def search(name, proxy="zen_expected", **budget):
    chosen = dict(max_layers=8, iterations=50, proxy=proxy, save_dir={str(tmp_path)!r} + name)
    zennas.search(**budget, **chosen)
    print("torch" in sys.modules)
search("/params", budget_params="50k")
search("/latency", budget_latency_ms=0.3)
search("/program", proxy="program:mean_field", budget_params="50k")
zennas.page({str(tmp_path)!r} + "/latency")
print("torch" in sys.modules)
compared = zennas.compare([{str(tmp_path)!r} + "/latency", "SuperConvK3BNRELU(3,8,1,1)"], proxies="zen_expected")
zennas.page(compared, out={str(tmp_path)!r} + "/page.html")
print("torch" in sys.modules)
"""
    assert run(code) == "\n".join(["False"] * 5)


def test_the_package_and_its_help_import_nothing_heavy() -> None:
    assert run("import sys, zennas; print({'torch', 'numpy', 'rich', 'typer'} & set(sys.modules))") == "set()"
    assert run("import sys, zennas.cli.app; print({'torch', 'numpy', 'scipy'} & set(sys.modules))") == "set()"


def test_the_functions_of_the_package_are_found_and_explained() -> None:
    code = """
import inspect, latency, zennas
for package in (zennas, latency):
    for name in package.__all__:
        function = getattr(package, name)
        assert name in dir(package) and inspect.isfunction(function) and inspect.signature(function).parameters, name
        assert function.__doc__, name
print("found")
"""
    assert run(code) == "found"
    for room in ("searching", "training", "correlation", "exporting"):
        import_module(f"zennas.{room}.runner")  # must not hide the functions
    zennas = import_module("zennas")
    assert all(inspect.isfunction(getattr(zennas, name)) for name in zennas.__all__)


def test_everything_that_is_imported_is_a_declared_dependency() -> None:
    """A package that another one happens to bring along can be missing on the next machine."""
    declared = {
        re.split(r"[\[<>=;]", text)[0].lower().replace("-", "_")
        for text in re.findall(r'"([A-Za-z][\w-]*(?:\[\w+\])?[^"]*)"', (ROOT / "setup.py").read_text())
    } | {"setuptools"}
    distributions = {"sklearn": "scikit_learn", "PIL": "pillow", "yaml": "pyyaml"}
    own = {name for floor in FLOORS for name in floor} | {
        "benchmarks",
        "tests",
        "tests_own_registry",
        *sys.stdlib_module_names,
    }
    files = [*ROOT.glob("*.py"), *(path for part in CODE for path in (ROOT / part).rglob("*.py"))]
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        for name in (full.split(".")[0] for full in absolute(path))
        if name not in own and distributions.get(name, name) not in declared
    }
    assert not missing


def absolute(path: Path) -> Iterator[str]:
    """Full names of the modules that a file imports, without relative imports."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
