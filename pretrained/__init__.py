"""Data of the model zoo: `zoo.json`, read by `ZenNet.py`."""
