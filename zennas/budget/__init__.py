"""Budgets of a network: limits (`budgets.py`), sources of latencies (`sources.py`), their meters (`meters.py`)."""
