"""What trainings minimise, one file each: `base.py` says what an objective is, and finds them all."""
