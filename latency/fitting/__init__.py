"""Making profiles: kernels are measured (`campaign.py`), fitted (`fit.py`), and written with a card (`making.py`)."""
