"""LiteRT files (TensorFlow Lite's flatbuffers), written from the deployed operators of a network.

    model = float_model(deployed, weights)          # network.py: a `Model`, in float32
    model = int8_model(model, batches)              # quantisation.py: calibrated, in INT8
    content = written(model)                        # flatbuffer.py: the bytes of the file
    Interpreter(content)                            # running.py: LiteRT's interpreter, or the microcontroller's

`docs/adr/0025-litert-files.md` says why the files are not made by a converter.
"""
