"""The map of `zennas/` before and after: rooms at its root, floors of imports, and imports that run upward."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from benchmarks._before import BEFORE_THE_ROOMS, ROOT, checked_out


def arrows(package: Path) -> dict[str, set[str]]:
    """The rooms at the root of a package, folders and modules, and which others each imports, anywhere."""
    rooms = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    found: dict[str, set[str]] = {room: set() for room in rooms - {"__init__"}}
    for path in package.rglob("*.py"):
        room = path.relative_to(package).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                top, _, rest = name.partition(".")
                other = rest.partition(".")[0]
                if top == package.name and other in found and room in found and other != room:
                    found[room].add(other)
    return found


def floors(graph: dict[str, set[str]]) -> tuple[int, list[tuple[str, str]]]:
    """The number of floors where every import goes down, and the imports that have to be left out for that."""
    left_out: list[tuple[str, str]] = []
    graph = {room: set(below) for room, below in graph.items()}
    while True:
        try:
            order = list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            cycle = error.args[1]
            # Of the circle's arrows, the one from the room that fewest import: it stands highest.
            pairs = [(b, a) for a, b in zip(cycle, cycle[1:], strict=False)]
            pair = min(pairs, key=lambda pair: sum(pair[0] in below for below in graph.values()))
            pair = next(p for p in (pair, *pairs) if p[1] in graph[p[0]])
            graph[pair[0]].discard(pair[1])
            left_out.append(pair)
            continue
        level: dict[str, int] = {}
        for room in order:
            level[room] = 1 + max((level[below] for below in graph[room]), default=0)
        return max(level.values()), left_out


def describe(package: Path, when: str) -> None:
    graph = arrows(package)
    folders = sorted(room for room in graph if (package / room).is_dir())
    count, circles = floors(graph)
    loose = sorted(set(graph) - set(folders))
    print(f"{when}: {len(folders)} folders and {len(loose)} loose modules at the root, {count} floors of imports")
    print(f"  folders: {', '.join(folders)}")
    print(f"  loose: {', '.join(loose)}")
    print(
        f"  imports that run upward, whatever the order: {len(circles)} {sorted(circles) if circles else ''}".rstrip()
    )


def main() -> None:
    with checked_out(BEFORE_THE_ROOMS) as before:
        describe(before / "zennas", f"before ({BEFORE_THE_ROOMS})")
    describe(ROOT / "zennas", "now")


if __name__ == "__main__":
    main()
