"""Vela, Arm's compiler for Ethos-U NPUs: its estimate of cycles and SRAM, from an INT8 LiteRT file. No device is timed.

The package `ethos-u-vela` is imported by a process of its own, which compiles the file in a temporary folder and writes
its estimates there as CSV. Memories around the NPU are those that Vela assumes if nobody says otherwise.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable, Collection
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

from latency.base import ESTIMATORS, Estimate, LatencyError, LayerTime, UnavailableError, first_line
from latency.kernels import Fusion
from PlainNet.deployed.deploy import deploy
from PlainNet.deployed.operators import Deployed
from PlainNet.ops import OpGraph

if TYPE_CHECKING:
    from torch import nn

    from PlainNet.masternet import MasterNet

RANGE = (-4.0, 4.0)
"""The range of every value but sigmoids, as nobody has calibrated: scales change no cycle."""
GATES = (0.0, 1.0)
"""The range of a sigmoid."""
SECONDS = 300
"""Time limit for one network."""
KIB = 1024
_CHAINING = "ethos-u85"
"""NPUs that add what a convolution makes without storing it first."""
_PART = "_intermediate"
"""Behind the name of an operator: the first of two that Vela makes of it."""


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

    def fusion(self, configuration: str) -> Fusion:
        return Fusion(addition=configuration.startswith(_CHAINING), zeros="removed", swish=False)

    def estimate(self, graph: OpGraph, build: Callable[[], nn.Module], configuration: str) -> Estimate:
        from latency.litert.flatbuffer import written
        from latency.litert.model import Builtin
        from latency.litert.network import float_model, value_name
        from latency.litert.quantisation import int8_model, values_of

        missing = self.available()
        if missing is not None:
            raise UnavailableError(f"vela cannot run here: {missing}")
        network = cast("MasterNet", build())  # of a structure, as graphs of other modules have no deployed form
        deployed = deploy(graph)
        floats = float_model(deployed, graph, network)
        ranges = dict.fromkeys(values_of(floats), RANGE)
        ranges.update((one.outputs[0], GATES) for one in floats.operators if one.code is Builtin.LOGISTIC)
        made = compiled(written(int8_model(floats, ranges)), configuration)
        values = {value_name(deployed, value): value for value in range(1, len(deployed.operators) + 1)}
        named = [values.get(layer.name.removesuffix(_PART), 0) for layer in made.layers]
        nodes = computed(deployed, graph, set(named))
        layers = (layer._replace(nodes=nodes.get(value, ())) for layer, value in zip(made.layers, named, strict=True))
        return replace(made, layers=tuple(layers))


def computed(deployed: Deployed, graph: OpGraph, compiled: Collection[int]) -> dict[int, tuple[int, ...]]:
    """Return the nodes of the op graph that each of the compiled operators computes, by the value that it makes.

    An operator that is not compiled by itself, such as a convolution before a sigmoid, counts as one that reads it.
    """
    found = _own(deployed, graph)
    for value in found:
        reader = next((i for i, one in enumerate(deployed.operators, start=1) if value in one.inputs), None)
        if value not in compiled and reader is not None:
            found[reader] = tuple(sorted({*found[reader], *found[value]}))
    return found


def _own(deployed: Deployed, graph: OpGraph) -> dict[int, tuple[int, ...]]:
    """The nodes that each operator computes, by the value that it makes.

    One that only helps the next one, such as the sigmoid in a swish, counts as that one.
    """
    found: dict[int, tuple[int, ...]] = {}
    known: set[int] = set()  # the nodes that an operator computes
    helping: list[int] = []
    for value, operator in enumerate(deployed.operators, start=1):
        helping.append(value)
        if operator.value is not None:
            todo, own = [operator.value], set[int]()
            while todo:
                node = todo.pop() - 1
                own.add(node)
                todo += [source for source in graph.nodes[node].inputs if source and source - 1 not in known | own]
            known |= own
            found.update(dict.fromkeys(helping, tuple(sorted(own))))
            helping.clear()
    return found


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
            table = list(csv.DictReader(file))
        rows = [(row["Original Operator"], row["Target"], row["Name"]) for row in table]
        clock_hz = float(whole["core_clock"])
        memories = f"{whole['system_config']}, {whole['memory_mode']}"
        return Estimate(
            1e3 * float(whole["inference_time"]),
            int(float(whole["cycles_total"])),
            clock_hz,
            round(KIB * float(whole["sram_memory_used"])),
            tuple(f"{kind} {name}" for kind, target, name in rows if target != "NPU"),
            len({(kind, name) for kind, _, name in rows}),
            f"vela {version('ethos-u-vela')}",
            memories,
            tuple(LayerTime(row["Name"], (), 1e3 * float(row["Op Cycles"]) / clock_hz) for row in table),
        )
    except (KeyError, ValueError, StopIteration) as error:
        raise LatencyError(f"vela has written an estimate that cannot be read: {first_line(error)}") from None


ESTIMATORS.add("vela", Vela())
