#!/usr/bin/env bash
# ai-edge-quantizer 0.10.0: the ranges of a quantised file depend on the order of the calibration samples, and on how they
# are put into batches; the largest value may be far outside of them.
#
# Its algorithm is called min_max_uniform_quantize. Expected: the least and the largest value of all samples, as when all
# are in one batch. Seen: a moving average over the calls, which begins with the first sample's range and gives each next
# one a weight of 0.05. Of 20 samples one has the values -100 and 100, the others -1 and 1. The quantised input reaches
# 99.61 if all are in one batch, one by one 38.51 if the large one is the first, and 5.97 if it is the last. Of 200 samples
# it reaches 1.01 if the large one is the first: nothing of it is left. Larger values have no number in the file.
# Seen with Python 3.11, ai-edge-quantizer 0.10.0, ai-edge-litert 2.3.0, flatbuffers 25.12.19, numpy 2.4.6, on x86-64.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    ai-edge-quantizer==0.10.0 ai-edge-litert==2.3.0 flatbuffers==25.12.19 numpy==2.4.6
cat >"$folder/program.py" <<'PROGRAM'
import contextlib
import io

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe


def float_file(rows):
    """One fully connected layer that gives its two inputs unchanged."""
    model = schema.ModelT()
    model.version = 3
    code = schema.OperatorCodeT()
    code.version = 1
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    model.operatorCodes = [code]
    model.buffers = [schema.BufferT(), schema.BufferT()]
    model.buffers[1].data = np.frombuffer(np.eye(2, dtype=np.float32).tobytes(), np.uint8)
    graph = schema.SubGraphT()
    graph.tensors = []
    for name, shape, buffer in (("x", [rows, 2], 0), ("weights", [2, 2], 1), ("y", [rows, 2], 0)):
        t = schema.TensorT()
        t.name, t.shape, t.type, t.buffer = name, shape, schema.TensorType.FLOAT32, buffer
        graph.tensors.append(t)
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [0, 1, -1], [2]
    operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions = schema.FullyConnectedOptionsT()
    graph.operators, graph.inputs, graph.outputs = [operator], [0], [2]
    model.subgraphs = [graph]
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "serving_default", 0
    signature.inputs, signature.outputs = [schema.TensorMapT()], [schema.TensorMapT()]
    for end, name, index in ((signature.inputs[0], "x", 0), (signature.outputs[0], "y", 2)):
        end.name, end.tensorIndex = name, index
    model.signatureDefs = [signature]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def largest(batches):
    """Return the largest number that the input of the file has, when it is quantised after calibration with these."""
    one = quantizer.Quantizer(float_file(len(batches[0])), recipe.static_wi8_ai8())
    statistics = one.calibrate({"serving_default": [{"x": np.float32(batch)} for batch in batches]}, num_threads=1)
    with contextlib.redirect_stdout(io.StringIO()):
        content = one.quantize(statistics).quantized_model
    scale, zero_point = Interpreter(model_content=bytes(content)).get_input_details()[0]["quantization"]
    return scale * (127 - zero_point)


small, large = [-1, 1], [-100, 100]
for count in (20, 200):
    rest = [small] * (count - 1)
    print(f"{count} samples, of which one reaches 100 and the others 1: the largest number of the quantised input is")
    print(f"  {largest([[large, *rest]]):.2f} with all in one batch")
    print(f"  {largest([[each] for each in [large, *rest]]):.2f} one by one, the large one first")
    print(f"  {largest([[each] for each in [*rest, large]]):.2f} one by one, the large one last")
PROGRAM
"$folder/venv/bin/python" -W ignore "$folder/program.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
20 samples, of which one reaches 100 and the others 1: the largest number of the quantised input is
  99.61 with all in one batch
  38.51 one by one, the large one first
  5.97 one by one, the large one last
200 samples, of which one reaches 100 and the others 1: the largest number of the quantised input is
  99.61 with all in one batch
  1.01 one by one, the large one first
  5.97 one by one, the large one last
SEEN
