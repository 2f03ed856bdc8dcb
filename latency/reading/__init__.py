"""Networks of others as op graphs: any convolutional `nn.Module`, and ONNX files.

    read_graph("resnet18", torchvision.models.resnet18(), channels=3, size=224)      in `module.py`
    load(Path("network.onnx"))                                                       in `onnx_file.py`

The module runs once on the meta device, where nothing is computed, and every call of torch is translated by the
function that `functions/` registers for it. `layout.py` follows how values are reshaped and permuted.
"""
