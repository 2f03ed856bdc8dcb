"""Shared code of the ONNX formats: onnxruntime loads the bytes back on the CPU."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from latency.base import first_line
from latency.measuring.onnx_files import INPUT, OUTPUT
from zennas.accuracy.comparison import FileAnswers
from zennas.exporting.base import ExportError
from zennas.exporting.batching import in_batches

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def missing_runtime() -> str | None:
    """Return None if onnxruntime is installed, else how to install it."""
    return None if find_spec("onnxruntime") else "onnxruntime is not installed: pip install 'zennas[onnx]'"


def session_of(content: bytes) -> FileAnswers:
    """Return a function that runs the model in `content`. Raises ExportError if onnxruntime cannot load it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    # Spinning workers would take cores from PyTorch, which runs in turn with them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common base class
        raise ExportError(f"onnxruntime cannot load the file: {first_line(error)}") from error

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = session.run([OUTPUT], {INPUT: images})[0]
        return found

    size = session.get_inputs()[0].shape[0]
    return in_batches(run, size) if isinstance(size, int) else run


def python_line(path: Path) -> str:
    return f'onnxruntime.InferenceSession("{path}").run(None, {{"{INPUT}": batch}})'
