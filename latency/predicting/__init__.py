"""Predicting latencies from a profile. Start reading at `predictor.py`; nothing here imports torch."""
