"""Search strategies, one file each. `base.py` says what a strategy is; `evolution.py` is the default."""
