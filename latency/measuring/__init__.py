"""Latencies measured on this machine. `measure.py` is the entrance; `timing.py` is the one timer."""
