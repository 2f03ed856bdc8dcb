"""What a run is, whatever made it: a folder with one SQLite file (`store.py`) of candidates (`candidate.py`)."""
