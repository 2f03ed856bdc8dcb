"""What a network may cost: maxima (`budgets.py`), names of latencies (`sources.py`), meters for them (`meters.py`)."""
