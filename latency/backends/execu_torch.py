"""ExecuTorch with XNNPACK on CPUs, float32 and INT8: a runtime for phones that also runs on Linux.

Lowering takes up to half a minute, and single layers cannot be timed, so use it for a few final candidates.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from latency.base import BACKENDS, LatencyError, LayerTime, MeasureSettings, Subject, first_line
from latency.kernels import Fusion
from latency.measuring.conditions import version_of, versions_of
from latency.measuring.quantise import calibration_batches

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray


class ExecuTorch:
    """ExecuTorch programs whose operations are delegated to XNNPACK as far as XNNPACK supports them."""

    name = "executorch"
    precisions: tuple[str, ...] = ("fp32", "int8")
    tolerance: Mapping[str, float] = {"fp32": 1e-2, "int8": 0.6}
    arithmetic: Mapping[str, str] = {
        "fp32": "float32, as XNNPACK computes float32 files unless they ask for float16",
        "int8": "INT8 where the file is quantised, else float32",
    }
    options: tuple[str, ...] = ()
    fusion = Fusion(addition=False, zeros="removed")

    def available(self, precision: str = "fp32", device: str = "cpu") -> str | None:
        # Not imported here, because the import takes seconds and prints warnings.
        if version_of("executorch") is None:
            return "executorch is not installed: pip install 'zennas[executorch]'"
        if device != "cpu":
            return f"the executorch back end runs on the CPU only, not on {device}: use torch or tensorrt"
        if precision == "int8" and version_of("torchao") is None:
            return "torchao, which quantises for executorch, is not installed: pip install torchao"
        return None

    @contextmanager
    def prepare(
        self, subject: Subject, settings: MeasureSettings, batch: NDArray[np.float32]
    ) -> Iterator[ExecuTorchSession]:
        with _quiet():
            program = _lowered(subject, settings, batch)
            session = ExecuTorchSession(program, settings.threads, batch)
        yield session

    def versions(self) -> dict[str, str]:
        return versions_of("executorch", "torchao", "torch")


class ExecuTorchSession:
    """A loaded program and its input. Outputs are copied on every run, which is part of the measured time."""

    clock = "cpu"

    def __init__(self, program: bytes, threads: int, batch: NDArray[np.float32]) -> None:
        import torch
        from executorch.extension.pybindings import portable_lib
        from executorch.runtime import Runtime

        portable_lib._unsafe_reset_threadpool(threads)  # before the delegate is loaded
        self._program = Runtime.get().load_program(program)
        self._method = self._program.load_method("forward")
        self._input = (torch.from_numpy(batch),)

    def run(self) -> None:
        self._method.execute(self._input)

    def output(self) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self._method.execute(self._input)[0].numpy()
        return found

    def layers(self, repeats: int) -> list[LayerTime]:
        raise LatencyError(
            f"executorch runs the delegated network as a whole and cannot time layers ({repeats} repeats requested): "
            "use onnxruntime or openvino"
        )


def _lowered(subject: Subject, settings: MeasureSettings, batch: NDArray[np.float32]) -> bytes:
    """Return the network as a program for XNNPACK. Raises LatencyError if it cannot be lowered."""
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    from latency.measuring.folding import folded

    network = folded(subject.build())
    images = (torch.from_numpy(batch),)
    try:
        if settings.precision == "int8":
            network = _quantised(network, calibration_batches(batch, settings.seed))
        exported = torch.export.export(network, images)
        edge = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
        return bytes(edge.to_executorch().buffer)
    except Exception as error:  # the exporter, the quantiser and the partitioner raise all kinds of errors
        raise LatencyError(f"{subject.name} cannot be lowered for executorch: {first_line(error)}") from error


def _quantised(network: torch.fx.GraphModule, batches: list[NDArray[np.float32]]) -> torch.fx.GraphModule:
    """Quantise with symmetric per-channel weights and static activations, which XNNPACK computes with."""
    import torch
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    images = [torch.from_numpy(batch) for batch in batches]
    exported: Any = torch.export.export(network, (images[0],)).module()
    quantiser = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    prepared = prepare_pt2e(exported, quantiser)
    for image in images:
        prepared(image)
    converted: torch.fx.GraphModule = convert_pt2e(prepared)
    return converted


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the lowering's log messages and warnings, and the runtime's output about the processor."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(), _standard_error_closed():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.disable(level)


@contextmanager
def _standard_error_closed() -> Iterator[None]:
    """Redirect standard error below Python, where C++ code writes to it."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


BACKENDS.add("executorch", ExecuTorch())
