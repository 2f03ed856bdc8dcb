"""Executors evaluate candidates; one file each. `base.py` defines them. Results do not depend on the executor."""
