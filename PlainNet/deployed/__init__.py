"""The operators of a network as they stand in an INT8 file for microcontrollers (LiteRT, formerly TensorFlow Lite).

`operators.py` defines them, `deploy.py` makes them from an op graph, after `simplify.py`; `windows.py` aligns windows.
What a file needs follows from them without writing it: RAM and flash. Nothing here imports torch.
"""
