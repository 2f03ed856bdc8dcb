"""Latencies predicted from a profile. `predictor.py` is the entrance; nothing here imports torch."""
