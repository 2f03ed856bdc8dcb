"""Training networks: `recipe.py` has the settings, `runner.py` the steps, `loop.py` the loop, to be read at once."""
