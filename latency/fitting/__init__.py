"""Making profiles: measure kernels (`campaign.py`), fit them (`fit.py`), write a profile and its card (`making.py`)."""
