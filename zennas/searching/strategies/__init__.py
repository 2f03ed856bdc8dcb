"""Search strategies, one file each. `base.py` defines what a strategy is; `evolution.py` is the default."""
