"""Training objectives, one file each; `base.py` defines what an objective is and registers them."""
