"""How long `import zennas` and `zennas --help` take."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.common import print_machine, seconds


def main() -> None:
    print_machine()
    bare, *_ = seconds(lambda: subprocess.run([sys.executable, "-c", ""], check=True), repeats=9)
    print(f"an empty Python program: {bare:.3f} s")
    for label, arguments in {
        "import zennas": ["-c", "import zennas"],
        "zennas --help": ["-m", "zennas", "--help"],
        "zennas search --help": ["-m", "zennas", "search", "--help"],
    }.items():
        command = [sys.executable, *arguments]
        middle, low, high = seconds(
            lambda command=command: subprocess.run(command, check=True, stdout=subprocess.DEVNULL), repeats=9
        )  # type: ignore[misc]
        print(f"{label}: {middle:.3f} s ({low:.3f} to {high:.3f}), {middle / bare:.1f} times an empty program")


if __name__ == "__main__":
    main()
