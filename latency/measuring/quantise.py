"""Networks in INT8: static quantisation with explicit Q/DQ, per-channel weights. Imports onnxruntime when called.

Activations are unsigned for CPUs: with signed ones onnxruntime is slower than in float32 on x86. TensorRT wants
everything symmetric and signed.
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
    """None where networks can be quantised; else what is missing."""
    try:
        import onnxruntime.quantization  # noqa: F401
    except ImportError:
        return "onnxruntime is not installed: pip install 'zennas[onnx]'"
    return None


def onnx_network(subject: Subject, settings: MeasureSettings, batch: NDArray[np.float32]) -> onnx.ModelProto:
    """The network as ONNX for CPUs, in float32 or INT8, for batches of the size of `batch`. Raises LatencyError."""
    model = export(subject, len(batch))
    if settings.precision == "fp32":
        return model
    return quantised(model, calibration_batches(batch, settings.seed))


def calibration_batches(batch: NDArray[np.float32], seed: int) -> list[NDArray[np.float32]]:
    """`batch`, and batches of its size, of noise of its mean and spread, for `CALIBRATION_IMAGES` images in all."""
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
    """`model` in INT8, calibrated by the extremes that `batches` of images cause. `model` is left as it was.

    batches: of the size that the model takes; gone through once. symmetric: signed activations around zero, Q/DQ at
    inputs only, biases left in float32, as TensorRT wants it; otherwise unsigned activations.
    Raises LatencyError.
    """
    missing = why_not()
    if missing is not None:
        raise UnavailableError(missing)
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    options: dict[str, Any] = {}
    if symmetric:
        options = {
            "ActivationSymmetric": True,
            "WeightSymmetric": True,
            "QuantizeBias": False,
            "OpTypesToExcludeOutputQuantization": _FUSED_TYPES,
        }
    # By way of files: the quantiser moves the weights of a model that it is handed to a side file.
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
        except Exception as error:  # whatever the quantiser and the calibrating session raise
            raise LatencyError(f"quantisation failed: {first_line(error)}") from error
        return onnx.load(target)


_FUSED_TYPES = ["Conv", "Gemm", "MatMul", "Add"]
"""What TensorRT computes in INT8 with what follows fused: it wants Q/DQ before them, none between them and a ReLU."""


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
    """Without the quantiser's advice to pre-process: batch-norm is folded already, and shapes are known."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
