#!/usr/bin/env bash
# tflite-micro 0.dev20261023182759: an INT8 RELU6 that stands on its own ignores the scale and the zero point of its output.
#
# An INT8 file says for each value what its numbers mean: real = scale * (number - zero point). The output of a RELU or a
# RELU6 may have others than the input; -128 is the usual zero point for what is never negative. LiteRT converts in both.
# tflite-micro converts in RELU, but in RELU6 it only limits the input's numbers and hands them on, without an error.
# Expected: 0 0.5 2 4 6 for -4 0.5 2 4 7, as in LiteRT. Seen: 4 4.25 5 6 7. The result is right if both ends are the same.
# Seen with Python 3.11, tflite-micro 0.dev20261023182759, ai-edge-litert 2.3.0, flatbuffers 25.12.19, numpy 2.4.6, on x86-64.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    tflite-micro==0.dev20261023182759 ai-edge-litert==2.3.0 flatbuffers==25.12.19 numpy==2.4.6
cat >"$folder/program.py" <<'PROGRAM'
import flatbuffers
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tflite_micro import runtime
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema


def file_of(activation, ends):
    """One activation of five INT8 numbers, with a scale and a zero point for what goes in and for what comes out."""
    model = schema.ModelT()
    model.version = 3
    code = schema.OperatorCodeT()
    code.version = 2
    code.builtinCode = code.deprecatedBuiltinCode = activation
    model.operatorCodes = [code]
    model.buffers = [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.tensors = []
    for name, (scale, zero_point) in zip(("input", "output"), ends, strict=True):
        t = schema.TensorT()
        t.name, t.shape, t.type = name, [1, 5], schema.TensorType.INT8
        t.quantization = schema.QuantizationParametersT()
        t.quantization.scale, t.quantization.zeroPoint = np.float32([scale]), np.int64([zero_point])
        graph.tensors.append(t)
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [0], [1]
    graph.operators = [operator]
    graph.inputs, graph.outputs = [0], [1]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def micro(content, x):
    interpreter = runtime.Interpreter.from_bytes(content, arena_size=1 << 16)
    interpreter.set_input(x, 0)
    interpreter.invoke()
    return interpreter.get_output(0)


def litert(content, x):
    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


IN, OUT = (0.0625, 0), (0.03125, -128)  # scale and zero point
real = np.float32([[-4, 0.5, 2, 4, 7]])
x = np.int8(real / IN[0] + IN[1])
print("numbers in:", *real[0])
for name, ends in (("RELU", (IN, OUT)), ("RELU6", (IN, OUT)), ("RELU6", (IN, IN))):
    content = file_of(getattr(schema.BuiltinOperator, name), ends)
    print(name, "with another scale for its output" if ends[0] != ends[1] else "with the scale of its input")
    for run in (litert, micro):
        scale, zero_point = ends[1]
        print(f"  {run.__name__}:", *(scale * (run(content, x)[0].astype(np.float32) - zero_point)))
PROGRAM
"$folder/venv/bin/python" "$folder/program.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
numbers in: -4.0 0.5 2.0 4.0 7.0
RELU with another scale for its output
  litert: 0.0 0.5 2.0 4.0 7.0
  micro: 0.0 0.5 2.0 4.0 7.0
RELU6 with another scale for its output
  litert: 0.0 0.5 2.0 4.0 6.0
  micro: 4.0 4.25 5.0 6.0 7.0
RELU6 with the scale of its input
  litert: 0.0 0.5 2.0 4.0 6.0
  micro: 0.0 0.5 2.0 4.0 6.0
SEEN
