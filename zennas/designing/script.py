"""The script that runs the file of a design with its sidecar, and without this project. No torch."""

from __future__ import annotations

_LITERT = '''"""Print the class of each picture: python {script} PICTURE … (needs ai-edge-litert, numpy and pillow)."""
import json, pathlib, sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps

file = pathlib.Path(__file__).with_name("{name}")
about = json.loads(file.with_name(file.name + ".json").read_text())
interpreter, (_, height, width, channels) = Interpreter(str(file)), about["input"]["shape"]
interpreter.allocate_tensors()
for picture in sys.argv[1:]:
    image = ImageOps.exif_transpose(Image.open(picture)).convert("L" if channels == 1 else "RGB")
    values = np.asarray(ImageOps.fit(image, (width, height))).reshape(1, height, width, channels) / 255
    values = (values - about["normalisation"]["mean"]) / about["normalisation"]["std"]
    stored = np.round(values / about["input"]["scale"]) + about["input"]["zero_point"]
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], stored.clip(-128, 127).astype("int8"))
    interpreter.invoke()
    logits = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    print(picture, about["classes"][logits.argmax()])
'''
_ONNX = '''"""Print the class of each picture: python {script} PICTURE … (needs onnxruntime, numpy and pillow)."""
import json, pathlib, sys
import numpy as np
import onnxruntime
from PIL import Image, ImageOps

file = pathlib.Path(__file__).with_name("{name}")
about = json.loads(file.with_name(file.name + ".json").read_text())
session, (_, channels, height, width) = onnxruntime.InferenceSession(str(file)), about["input"]["shape"]
for picture in sys.argv[1:]:
    image = ImageOps.exif_transpose(Image.open(picture)).convert("L" if channels == 1 else "RGB")
    values = np.asarray(ImageOps.fit(image, (width, height))).reshape(height, width, channels) / 255
    values = (values - about["normalisation"]["mean"]) / about["normalisation"]["std"]
    (logits,) = session.run(["logits"], {{"images": values.transpose(2, 0, 1)[None].astype("float32")}})
    print(picture, about["classes"][logits.argmax()])
'''
SCRIPTS = {"litert-int8": _LITERT, "onnx": _ONNX, "onnx-int8": _ONNX}
"""By format."""
SCRIPT_FILE = "classify.py"


def script_for(format: str, name: str) -> str | None:
    """Return the script for a file in this format and with this name; None for formats without one."""
    text = SCRIPTS.get(format)
    return None if text is None else text.format(script=SCRIPT_FILE, name=name)
