"""The engine of the proxies: shared passes over a network (`probe.py`) and closed-form moments (`moments.py`)."""
