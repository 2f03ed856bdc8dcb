"""LiteRT files (TensorFlow Lite's flatbuffers), written from the deployed operators of a network.

    model = float_model(deployed, graph, network)   # network.py: a `Model`, in float32
    model = int8_model(model, ranges)               # quantisation.py: calibrated, in INT8
    content = written(model)                        # flatbuffer.py: the bytes of the file

`zennas export` writes them, and compilers of NPUs read them (`latency/estimators/`). `docs/adr/0025-litert-files.md`
says why the files are not made by a converter.
"""
