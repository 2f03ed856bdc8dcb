"""Training networks: `recipe.py` defines the settings, `runner.py` the steps, and `loop.py` the training loop."""
