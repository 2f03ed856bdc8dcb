#!/usr/bin/env bash
# ethos-u-vela 5.2.0: by its estimate, a convolution takes fewer cycles if it gets more channels.
#
# INT8 3x3 convolutions of 16x16 pixels for Ethos-U55-128. A convolution of 24 input channels can be computed as one of 32
# with zeros, and one of 65 or 72 as one of 80. Expected: steps, but never a step down. Seen: 24 to 64 channels takes
# 56,204 cycles, 32 to 64 43,172; 65 channels takes 158,556, 72 167,228, 80 154,292, where 64 takes 85,220. For 24, 65 and
# 72 channels the compiler chooses the order "PartKernel", for the others "DepthFirst". The older of its two compilers
# (--debug-force-legacy-core) estimates cycles that grow with the channels, and 45,460 for 24 to 64.
# These are estimates that the compiler prints; no chip was timed.
# Seen with Python 3.11, ethos-u-vela 5.2.0, flatbuffers 25.12.19, numpy 2.4.6, on x86-64. The file is written with the
# schema that tflite-micro 0.dev20261023182759 ships.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    ethos-u-vela==5.2.0 tflite-micro==0.dev20261023182759 flatbuffers==25.12.19 numpy==2.4.6
cat >"$folder/program.py" <<'PROGRAM'
import csv
import glob
import pathlib
import re
import subprocess
import sys
import tempfile

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema


def file_of(inputs, width):
    """One INT8 3x3 convolution with random weights on 16x16 pixels."""
    model = schema.ModelT()
    model.version = 3
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    model.operatorCodes = [code]
    model.buffers = [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.tensors, kinds = [], schema.TensorType

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

    shape = [width, 3, 3, inputs]
    numbers = np.random.default_rng(0).integers(-127, 128, shape, dtype=np.int8)
    operator = schema.OperatorT()
    operator.inputs = [
        tensor("image", [1, 16, 16, inputs], kinds.INT8, 0.1),
        tensor("weights", shape, kinds.INT8, 0.01, numbers),
        tensor("bias", [width], kinds.INT32, 0.001, np.zeros(width, np.int32)),
    ]
    operator.outputs = [tensor("value", [1, 16, 16, width], kinds.INT8, 0.1)]
    operator.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
    operator.builtinOptions = schema.Conv2DOptionsT()
    operator.builtinOptions.padding = schema.Padding.SAME
    operator.builtinOptions.strideW = operator.builtinOptions.strideH = 1
    operator.builtinOptions.dilationWFactor = operator.builtinOptions.dilationHFactor = 1
    graph.inputs, graph.operators, graph.outputs = operator.inputs[:1], [operator], operator.outputs
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def compiled(inputs, width, *options):
    """Return the cycles by Vela's estimate, and in which order the convolution goes through kernels and depth."""
    with tempfile.TemporaryDirectory() as folder:
        network = pathlib.Path(folder, "network.tflite")
        network.write_bytes(file_of(inputs, width))
        vela = [pathlib.Path(sys.executable).with_name("vela"), network, "--output-dir", folder, "--verbose-schedule"]
        vela += ["--accelerator-config", "ethos-u55-128", *options]
        printed = subprocess.run(vela, check=True, capture_output=True, text=True).stdout
        with open(glob.glob(f"{folder}/network_summary_*.csv")[0]) as summary:
            cycles = int(float(next(csv.DictReader(summary))["cycles_total"]))
        traversal = re.search(r"Operator Config .* Traversal=(\w+)", printed)
        return f"{cycles:,} cycles" + (f", {traversal[1]}" if traversal else "")


for options in ((), ("--debug-force-legacy-core",)):
    print(*(options or ["the default"]))
    for inputs, width in ((24, 64), (32, 64), (64, 64), (65, 65), (72, 72), (80, 80)):
        print(f"  {inputs} to {width} channels: {compiled(inputs, width, *options)}")
PROGRAM
"$folder/venv/bin/python" "$folder/program.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
the default
  24 to 64 channels: 56,204 cycles, PartKernel
  32 to 64 channels: 43,172 cycles, DepthFirst
  64 to 64 channels: 85,220 cycles, DepthFirst
  65 to 65 channels: 158,556 cycles, PartKernel
  72 to 72 channels: 167,228 cycles, PartKernel
  80 to 80 channels: 154,292 cycles, DepthFirst
--debug-force-legacy-core
  24 to 64 channels: 45,460 cycles
  32 to 64 channels: 47,684 cycles
  64 to 64 channels: 94,340 cycles
  65 to 65 channels: 151,556 cycles
  72 to 72 channels: 152,676 cycles
  80 to 80 channels: 153,844 cycles
SEEN
