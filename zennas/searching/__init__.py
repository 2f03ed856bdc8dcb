"""Searching for structures within a budget: `settings.py`, then `runner.py` (the steps) and `result.py` (the outcome).

`strategies/` propose candidates, `objectives/` define what is maximised, and `executors/` evaluate; one file each.
"""
