"""How well proxies rank networks that somebody has trained: `settings.py`, then `runner.py`, `result.py`."""
