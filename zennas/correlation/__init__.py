"""How well proxies rank trained networks: `settings.py`, then `runner.py` (the steps) and `result.py` (the outcome)."""
