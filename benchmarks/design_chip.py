"""`zennas design` for an STM32F746 (320 KB RAM, 1 MB flash) on digits and on CIFAR-10: accuracy in INT8, RAM, flash.

Beside them the cycles that Vela estimates for the file on an Ethos-U55-128.

--digits N, --cifar10 N: minutes for each, 3 and 20 by default; 0 leaves one out. NB201_DATA names the folder of the
packed archives of CIFAR-10. --keep FOLDER: keep the runs there.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks._nb201 import DATA, IMAGES
from benchmarks.common import print_machine
from benchmarks.design_folder import designed, print_design
from latency.base import LatencyError
from latency.estimators.vela import Vela, compiled
from latency.measuring.conditions import version_of

TARGET, NPU = "stm32f746", "ethos-u55-128"


def show(name: str, data: str, minutes: float, run: Path) -> None:
    """Design for the chip, and print what came out."""
    found, seconds = designed(TARGET, data, minutes, run)
    print(f"\n{name}, {minutes:g} minutes")
    print_design(found, seconds, minutes)
    missing = Vela().available()
    if missing is not None:
        print(f"no cycles: {missing}")
        return
    try:
        made = compiled(Path(found["result"]["file"]).read_bytes(), NPU)
    except LatencyError as error:
        print(f"no cycles: {error}")
        return
    print(
        f"{made.compiler} for {NPU}, an estimate: {made.cycles:,} cycles, {made.sram_bytes:,} bytes of SRAM, "
        f"{len(made.elsewhere)} of {made.operators} operators outside the NPU"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--digits", type=float, default=3.0)
    parser.add_argument("--cifar10", type=float, default=20.0)
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    print_machine()
    print(", ".join(f"{name} {version_of(name)}" for name in ("ai-edge-litert", "tflite-micro", "ethos-u-vela")))
    with tempfile.TemporaryDirectory() as made:
        place = chosen.keep or Path(made)
        if chosen.digits:
            show("digits", "digits", chosen.digits, place / "digits")
        archive = DATA / IMAGES
        if chosen.cifar10 and not archive.is_file():
            print(f"CIFAR-10 is left out: {archive} not found (NB201_DATA names the folder)")
        elif chosen.cifar10:
            show("CIFAR-10", str(archive), chosen.cifar10, place / "cifar10")


if __name__ == "__main__":
    main()
