"""Shared code of the LiteRT formats: the network in INT8, its options, and what sidecars say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from latency.litert import flatbuffer
from latency.litert.flatbuffer import written
from latency.litert.model import Model
from latency.litert.network import float_model
from latency.litert.quantisation import int8_model, values_of
from PlainNet.cost import op_cost
from PlainNet.deployed.deploy import DeployError, deploy
from PlainNet.deployed.memory import METADATA, memory_of, plan_metadata
from PlainNet.deployed.operators import Deployed
from PlainNet.deployed.startup import startup_bytes
from zennas.exporting.base import ExportError, ExportJob, Option, Options, Plan
from zennas.exporting.formats.onnx_int8 import ROUGH
from zennas.exporting.litert import running
from zennas.exporting.litert.running import ends_of, litert_answers, micro_answers, micro_is_here, ranges_of

PACKAGES: tuple[str, ...] = ("torch", "flatbuffers", "ai-edge-litert", "tflite-micro")
BATCH = 1
"""Images in a batch: microcontrollers take one at a time, and their memory is planned for that."""
INT8_OPTIONS: Mapping[str, Option] = {
    "weights": Option(
        "per-channel",
        ("per-channel", "per-tensor"),
        "per-channel keeps more accuracy; per-tensor is for compilers that take nothing else",
    ),
    "memory_plan": Option(
        "offline",
        ("offline", "runtime"),
        "offline writes the places of activations into the file, which need less RAM; with runtime, the interpreter "
        "plans them",
    ),
}


def int8_plan(options: Options, ending: str) -> Plan:
    """Return the plan of a file in INT8. ending: of its name."""
    form = "".join(f"-{options[name]}" for name, option in INT8_OPTIONS.items() if options[name] != option.default)
    return Plan(f".int8{form}{ending}", "int8", ROUGH, calibrated=True, batch=BATCH, layout="NHWC")


def why_not() -> str | None:
    """Return None if LiteRT files can be written and run here, else what is missing."""
    return flatbuffer.why_not() or running.why_not()


def deployed(job: ExportJob) -> Deployed:
    """Return the operators of the file. Raises ExportError if an operation of the network has no form in one."""
    try:
        return deploy(job.subject.graph)
    except DeployError as error:
        raise ExportError(str(error)) from None


def in_float(job: ExportJob) -> Model:
    """Return the model in float32. Raises ExportError."""
    return float_model(deployed(job), job.subject.graph, job.model.network)


def in_int8(job: ExportJob) -> bytes:
    """Return the content of a file in INT8, calibrated with the images of the job. Raises ExportError or DataError."""
    operators = deployed(job)
    floats = float_model(operators, job.subject.graph, job.model.network)
    ranges = ranges_of(written(floats), job.batches, values_of(floats))
    model = int8_model(floats, ranges, per_channel=job.options["weights"] == "per-channel")
    if job.options["memory_plan"] == "offline":
        plan = plan_metadata(memory_of(operators), len(model.tensors))
        model = replace(model, metadata={METADATA: plan})
    return written(model)


def int8_facts(content: bytes, job: ExportJob) -> dict[str, Any]:
    """Return what a sidecar says about a file in INT8. Raises ExportError if microcontrollers cannot run it."""
    image, logits = ends_of(content)
    memory = memory_facts(job)
    weights = str(job.options["weights"]).replace("-", " ")
    return {
        "input": {"dtype": image.dtype, "scale": image.scale, "zero_point": image.zero_point},
        "output": {"dtype": logits.dtype, "scale": logits.scale, "zero_point": logits.zero_point},
        "quantisation": {
            "activations": "int8",
            "weights": f"int8, {weights}, symmetric",
            "biases": "int32",
            "form": "real = scale * (stored - zero_point)",
        },
        "memory": memory,
        "microcontroller": _on_microcontrollers(content, job, logits.scale, memory["arena_bytes"])
        if micro_is_here()
        else None,
    }


def memory_facts(job: ExportJob) -> dict[str, Any]:
    """Return the memory that the file needs, for the sidecar."""
    operators, plan = deployed(job), job.options["memory_plan"]
    memory = memory_of(operators)
    activations = memory.ram_bytes if plan == "offline" else memory.ram_bytes_planner
    return {
        "plan": plan,
        "ram_bytes": activations,
        "arena_bytes": startup_bytes(operators, activations),
        "meaning": "ram_bytes are activations; an arena of arena_bytes holds the interpreter's tables as well",
    }


IMAGES = 8
ROOM = 2**16
"""Bytes that the interpreter gets beyond the predicted arena, so that another version of it can need more."""
SLOW = 2e8
"""FLOPs above which fewer images are run on a microcontroller's kernels, which are slow on other machines."""


def _on_microcontrollers(content: bytes, job: ExportJob, step: float, arena: int) -> dict[str, Any]:
    """How the interpreter for microcontrollers compares with LiteRT's, on images of noise.

    arena: the memory that it needs. Raises ExportError if it cannot load the file.
    """
    graph = job.subject.graph
    flops = sum(op_cost(node.op, node.shape).flops for node in graph.nodes)
    count = max(1, min(IMAGES, int(IMAGES * SLOW / max(flops, 1))))
    images = np.random.default_rng(0).standard_normal((count, *graph.input.dims), dtype=np.float32)
    expected, found = litert_answers(content)(images), micro_answers(content, arena + ROOM)(images)
    return {
        "interpreter": "tflite-micro",
        "images": count,
        "largest_difference_in_steps": round(float(np.abs(found - expected).max()) / step),
        "same_class": int((found.argmax(axis=1) == expected.argmax(axis=1)).sum()),
    }


def python_line(path: Path) -> str:
    return f'ai_edge_litert.interpreter.Interpreter("{path}")'
