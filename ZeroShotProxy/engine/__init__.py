"""What proxies are computed with: shared passes over a network (`probe.py`) and closed-form moments (`moments.py`)."""
