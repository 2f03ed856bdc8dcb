"""Latencies: measured on this machine, or predicted for others.

Start reading at `base.py`, then `measure.py` or `predictor.py`.

    latency.measure("SuperConvK3BNRELU(3,8,1,1)…", resolution=32, backend="onnxruntime", precision="int8").latency_ms
    latency.measure(torchvision.models.resnet18(), resolution=224, batch_size=8)
    latency.predict("SuperConvK3BNRELU(3,8,1,1)…", "v100-pytorch-fp16", resolution=224, num_classes=1000)

Importing this package imports neither torch nor numpy; what runs networks imports them when it is called.
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    # A module that can be called, see measure.py; imported when it is asked for.
    if name == "measure":
        return import_module("latency.measure")
    if name == "predict":
        return import_module("latency.predictor").predict
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
