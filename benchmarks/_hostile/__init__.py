"""Generated inputs that a user could meet by accident or by malice, one file for each area; see `hostile.py`."""
