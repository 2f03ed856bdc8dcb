"""Runs of any command: a folder with one SQLite file (`store.py`), which contains candidates (`candidate.py`)."""
