"""Forms of ONNX files that other compilers ask for: an older or newer opset, and one batch size. onnx is imported when
one is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from latency.base import first_line
from latency.measuring.onnx_files import OPSET
from zennas.exporting.base import ExportError, Option, Options

if TYPE_CHECKING:
    import onnx

ANY = "any"
FORM_OPTIONS: Mapping[str, Option] = {
    "opset": Option(OPSET, range(11, 24), f"{OPSET} is what PyTorch exports"),
    "batch_size": Option(ANY, range(1, 4097), "left out, a file takes batches of any size"),
}
"""Options of all ONNX formats. NPU compilers stop at opset 11, 12, 15 or 19, and most take one batch size only."""

SAME = {
    "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "Conv", "Expand", "Flatten",
    "Gemm", "GlobalAveragePool", "Identity", "MaxPool", "Mul", "Pad", "Relu", "Reshape", "Shape", "Sigmoid",
}  # fmt: skip
"""Operations that compute the same in float32 from opset 11 to 23, as they are written here.

Later opsets gave them more types, or attributes whose defaults change nothing. BatchNormalization is in evaluation mode
and Pad without axes. Others have to have one version over the whole way.
"""
NEWER = {("Reshape", "allowzero"): 14, ("BatchNormalization", "training_mode"): 14}
"""Attributes of these that older opsets do not know, with the first opset that does. Without them nothing changes:
batch normalisation is in evaluation mode, and no shape has zeros."""


def fixed_batch(options: Options) -> int | None:
    """Return the only batch size of a file, None for any."""
    size = options["batch_size"]
    return None if size == ANY else int(size)


def at_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """Return a model in float32 at another opset; `model` is changed.

    Raises ExportError if an operation of the model does not exist there as it is.
    """
    import onnx

    if opset == OPSET:
        return model
    for node in model.graph.node:
        _check_same(node.op_type, opset)
        for attribute in [one for one in node.attribute if NEWER.get((node.op_type, one.name), opset) > opset]:
            node.attribute.remove(attribute)
    versions = [onnx.helper.make_operatorsetid("", opset)]
    del model.opset_import[:]
    model.opset_import.extend(versions)
    model.ir_version = onnx.helper.find_min_ir_version_for(versions)  # which compilers check as well
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(
            f"the network cannot be written at opset {opset}: {first_line(error)}: fix the batch size with "
            "--batch-size, or choose a later --opset"
        ) from error
    return model


def _check_same(kind: str, opset: int) -> None:
    import onnx

    try:
        versions = {onnx.defs.get_schema(kind, max_inclusive_version=at).since_version for at in (opset, OPSET)}
    except onnx.defs.SchemaError:
        versions = set()
    if len(versions) != 1 and not (versions and kind in SAME):
        raise ExportError(f"{kind} is not the same at opset {opset} as at opset {OPSET}: export with --opset {OPSET}")
