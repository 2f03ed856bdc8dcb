"""Networks in INT8: static quantisation with explicit Q/DQ, weights per channel. Imports onnxruntime when called.

Activations are unsigned for CPUs: with signed activations, onnxruntime is slower than float32 on x86. TensorRT requires
everything to be symmetric and signed.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latency.base import LatencyError, MeasureSettings, Subject, UnavailableError, first_line
from latency.measuring.onnx_files import INPUT, export

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

CALIBRATION_IMAGES = 16


def why_not() -> str | None:
    """Return None if networks can be quantised here, else what is missing."""
    try:
        import onnxruntime.quantization  # noqa: F401
    except ImportError:
        return "onnxruntime is not installed: pip install 'zennas[onnx]'"
    return None


def onnx_network(subject: Subject, settings: MeasureSettings, batch: NDArray[np.float32]) -> onnx.ModelProto:
    """Return the network as ONNX for CPUs, for the batch size of `batch`: in INT8, or in float32 for other precisions.

    Raises LatencyError.
    """
    model = export(subject, len(batch))
    if settings.precision != "int8":
        return model
    return quantised(model, calibration_batches(batch, settings.seed))


def calibration_batches(batch: NDArray[np.float32], seed: int) -> list[NDArray[np.float32]]:
    """Return `batch` and more batches of its size, of noise with its mean and spread: `CALIBRATION_IMAGES` images."""
    import numpy as np

    rng = np.random.default_rng([seed, 1])
    batches = [batch]
    while len(batches) * len(batch) < CALIBRATION_IMAGES:
        noise = rng.standard_normal(batch.shape, dtype=np.float32)
        batches.append((noise * batch.std() + batch.mean()).astype(np.float32))
    return batches


def quantised(
    model: onnx.ModelProto, batches: Iterable[NDArray[np.float32]], symmetric: bool = False
) -> onnx.ModelProto:
    """Return `model` in INT8, calibrated by the minimum and maximum of each tensor. `model` is not changed.

    batches: images in batches of the size that the model takes, iterated over once. symmetric: signed activations
    around zero, Q/DQ at inputs only, biases in float32, as TensorRT requires; otherwise activations are unsigned.
    Raises LatencyError if the quantiser fails.
    """
    missing = why_not()
    if missing is not None:
        raise UnavailableError(missing)
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    options: dict[str, Any] = {"OpTypesToExcludeOutputQuantization": _LAST_TYPES}
    if symmetric:
        options = {
            "ActivationSymmetric": True,
            "WeightSymmetric": True,
            "QuantizeBias": False,
            "OpTypesToExcludeOutputQuantization": _FUSED_TYPES,
        }
    # Through files, because the quantiser would move the weights of a model in memory to a side file.
    with tempfile.TemporaryDirectory(prefix="zennas-") as folder, _quiet():
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(model.SerializeToString())
        try:
            quantize_static(
                source,
                target,
                _reader(batches),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=_FUSED_TYPES if symmetric else None,
                per_channel=True,
                activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                extra_options=options,
            )
        except Exception as error:  # anything that the quantiser or the calibrating session raises
            raise LatencyError(f"quantisation failed: {first_line(error)}") from error
        return onnx.load(target)


_LAST_TYPES = ["Gemm"]
"""What classifiers are: logits stay in float32, as two classes would often be equal in INT8."""
_FUSED_TYPES = ["Conv", "Gemm", "MatMul", "Add"]
"""What TensorRT runs in INT8 and fuses with what follows: it expects Q/DQ before these, but none before their ReLU."""


def _reader(batches: Iterable[NDArray[np.float32]]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rest: Iterator[NDArray[np.float32]] = iter(batches)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            batch = next(self.rest, None)
            return None if batch is None else {INPUT: batch}

    return Reader()


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the quantiser's advice to pre-process: batch-norm is already folded, and shapes are known."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
