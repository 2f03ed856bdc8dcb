"""Searching for structures within a budget: `settings.py`, then `runner.py` (the steps), `result.py` (what came out).

`strategies/` propose candidates, `objectives/` say what is maximised, `executors/` evaluate; one file each.
"""
