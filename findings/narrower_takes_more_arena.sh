#!/usr/bin/env bash
# tflite-micro 0.dev20261023182759: a network can take more RAM after one of its layers is made narrower.
#
# Five INT8 3x3 convolutions one after another, 48 channels, 16x16 pixels: each value is 12,288 bytes, and a convolution
# needs its input and its output, so that 24,576 bytes are enough. The interpreter takes just that. If one convolution
# gives 40 channels, the values alive at one time are at most as many bytes as before. Expected: at most 24,576 bytes.
# Seen: 34,816 bytes if it is the 1st or the 3rd, and still 26,624 bytes if it has 8 of 48 channels.
# The planner places the largest values first, and of equal ones the later first, each at the lowest place that is free
# while it lives. The values before and after a narrow one are not alive together, so they may get different halves of
# the 24,576 bytes. Then the narrow one, which comes last, finds both halves taken and goes on top.
# Seen with Python 3.11, tflite-micro 0.dev20261023182759, flatbuffers 25.12.19, numpy 2.4.6, on x86-64.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    tflite-micro==0.dev20261023182759 flatbuffers==25.12.19 numpy==2.4.6
cat >"$folder/program.py" <<'PROGRAM'
import os
import re

import flatbuffers
import numpy as np
from tflite_micro import runtime
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

WIDTH, SIDE, LAYERS = 48, 16, 5


def file_of(widths):
    """INT8 3x3 convolutions one after another, on an image of 16x16 pixels with WIDTH channels."""
    model = schema.ModelT()
    model.version = 3
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    model.operatorCodes = [code]
    model.buffers = [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.tensors, graph.operators = [], []

    def tensor(name, shape, kind, scale, data=None):
        t = schema.TensorT()
        t.name, t.shape, t.type = name, shape, kind
        t.quantization = schema.QuantizationParametersT()
        t.quantization.scale, t.quantization.zeroPoint = np.float32([scale]), np.int64([0])
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            model.buffers.append(buffer)
            t.buffer = len(model.buffers) - 1
        graph.tensors.append(t)
        return len(graph.tensors) - 1

    kinds = schema.TensorType
    value, inputs = tensor("image", [1, SIDE, SIDE, WIDTH], kinds.INT8, 0.1), WIDTH
    graph.inputs = [value]
    for width in widths:
        shape = [width, 3, 3, inputs]
        weights = tensor("weights", shape, kinds.INT8, 0.01, np.ones(shape, np.int8))
        bias = tensor("bias", [width], kinds.INT32, 0.001, np.zeros(width, np.int32))
        operator = schema.OperatorT()
        operator.inputs = [value, weights, bias]
        value, inputs = tensor("value", [1, SIDE, SIDE, width], kinds.INT8, 0.1), width
        operator.outputs = [value]
        operator.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
        operator.builtinOptions = schema.Conv2DOptionsT()
        operator.builtinOptions.padding = schema.Padding.SAME
        operator.builtinOptions.strideW = operator.builtinOptions.strideH = 1
        operator.builtinOptions.dilationWFactor = operator.builtinOptions.dilationHFactor = 1
        graph.operators.append(operator)
    graph.outputs = [value]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def planned(content):
    """Bytes of the head of the arena, where the values are, as the interpreter prints them to the process's stderr."""
    interpreter = runtime.Interpreter.from_bytes(content, arena_size=1 << 20)
    interpreter.set_input(np.ones((1, SIDE, SIDE, WIDTH), np.int8), 0)
    interpreter.invoke()
    read, write = os.pipe()
    kept = os.dup(2)
    os.dup2(write, 2)
    interpreter.print_allocations()
    os.dup2(kept, 2)
    os.close(write)
    with os.fdopen(read) as printed:
        text = printed.read()
    return int(re.search(r"allocation head (\d+) bytes", text)[1])


print("none narrowed:", planned(file_of([WIDTH] * LAYERS)))
for width in (40, 24, 8):
    sizes = [planned(file_of([width if i == place else WIDTH for i in range(LAYERS)])) for place in range(LAYERS)]
    print(f"{width} channels in the 1st, 2nd ... 5th:", *sizes)
PROGRAM
"$folder/venv/bin/python" "$folder/program.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
none narrowed: 24576
40 channels in the 1st, 2nd ... 5th: 34816 24576 34816 24576 24576
24 channels in the 1st, 2nd ... 5th: 30720 24576 30720 24576 24576
8 channels in the 1st, 2nd ... 5th: 26624 24576 26624 24576 24576
SEEN
