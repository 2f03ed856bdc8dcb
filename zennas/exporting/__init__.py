"""Export of trained networks to files for other programs.

    made = zennas.export("runs/mine", format="onnx-int8", dataset="digits")
    made.path, made.sidecar["check"], made.sidecar["accuracy"]

Every file is loaded back and compared with PyTorch before it is written. Its sidecar, FILE.json, contains everything
needed to use it. `runner.py` has the steps, `base.py` the interface of formats, and `formats/` the formats.
"""
