"""The script that runs the file of a design with its sidecar, and without this project. No torch."""

from __future__ import annotations

_LITERT = '''"""Print the class of each picture: python classify.py FILE PICTURE … (with ai-edge-litert)."""
import json, pathlib, sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps

about, interpreter = json.loads(pathlib.Path(sys.argv[1] + ".json").read_text()), Interpreter(sys.argv[1])
shape, scale, zero = (about["input"][key] for key in ("shape", "scale", "zero_point"))
mean, std = (about["normalisation"][key] for key in ("mean", "std"))
interpreter.allocate_tensors()
for picture in sys.argv[2:]:
    image = ImageOps.exif_transpose(Image.open(picture)).convert("L" if shape[3] == 1 else "RGB")
    stored = np.round((np.asarray(ImageOps.fit(image, shape[2:0:-1])).reshape(shape) / 255 - mean) / std / scale) + zero
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], stored.clip(-128, 127).astype("int8"))
    interpreter.invoke()
    print(picture, about["classes"][interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).argmax()])
'''
_ONNX = '''"""Print the class of each picture: python classify.py FILE PICTURE … (with onnxruntime)."""
import json, pathlib, sys
import numpy as np
import onnxruntime
from PIL import Image, ImageOps

about, session = json.loads(pathlib.Path(sys.argv[1] + ".json").read_text()), onnxruntime.InferenceSession(sys.argv[1])
(_, channels, height, width), (mean, std) = about["input"]["shape"], about["normalisation"].values()
for picture in sys.argv[2:]:
    image = ImageOps.exif_transpose(Image.open(picture)).convert("L" if channels == 1 else "RGB")
    values = (np.asarray(ImageOps.fit(image, (width, height))).reshape(height, width, channels) / 255 - mean) / std
    (logits,) = session.run(["logits"], {"images": values.transpose(2, 0, 1)[None].astype("float32")})
    print(picture, about["classes"][logits.argmax()])
'''
SCRIPTS = {"litert-int8": _LITERT, "onnx": _ONNX, "onnx-int8": _ONNX}
"""The text of the script by the format of the file."""
SCRIPT_FILE = "classify.py"
