"""Trained networks as files for other programs: `runner.py` (the steps), `base.py` (what a format is), `formats/`.

    made = zennas.export("runs/mine", format="onnx-int8", dataset="digits")
    made.path, made.sidecar["check"], made.sidecar["accuracy"]

Every file is loaded back and compared with PyTorch before it is written. A sidecar, FILE.json, says all that is needed
to use it.
"""

from zennas.exporting.base import FORMATS, ExportError
from zennas.exporting.runner import Exported, export

__all__ = ["FORMATS", "ExportError", "Exported", "export"]
