"""How long `import zennas` and `zennas --help` take."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from benchmarks.common import compiled_modules, print_machine, seconds


def main() -> None:
    print_machine()
    with compiled_modules() as environment:
        starts(environment)


def starts(environment: dict[str, str]) -> None:
    """Print the seconds from start to end of some commands. The first call, which does not count, compiles modules."""
    bare, *_ = seconds(lambda: subprocess.run([sys.executable, "-c", ""], check=True, env=environment), repeats=9)
    print(f"an empty Python program: {bare:.3f} s")
    for label, arguments in {
        "import zennas": ["-c", "import zennas"],
        "zennas --help": ["-m", "zennas", "--help"],
        "zennas search --help": ["-m", "zennas", "search", "--help"],
    }.items():
        start = partial(
            subprocess.run, [sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment
        )
        middle, low, high = seconds(start, repeats=9)
        print(f"{label}: {middle:.3f} s ({low:.3f} to {high:.3f}), {middle / bare:.1f} times an empty program")


if __name__ == "__main__":
    main()
