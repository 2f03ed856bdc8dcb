"""Trained networks as files for other programs: `runner.py` (the steps), `base.py` (what a format is), `formats/`.

    made = zennas.export("runs/mine", format="onnx-int8", dataset="digits")
    made.path, made.sidecar["check"], made.sidecar["accuracy"]

Every file is loaded back and compared with PyTorch before it is written, and has a sidecar, FILE.json, that says all
that is needed to use it without this project. The package can be called: `zennas.export(…)` is `zennas.export.export`.
"""

import sys
from types import ModuleType
from typing import Any

from zennas.export.base import FORMATS, ExportError
from zennas.export.runner import Exported, export

__all__ = ["FORMATS", "ExportError", "Exported", "export"]


class _Callable(ModuleType):
    def __call__(self, *network: Any, **settings: Any) -> Exported:
        return export(*network, **settings)


sys.modules[__name__].__class__ = _Callable
