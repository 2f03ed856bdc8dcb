#!/usr/bin/env bash
# onnx 1.23.2: the version converter refuses to take a Relu from opset 14 to 13, although nothing is to be converted.
#
# What changed in Relu in opset 14 is its types: integers were added. A network of floats is the same in both, with
# another number in its header. Expected: convert_version does this, as it does for MaxPool from 14 to 13, for Relu from 22
# to 21, and upwards. Seen: RuntimeError "No Adapter From Version $14 for Relu", so that no network with a Relu comes below
# opset 14, from whatever opset. The same for Add, Sub, Mul and Div; for Sigmoid from 13 to 12; and from 22 to 21 for
# GlobalMaxPool, though not for GlobalAveragePool. A relabelled network passes the checker and gives equal numbers.
# Seen with Python 3.11, onnx 1.23.2, numpy 2.4.6.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnx==1.23.2 numpy==2.4.6
cat >"$folder/program.py" <<'PROGRAM'
import numpy as np
from onnx import TensorProto, checker, defs, helper, version_converter
from onnx.reference import ReferenceEvaluator


def network(operator, opset):
    attributes = {"kernel_shape": [1, 1]} if operator == "MaxPool" else {}
    inputs = ["x", "x"] if defs.get_schema(operator, opset).min_input == 2 else ["x"]
    node = helper.make_node(operator, inputs, ["y"], **attributes)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 3, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "c", "h", "w"])
    graph = helper.make_graph([node], "graph", [x], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def told(operator, before, after):
    try:
        found = version_converter.convert_version(network(operator, before), after)
    except RuntimeError as error:
        return str(error).split("failed: ")[1]
    return f"opset {found.opset_import[0].version}"


for operator in ("MaxPool", "Relu", "Add", "Sub", "Mul", "Div"):
    print(f"{operator} from 14 to 13: {told(operator, 14, 13)}")
for operator, before, after in (
    ("Relu", 13, 14),
    ("Relu", 22, 21),
    ("Relu", 22, 13),
    ("Sigmoid", 13, 12),
    ("GlobalAveragePool", 22, 21),
    ("GlobalMaxPool", 22, 21),
):
    print(f"{operator} from {before} to {after}: {told(operator, before, after)}")

types = [set(next(iter(defs.get_schema("Relu", opset).type_constraints)).allowed_type_strs) for opset in (13, 14)]
print("new types in opset 14:", *sorted(types[1] - types[0]), "| gone:", *sorted(types[0] - types[1]))
relabelled = network("Relu", 14)
relabelled.opset_import[0].version = 13
checker.check_model(relabelled, full_check=True)
x = np.random.default_rng(0).standard_normal((1, 2, 3, 4), dtype=np.float32)
one, two = (ReferenceEvaluator(each).run(None, {"x": x})[0] for each in (network("Relu", 14), relabelled))
print("relabelled, the checker passes, and the numbers are equal:", np.array_equal(one, two))
PROGRAM
"$folder/venv/bin/python" "$folder/program.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
MaxPool from 14 to 13: opset 13
Relu from 14 to 13: No Adapter From Version $14 for Relu
Add from 14 to 13: No Adapter From Version $14 for Add
Sub from 14 to 13: No Adapter From Version $14 for Sub
Mul from 14 to 13: No Adapter From Version $14 for Mul
Div from 14 to 13: No Adapter From Version $14 for Div
Relu from 13 to 14: opset 14
Relu from 22 to 21: opset 21
Relu from 22 to 13: No Adapter From Version $14 for Relu
Sigmoid from 13 to 12: No Adapter From Version $13 for Sigmoid
GlobalAveragePool from 22 to 21: opset 21
GlobalMaxPool from 22 to 21: No Adapter From Version $22 for GlobalMaxPool
new types in opset 14: tensor(int16) tensor(int32) tensor(int64) tensor(int8) | gone:
relabelled, the checker passes, and the numbers are equal: True
SEEN
