"""What a search maximises, one file each. `base.py` says what an objective is."""
