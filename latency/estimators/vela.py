"""Vela, Arm's compiler for Ethos-U NPUs: its estimate of cycles and SRAM, from an INT8 LiteRT file. No device is timed.

The package `ethos-u-vela` is imported by a process of its own, which compiles the file in a temporary folder and writes
its estimates there as CSV. Memories around the NPU are those that Vela assumes if nobody says otherwise.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

from latency.base import ESTIMATORS, Estimate, LatencyError, UnavailableError, first_line
from PlainNet.deployed.deploy import deploy
from PlainNet.ops import OpGraph

if TYPE_CHECKING:
    from torch import nn

    from PlainNet.masternet import MasterNet

RANGE = (-4.0, 4.0)
"""The range of every value, as nobody has calibrated: scales change no cycle."""
SECONDS = 300
"""Time limit for one network."""
KIB = 1024


class Vela:
    name = "vela"
    configurations: tuple[str, ...] = (
        "ethos-u55-128",
        "ethos-u55-32",
        "ethos-u55-64",
        "ethos-u55-256",
        "ethos-u65-256",
        "ethos-u65-512",
        "ethos-u85-128",
        "ethos-u85-256",
        "ethos-u85-512",
        "ethos-u85-1024",
        "ethos-u85-2048",
    )

    def available(self) -> str | None:
        missing = [name for name in ("ethosu", "flatbuffers") if find_spec(name) is None]
        return f"{missing[0]} is not installed: pip install 'zennas[ethos]'" if missing else None

    def estimate(self, graph: OpGraph, build: Callable[[], nn.Module], configuration: str) -> Estimate:
        from latency.litert.flatbuffer import written
        from latency.litert.network import float_model
        from latency.litert.quantisation import int8_model, values_of

        missing = self.available()
        if missing is not None:
            raise UnavailableError(f"vela cannot run here: {missing}")
        network = cast("MasterNet", build())  # of a structure, as graphs of other modules have no deployed form
        floats = float_model(deploy(graph), graph, network)
        return compiled(written(int8_model(floats, dict.fromkeys(values_of(floats), RANGE))), configuration)


def compiled(content: bytes, configuration: str) -> Estimate:
    """Return Vela's estimate for a LiteRT file in INT8. Raises LatencyError if it cannot compile it."""
    with TemporaryDirectory() as folder:
        file, out = Path(folder) / "network.tflite", Path(folder) / "out"
        file.write_bytes(content)
        command = [sys.executable, "-m", "ethosu.vela", str(file), "--output-dir", str(out), "--verbose-performance"]
        try:
            ended = subprocess.run(
                [*command, "--accelerator-config", configuration],
                capture_output=True,
                text=True,
                check=False,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise LatencyError(f"vela has compiled for {SECONDS} s without an end: use a smaller network") from None
        summaries, layers = sorted(out.glob("*_summary_*.csv")), sorted(out.glob("*_per-layer.csv"))
        if ended.returncode or not summaries or not layers:
            said = (ended.stderr or ended.stdout).strip().splitlines()
            raise LatencyError(
                f"vela cannot compile the network: {first_line(said[-1] if said else 'it says nothing')}"
            )
        return _read(summaries[0], layers[0])


def _read(summary: Path, layers: Path) -> Estimate:
    """The estimate in the files that Vela writes. Raises LatencyError if they lack a number."""
    try:
        with summary.open(newline="") as file:
            whole = next(iter(csv.DictReader(file)))
        with layers.open(newline="") as file:
            rows = [(row["Original Operator"], row["Target"], row["Name"]) for row in csv.DictReader(file)]
        memories = f"{whole['system_config']}, {whole['memory_mode']}"
        return Estimate(
            1e3 * float(whole["inference_time"]),
            int(float(whole["cycles_total"])),
            float(whole["core_clock"]),
            round(KIB * float(whole["sram_memory_used"])),
            tuple(f"{kind} {name}" for kind, target, name in rows if target != "NPU"),
            len({(kind, name) for kind, _, name in rows}),
            f"vela {version('ethos-u-vela')}",
            memories,
        )
    except (KeyError, ValueError, StopIteration) as error:
        raise LatencyError(f"vela has written an estimate that cannot be read: {first_line(error)}") from None


ESTIMATORS.add("vela", Vela())
