"""Run benchmarks by name, or all of them; their output is also written to benchmarks/results/NAME.txt."""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = sorted(p.stem for p in HERE.glob("*.py") if not p.stem.startswith("_") and p.stem != "common")


def summary(name: str) -> str:
    """Return the first line of a program's docstring."""
    return (ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text())) or "").split("\n")[0]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="names, or all")
    chosen = parser.parse_args().names
    # Not `choices`, which refuses an empty list in Python 3.11.
    if unknown := [name for name in chosen if name not in (*NAMES, "all")]:
        parser.error(f"there is no benchmark {unknown[0]}, expected all or some of {', '.join(NAMES)}")
    if not chosen:
        for name in NAMES:
            print(f"{name:24} {summary(name)}")
        return
    failed = 0
    for name in NAMES if chosen == ["all"] else chosen:
        print(f"== {name}: {summary(name)}", flush=True)
        process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{name}"], cwd=HERE.parent, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
        failed |= process.wait()
        if process.returncode == 0:
            (HERE / "results").mkdir(exist_ok=True)
            (HERE / "results" / f"{name}.txt").write_text("".join(lines))
    sys.exit(failed)


if __name__ == "__main__":
    main()
