"""Where candidates are evaluated, one file each. `base.py` says what an executor is. Results do not depend on it."""
