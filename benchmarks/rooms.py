"""The map of `zennas/` before and after: rooms at its root, floors of imports, and imports that run upward."""

from __future__ import annotations

import ast
from pathlib import Path

from benchmarks._before import BEFORE_THE_ROOMS, ROOT, checked_out


def arrows(package: Path) -> dict[str, set[str]]:
    """Return, for each room (folder or module) at the root of a package, the rooms that it imports anywhere."""
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


def reachable(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return what each room imports, directly or indirectly."""
    found = {room: set(below) for room, below in graph.items()}
    for middle in graph:
        for room in graph:
            if middle in found[room]:
                found[room] |= found[middle]
    return found


def floors(graph: dict[str, set[str]]) -> int:
    """Return the length of the longest chain of imports; a cycle of rooms counts as one."""
    below = reachable(graph)
    one_floor = {room: frozenset({room, *(other for other in below[room] if room in below[other])}) for room in graph}
    level: dict[frozenset[str], int] = {}
    for rooms in sorted(set(one_floor.values()), key=lambda rooms: len(rooms.union(*(below[room] for room in rooms)))):
        under = {one_floor[other] for room in rooms for other in graph[room]} - {rooms}
        level[rooms] = 1 + max((level[each] for each in under), default=0)
    return max(level.values())


def describe(package: Path, when: str) -> None:
    graph = arrows(package)
    below = reachable(graph)
    circles = sorted(room for room in graph if room in below[room])
    inside = sum(other in circles and room in below[other] for room in circles for other in graph[room])
    folders = sorted(room for room in graph if (package / room).is_dir())
    loose = sorted(set(graph) - set(folders))
    print(
        f"{when}: {len(folders)} folders and {len(loose)} loose modules at the root, {floors(graph)} floors of imports"
    )
    print(f"  folders: {', '.join(folders)}")
    print(f"  loose: {', '.join(loose)}")
    if circles:
        print(
            f"  rooms in circles of imports, some of which run upward: {len(circles)}, with {inside} imports among them"
        )
        print(f"  {', '.join(circles)}")
    else:
        print("  no circles: every import runs downward, also inside functions")


def main() -> None:
    with checked_out(BEFORE_THE_ROOMS) as before:
        describe(before / "zennas", f"before ({BEFORE_THE_ROOMS})")
    describe(ROOT / "zennas", "now")


if __name__ == "__main__":
    main()
